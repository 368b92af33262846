//! Evaluation: repeated stratified 80/20 splits with a training each, or a
//! trained model on all samples at once.

use ndarray::Array2;

use super::LearningError;
use super::calibration::{Calibration, CalibrationData};
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
    /// The number of iterations requested; more than were done when the time was up before.
    pub asked: usize,
    /// One entry for each split; exactly one when a trained model was evaluated.
    pub iterations: Vec<Iteration>,
    /// Means over the iterations.
    pub mean: Figures,
    /// Means over the iterations, one entry for each class.
    pub per_class: Vec<ClassFigures>,
    /// Of the probabilities of all iterations together, because chance adds less to the error of many samples.
    pub calibration: Calibration,
    /// Population standard deviation of the AUC over the iterations; two classes only.
    pub auc_deviation: Option<f64>,
    /// Population standard deviation of the score (weighted F1) over the iterations.
    pub score_deviation: f64,
}

/// One split of an evaluation.
#[derive(Debug, Clone, PartialEq)]
pub struct Iteration {
    /// The number of training samples; 0 when a trained model was evaluated.
    pub trained_on: usize,
    /// The number of test samples.
    pub rated_on: usize,
    /// The metrics of the test samples.
    pub figures: Figures,
    /// One entry for each class.
    pub per_class: Vec<ClassFigures>,
    /// The calibration of the probabilities.
    pub calibration: Calibration,
    /// One curve for two classes (the second class's), one for each class for more; none for a class without a test
    /// sample.
    pub roc: Vec<RocCurve>,
    /// Rows: true class; columns: predicted class; counts of samples.
    pub confusion: Vec<Vec<usize>>,
    /// What training decided, in sentences for an administrator.
    pub decisions: Vec<String>,
}

/// The number of entries of an iteration's calibration data that are kept for the merged calibration.
const MAX_CALIBRATION_ENTRIES: usize = 1_000;

/// Trains on 80 % of the samples and tests on the other 20 %, `iterations` times, each with another seeded split.
///
/// The iterations run in parallel; the result does not depend on the number of cores. `progress` is called after each
/// iteration and can end the evaluation early: the iterations done until then are the same as otherwise. Pass `&()` to
/// do all.
///
/// ```
/// use learner::dataset::{Class, Features, Labelled};
/// use learner::learning::evaluate;
///
/// let clicks: Vec<f32> = (0..40_u8).map(|row| f32::from(row % 10) / 10.0).collect();
/// let targets = clicks.iter().map(|&clicks| u32::from(clicks < 0.5)).collect();
/// let features = Features::of_columns(vec!["clicks".to_owned()], &[clicks]);
/// let classes = [0.0, 1.0].into_iter().filter_map(Class::new).collect();
/// let evaluation = evaluate(&Labelled::new(features, targets, classes), 3, &())?;
/// assert_eq!(evaluation.iterations.len(), 3);
/// assert_eq!(evaluation.iterations[0].rated_on, 8);
/// assert!(evaluation.mean.accuracy > 0.7);
/// # Ok::<(), learner::learning::LearningError>(())
/// ```
///
/// # Errors
/// [`LearningError::TooFewToSplit`] when a class has fewer than two samples.
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

/// Evaluates the predictions of a trained model: `probabilities` is samples × classes, in the order of the samples and of
/// their classes. The result has one iteration.
///
/// ```
/// use learner::dataset::{Class, Features, Labelled};
/// use learner::learning::rate;
/// use ndarray::array;
///
/// let features = Features::of_columns(vec!["clicks".to_owned()], &[vec![0.0, 1.0]]);
/// let classes = [0.0, 1.0].into_iter().filter_map(Class::new).collect();
/// let samples = Labelled::new(features, vec![0, 1], classes);
/// let evaluation = rate(&samples, &array![[0.9, 0.1], [0.2, 0.8]]);
/// assert_eq!(evaluation.mean.accuracy, 1.0);
/// assert_eq!(evaluation.iterations[0].confusion, [[1, 0], [0, 1]]);
/// ```
///
/// # Panics
/// When the number of rows of `probabilities` is not the number of samples.
#[must_use]
pub fn rate(samples: &Labelled, probabilities: &Array2<f64>) -> Evaluation {
    assert_eq!(samples.targets().len(), probabilities.nrows(), "one row of probabilities for each sample");
    let rows: Vec<u32> = (0..samples.targets().len() as u32).collect();
    let only = rated(0, probabilities, &targets_of(samples, &rows), Vec::new());
    summarised(samples.classes(), 1, vec![only])
}

fn targets_of(samples: &Labelled, rows: &[u32]) -> Vec<usize> {
    rows.iter().map(|&row| samples.targets()[row as usize] as usize).collect()
}

/// One iteration, and the calibration data of its probabilities.
fn rated(
    trained_on: usize,
    probabilities: &Array2<f64>,
    targets: &[usize],
    decisions: Vec<String>,
) -> (Iteration, CalibrationData) {
    let confusion = confusion(probabilities, targets);
    let roc = roc_curves(probabilities, targets);
    let per_class = class_figures(&confusion, &roc);
    let figures = figures(probabilities, targets, &confusion, &per_class);
    let data = CalibrationData::of(probabilities, targets);
    let calibration = data.calibration();
    let rated_on = targets.len();
    let iteration =
        Iteration { trained_on, rated_on, figures, per_class, calibration, roc, confusion, decisions };
    (iteration, data.coarse(MAX_CALIBRATION_ENTRIES))
}

fn summarised(classes: &[Class], asked: usize, rated: Vec<(Iteration, CalibrationData)>) -> Evaluation {
    let (iterations, data): (Vec<Iteration>, Vec<CalibrationData>) = rated.into_iter().unzip();
    let all = data.into_iter().fold(CalibrationData::default(), CalibrationData::merged_with);
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
