//! Rates a way of learning on samples it has not seen: repeated stratified
//! 80/20 splits, or a trained model on all samples at once.

use ndarray::Array2;

use super::LearningError;
use super::calibration::{Calibration, Claims};
use super::folds::hold_out;
use super::metrics::{
    ClassFigures, Figures, RocCurve, class_figures, confusion, figures, mean_and_deviation,
    mean_class_figures, roc_curves,
};
use super::progress::{Progress, in_turn};
use super::train::train_on;
use crate::dataset::{Class, Labelled};

/// What an evaluation measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// The labels of the classes, as Moodle wrote them.
    pub classes: Vec<String>,
    /// How many iterations were asked for: more than there are when the time was up before.
    pub asked: usize,
    /// One entry per split; exactly one when a trained model was rated.
    pub iterations: Vec<Iteration>,
    /// Means over the iterations.
    pub mean: Figures,
    /// Means over the iterations, one entry a class.
    pub per_class: Vec<ClassFigures>,
    /// Of the probabilities of all iterations together: of one alone, chance would make up more of it.
    pub calibration: Calibration,
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
    /// One entry a class.
    pub per_class: Vec<ClassFigures>,
    /// Whether the probabilities came true.
    pub calibration: Calibration,
    /// One curve for two classes (the second class's), one per class for more; a class without a
    /// sample among those rated has none.
    pub roc: Vec<RocCurve>,
    /// Rows: true class; columns: predicted class; counts of samples.
    pub confusion: Vec<Vec<usize>>,
    /// What the learner decided, in sentences for an administrator.
    pub decisions: Vec<String>,
}

/// So many entries of an iteration's claims are kept, to be put together with the others'.
const KEPT_CLAIMS: usize = 1_000;

/// Trains on 80 % and rates on the other 20 %, `iterations` times, each with another seeded split; the
/// iterations run in parallel and do not depend on how many cores there are. `progress` hears of each,
/// and can end the evaluation early: the iterations that were done are then the same as otherwise.
///
/// # Errors
/// [`LearningError::TooFewToSplit`] when a class has less than two samples.
pub fn evaluate(
    samples: &Labelled,
    iterations: usize,
    progress: &dyn Progress,
) -> Result<Evaluation, LearningError> {
    let counts = samples.class_counts();
    if let Some(class) = counts.iter().position(|&count| count < 2) {
        return Err(LearningError::TooFewToSplit { class: samples.classes()[class], samples: counts[class] });
    }
    let rows: Vec<u32> = (0..samples.targets().len() as u32).collect();
    let done = in_turn(iterations, progress, |seed| {
        let split = hold_out(&rows, samples.targets(), samples.classes().len(), seed)?;
        let model = train_on(samples, &split.train);
        let probabilities = model.probabilities(samples.features(), &split.test);
        let targets = targets_of(samples, &split.test);
        Some(rated(split.train.len(), &probabilities, &targets, model.decisions))
    });
    Ok(summarised(samples.classes(), iterations, done.into_iter().flatten().collect()))
}

/// Rates the answers of a trained model: `probabilities` is samples × classes.
///
/// # Panics
/// When there is not one row of probabilities a sample.
#[must_use]
pub fn rate(samples: &Labelled, probabilities: &Array2<f64>) -> Evaluation {
    assert_eq!(samples.targets().len(), probabilities.nrows(), "one row of probabilities a sample");
    let rows: Vec<u32> = (0..samples.targets().len() as u32).collect();
    let only = rated(0, probabilities, &targets_of(samples, &rows), Vec::new());
    summarised(samples.classes(), 1, vec![only])
}

fn targets_of(samples: &Labelled, rows: &[u32]) -> Vec<usize> {
    rows.iter().map(|&row| samples.targets()[row as usize] as usize).collect()
}

/// One iteration, and what its probabilities claimed.
fn rated(
    trained_on: usize,
    probabilities: &Array2<f64>,
    targets: &[usize],
    decisions: Vec<String>,
) -> (Iteration, Claims) {
    let confusion = confusion(probabilities, targets);
    let roc = roc_curves(probabilities, targets);
    let per_class = class_figures(&confusion, &roc);
    let figures = figures(probabilities, targets, &confusion, &per_class);
    let claims = Claims::of(probabilities, targets);
    let calibration = claims.calibration();
    let rated_on = targets.len();
    let iteration =
        Iteration { trained_on, rated_on, figures, per_class, calibration, roc, confusion, decisions };
    (iteration, claims.coarse(KEPT_CLAIMS))
}

fn summarised(classes: &[Class], asked: usize, rated: Vec<(Iteration, Claims)>) -> Evaluation {
    let (iterations, claims): (Vec<Iteration>, Vec<Claims>) = rated.into_iter().unzip();
    let all = claims.into_iter().fold(Claims::default(), Claims::with);
    let each: Vec<&[ClassFigures]> = iterations.iter().map(|one| &one.per_class[..]).collect();
    let per_class = mean_class_figures(&each);
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
        asked,
        iterations,
        mean,
        per_class,
        calibration: all.calibration(),
        auc_deviation: auc.map(|(_, deviation)| deviation),
        score_deviation,
    }
}
