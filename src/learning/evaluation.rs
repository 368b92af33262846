//! Rates a way of learning on samples it has not seen: repeated stratified
//! 80/20 splits, or a trained model on all samples at once.

use ndarray::Array2;
use rayon::prelude::*;

use super::LearningError;
use super::folds::hold_out;
use super::metrics::{Figures, RocCurve, confusion, figures, mean_and_deviation, roc_curves};
use super::train::train_on;
use crate::dataset::{Class, Labelled};

/// What an evaluation measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// The labels of the classes, as Moodle wrote them.
    pub classes: Vec<String>,
    /// One entry per split; exactly one when a trained model was rated.
    pub iterations: Vec<Iteration>,
    /// Means over the iterations.
    pub mean: Figures,
    /// Population standard deviation of the AUC over the iterations; two classes only.
    pub auc_deviation: Option<f64>,
    /// Population standard deviation of the score (weighted F1) over the iterations.
    pub score_deviation: f64,
}

/// One split of an evaluation.
#[derive(Debug, Clone, PartialEq)]
pub struct Iteration {
    /// Samples trained on; 0 when a trained model was rated.
    pub trained_on: usize,
    /// Samples rated.
    pub rated_on: usize,
    /// What they were worth.
    pub figures: Figures,
    /// One curve for two classes (the second class's), one per class for more; a class without a
    /// sample among those rated has none.
    pub roc: Vec<RocCurve>,
    /// Rows: true class; columns: predicted class; counts of samples.
    pub confusion: Vec<Vec<usize>>,
    /// What the learner decided, in sentences for an administrator.
    pub decisions: Vec<String>,
}

/// Trains on 80 % and rates on the other 20 %, `iterations` times, each with another seeded split;
/// the iterations run in parallel and do not depend on how many cores there are.
///
/// # Errors
/// [`LearningError::TooFewToSplit`] when a class has less than two samples.
pub fn evaluate(samples: &Labelled, iterations: usize) -> Result<Evaluation, LearningError> {
    let counts = samples.class_counts();
    if let Some(class) = counts.iter().position(|&count| count < 2) {
        return Err(LearningError::TooFewToSplit { class: samples.classes()[class], samples: counts[class] });
    }
    let rows: Vec<u32> = (0..samples.targets().len() as u32).collect();
    let iterations: Vec<Iteration> = (0..iterations as u64)
        .into_par_iter()
        .filter_map(|seed| {
            let split = hold_out(&rows, samples.targets(), samples.classes().len(), seed)?;
            let model = train_on(samples, &split.train);
            let probabilities = model.probabilities(samples.features(), &split.test);
            let targets = targets_of(samples, &split.test);
            Some(iteration(split.train.len(), &probabilities, &targets, model.decisions))
        })
        .collect();
    Ok(summarised(samples.classes(), iterations))
}

/// Rates the answers of a trained model: `probabilities` is samples × classes.
///
/// # Panics
/// When there is not one row of probabilities a sample.
#[must_use]
pub fn rate(samples: &Labelled, probabilities: &Array2<f64>) -> Evaluation {
    assert_eq!(samples.targets().len(), probabilities.nrows(), "one row of probabilities a sample");
    let rows: Vec<u32> = (0..samples.targets().len() as u32).collect();
    let only = iteration(0, probabilities, &targets_of(samples, &rows), Vec::new());
    summarised(samples.classes(), vec![only])
}

fn targets_of(samples: &Labelled, rows: &[u32]) -> Vec<usize> {
    rows.iter().map(|&row| samples.targets()[row as usize] as usize).collect()
}

fn iteration(
    trained_on: usize,
    probabilities: &Array2<f64>,
    targets: &[usize],
    decisions: Vec<String>,
) -> Iteration {
    let confusion = confusion(probabilities, targets);
    let roc = roc_curves(probabilities, targets);
    let figures = figures(probabilities, targets, &confusion, &roc);
    Iteration { trained_on, rated_on: targets.len(), figures, roc, confusion, decisions }
}

fn summarised(classes: &[Class], iterations: Vec<Iteration>) -> Evaluation {
    let of = |figure: fn(&Figures) -> f64| -> (f64, f64) {
        let numbers: Vec<f64> = iterations.iter().map(|iteration| figure(&iteration.figures)).collect();
        mean_and_deviation(&numbers)
    };
    let aucs: Vec<f64> = iterations.iter().filter_map(|iteration| iteration.figures.auc).collect();
    let auc = (!aucs.is_empty()).then(|| mean_and_deviation(&aucs));
    let (f1, score_deviation) = of(|figures| figures.f1);
    let mean = Figures {
        auc: auc.map(|(mean, _)| mean),
        balanced_accuracy: of(|figures| figures.balanced_accuracy).0,
        accuracy: of(|figures| figures.accuracy).0,
        precision: of(|figures| figures.precision).0,
        recall: of(|figures| figures.recall).0,
        f1,
        log_loss: of(|figures| figures.log_loss).0,
        brier: of(|figures| figures.brier).0,
        majority_accuracy: of(|figures| figures.majority_accuracy).0,
    };
    let classes = classes.iter().map(ToString::to_string).collect();
    Evaluation {
        classes,
        iterations,
        mean,
        auc_deviation: auc.map(|(_, deviation)| deviation),
        score_deviation,
    }
}
