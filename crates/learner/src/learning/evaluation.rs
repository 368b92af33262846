//! Evaluation: repeated stratified 80/20 splits with a training each, or the predictions of a trained model for all
//! samples.
//!
//! Owns the iterations and their summary. Must not know learners, nor the time limit.

use ndarray::{Array2, Axis};

use super::LearningError;
use super::calibration::{Calibration, CalibrationData};
use super::folds::{Holdout, hold_out};
use super::groups::{GroupCounts, GroupErrors, Groups};
use super::learning_curve::{self, LearningPoint, mean_curve};
use super::metrics::{
    ClassMetrics, Metrics, RocCurve, class_metrics, confusion, mean_and_deviation, mean_class_metrics,
    overall_metrics, roc_curves,
};
use super::permutation::{FeatureImportance, Shuffled, mean_importance, shuffle_features};
use super::probability_counts::ProbabilityCounts;
use super::progress::{Progress, run_iterations};
use super::repeated_rows::RepeatedRows;
use super::train::{train_on, train_with_recipe};
use crate::dataset::{Class, Labelled};

/// The result of an evaluation.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// The labels of the classes, as Moodle wrote them.
    pub classes: Vec<String>,
    /// The number of iterations requested; fewer are done when [`Progress::should_stop`] ends the evaluation early.
    pub requested_iterations: usize,
    /// One entry for each split; exactly one when a trained model was evaluated.
    pub iterations: Vec<Iteration>,
    /// Means over the iterations.
    pub mean: Metrics,
    /// Means over the iterations, one entry for each class.
    pub per_class: Vec<ClassMetrics>,
    /// Of the probabilities of all iterations together: chance adds less to the error of more samples.
    pub calibration: Calibration,
    /// The probabilities of all iterations together.
    pub probabilities: ProbabilityCounts,
    /// The features on which the models rely most, most important first; empty when a trained model was evaluated.
    pub importance: Vec<FeatureImportance>,
    /// What models of fewer samples reach, smallest first; empty when there are few samples, or a trained model was evaluated.
    pub learning_curve: Vec<LearningPoint>,
    /// The errors by groups of samples, if they were asked for.
    pub groups: Option<GroupErrors>,
    /// Population standard deviation of the AUC over the iterations; two classes only.
    pub auc_deviation: Option<f64>,
    /// Population standard deviation of the score (weighted F1) over the iterations.
    pub score_deviation: f64,
    /// The mean score when samples with equal features are all in the training part or all in the test part; only if it
    /// is lower than the mean by more than the deviation.
    pub grouped_score: Option<f64>,
}

/// One split of an evaluation.
#[derive(Debug, Clone, PartialEq)]
pub struct Iteration {
    /// The number of training samples; 0 when a trained model was evaluated.
    pub training_samples: usize,
    /// The number of test samples.
    pub test_samples: usize,
    /// The metrics of the test samples.
    pub metrics: Metrics,
    /// One entry for each class.
    pub per_class: Vec<ClassMetrics>,
    /// The calibration of the probabilities.
    pub calibration: Calibration,
    /// One curve for two classes (the second class's), one for each class for more; none for a class without a test
    /// sample.
    pub roc: Vec<RocCurve>,
    /// Rows: true class; columns: predicted class; counts of samples.
    pub confusion: Vec<Vec<usize>>,
    /// The decisions of the training, in sentences for an administrator.
    pub decisions: Vec<String>,
}

/// The number of entries of an iteration's calibration data that are kept for the merged calibration.
const MAX_CALIBRATION_ENTRIES: usize = 1_000;

/// Trains on 80 % of the samples and tests on the other 20 %, `iterations` times, each with another seeded split.
///
/// The iterations run in parallel; the result does not depend on the number of cores. `progress` is called after each
/// iteration and can end the evaluation early, which does not change the iterations done so far. Pass `&()` to do all.
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
/// assert_eq!(evaluation.iterations[0].test_samples, 8);
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
    evaluate_by_groups(samples, iterations, None, progress)
}

/// As [`evaluate`], with the errors by groups of the samples.
///
/// # Errors
/// As [`evaluate`].
pub fn evaluate_by_groups(
    samples: &Labelled,
    iterations: usize,
    groups: Option<&Groups>,
    progress: &dyn Progress,
) -> Result<Evaluation, LearningError> {
    let counts = samples.class_counts();
    if let Some(class) = counts.iter().position(|&count| count < 2) {
        return Err(LearningError::TooFewToSplit { class: samples.classes()[class], samples: counts[class] });
    }
    let rows: Vec<u32> = (0..samples.targets().len() as u32).collect();
    let repeated = RepeatedRows::of(samples);
    let done = run_iterations(iterations, progress, |seed| {
        let split = hold_out(&rows, samples.targets(), samples.classes().len(), seed)?;
        Some(iteration(samples, &split, &repeated, groups, (seed, progress)))
    });
    let (mut measured, mut unseen, mut shuffled) = (Vec::new(), Vec::new(), Vec::new());
    let (mut curves, mut counts) = (Vec::new(), Vec::new());
    for one in done.into_iter().flatten() {
        measured.push(one.measured);
        unseen.extend(one.unseen_score);
        shuffled.push(one.shuffled);
        curves.push(one.curve);
        counts.extend(one.groups);
    }
    let evaluation = summarise(samples.classes(), iterations, measured);
    let found = (evaluation.mean.f1, evaluation.score_deviation);
    let grouped_score = repeated.grouped_score(found, &unseen, progress, |split| {
        let model = train_on(samples, &split.train, &());
        let probabilities = model.probabilities(samples.features(), &split.test);
        score(&probabilities, &targets_of(samples, &split.test))
    });
    let counts = counts.into_iter().reduce(GroupCounts::merged_with);
    let groups = groups.zip(counts).map(|(groups, counts)| groups.errors(counts, samples.classes().len()));
    let (importance, learning_curve) = (mean_importance(&shuffled), mean_curve(&curves));
    Ok(Evaluation { importance, learning_curve, groups, grouped_score, ..evaluation })
}

/// The figures of one iteration.
struct Figures {
    measured: Measured,
    /// The score of the test rows that are equal to no training row, if there are any.
    unseen_score: Option<f64>,
    shuffled: Vec<Shuffled>,
    curve: Vec<LearningPoint>,
    groups: Option<GroupCounts>,
}

fn iteration(
    samples: &Labelled,
    split: &Holdout,
    repeated: &RepeatedRows<'_>,
    groups: Option<&Groups>,
    (seed, progress): (u64, &dyn Progress),
) -> Figures {
    let (model, recipe) = train_with_recipe(samples, &split.train, &());
    let probabilities = model.probabilities(samples.features(), &split.test);
    let targets = targets_of(samples, &split.test);
    let shuffled = shuffle_features(&model, samples.features(), &split.test, &targets, &probabilities, seed);
    let unseen = repeated.unseen(split);
    let of_unseen: Vec<usize> = unseen.iter().map(|&at| targets[at]).collect();
    let unseen_score =
        (!unseen.is_empty()).then(|| score(&probabilities.select(Axis(0), &unseen), &of_unseen));
    let groups = groups.map(|groups| groups.count(&split.test, &probabilities, &targets));
    let measured = measure(split.train.len(), &probabilities, &targets, model.decisions);
    let point = |training_samples, metrics: &Metrics| LearningPoint {
        training_samples,
        score: metrics.f1,
        auc: metrics.auc,
        log_loss: metrics.log_loss,
    };
    let has_curve = learning_curve::is_part_of(seed, split.train.len());
    let curve = if has_curve && !progress.should_stop() {
        let whole = point(split.train.len(), &measured.iteration.metrics);
        let parts = (&split.train[..], &split.test[..]);
        learning_curve::points(samples, parts, &recipe, seed, whole, |size, probabilities| {
            point(size, &measure(size, probabilities, &targets, Vec::new()).iteration.metrics)
        })
    } else {
        Vec::new()
    };
    Figures { measured, unseen_score, shuffled, curve, groups }
}

/// Weighted F1.
fn score(probabilities: &Array2<f64>, targets: &[usize]) -> f64 {
    measure(0, probabilities, targets, Vec::new()).iteration.metrics.f1
}

/// Evaluates the predictions of a trained model: `probabilities` is samples × classes, in the order of the samples and of
/// their classes. The result has one iteration.
///
/// ```
/// use learner::dataset::{Class, Features, Labelled};
/// use learner::learning::evaluate_predictions;
/// use ndarray::array;
///
/// let features = Features::of_columns(vec!["clicks".to_owned()], &[vec![0.0, 1.0]]);
/// let classes = [0.0, 1.0].into_iter().filter_map(Class::new).collect();
/// let samples = Labelled::new(features, vec![0, 1], classes);
/// let evaluation = evaluate_predictions(&samples, &array![[0.9, 0.1], [0.2, 0.8]]);
/// assert_eq!(evaluation.mean.accuracy, 1.0);
/// assert_eq!(evaluation.iterations[0].confusion, [[1, 0], [0, 1]]);
/// ```
///
/// # Panics
/// When the number of rows of `probabilities` is not the number of samples.
#[must_use]
pub fn evaluate_predictions(samples: &Labelled, probabilities: &Array2<f64>) -> Evaluation {
    assert_eq!(samples.targets().len(), probabilities.nrows(), "one row of probabilities for each sample");
    let rows: Vec<u32> = (0..samples.targets().len() as u32).collect();
    let only = measure(0, probabilities, &targets_of(samples, &rows), Vec::new());
    summarise(samples.classes(), 1, vec![only])
}

fn targets_of(samples: &Labelled, rows: &[u32]) -> Vec<usize> {
    rows.iter().map(|&row| samples.targets()[row as usize] as usize).collect()
}

/// One iteration, and what is merged over the iterations.
struct Measured {
    iteration: Iteration,
    calibration: CalibrationData,
    probabilities: ProbabilityCounts,
}

fn measure(
    training_samples: usize,
    probabilities: &Array2<f64>,
    targets: &[usize],
    decisions: Vec<String>,
) -> Measured {
    let confusion = confusion(probabilities, targets);
    let roc = roc_curves(probabilities, targets);
    let per_class = class_metrics(&confusion, &roc);
    let metrics = overall_metrics(probabilities, targets, &confusion, &per_class);
    let data = CalibrationData::of(probabilities, targets);
    let calibration = data.calibration();
    let test_samples = targets.len();
    let iteration = Iteration {
        training_samples,
        test_samples,
        metrics,
        per_class,
        calibration,
        roc,
        confusion,
        decisions,
    };
    Measured {
        iteration,
        calibration: data.coarse(MAX_CALIBRATION_ENTRIES),
        probabilities: ProbabilityCounts::of(probabilities, targets),
    }
}

fn summarise(classes: &[Class], requested_iterations: usize, measured: Vec<Measured>) -> Evaluation {
    let (mut iterations, mut all) = (Vec::new(), CalibrationData::default());
    let mut counts = ProbabilityCounts::empty();
    for one in measured {
        iterations.push(one.iteration);
        all = all.merged_with(one.calibration);
        counts = counts.merged_with(&one.probabilities);
    }
    let each: Vec<&[ClassMetrics]> = iterations.iter().map(|one| &one.per_class[..]).collect();
    let per_class = mean_class_metrics(&each);
    let over_iterations = |metric: fn(&Metrics) -> f64| {
        mean_and_deviation(&iterations.iter().map(|one| metric(&one.metrics)).collect::<Vec<_>>())
    };
    let mean_of = |metric| over_iterations(metric).0;
    let aucs: Vec<f64> = iterations.iter().filter_map(|iteration| iteration.metrics.auc).collect();
    let precisions: Vec<f64> =
        iterations.iter().filter_map(|iteration| iteration.metrics.average_precision).collect();
    let auc = (!aucs.is_empty()).then(|| mean_and_deviation(&aucs));
    let (f1, score_deviation) = over_iterations(|metrics| metrics.f1);
    let mean = Metrics {
        auc: auc.map(|(mean, _)| mean),
        balanced_accuracy: mean_of(|metrics| metrics.balanced_accuracy),
        accuracy: mean_of(|metrics| metrics.accuracy),
        precision: mean_of(|metrics| metrics.precision),
        recall: mean_of(|metrics| metrics.recall),
        f1,
        log_loss: mean_of(|metrics| metrics.log_loss),
        brier: mean_of(|metrics| metrics.brier),
        majority_accuracy: mean_of(|metrics| metrics.majority_accuracy),
        mcc: mean_of(|metrics| metrics.mcc),
        average_precision: (!precisions.is_empty()).then(|| mean_and_deviation(&precisions).0),
    };
    let classes = classes.iter().map(ToString::to_string).collect();
    Evaluation {
        classes,
        requested_iterations,
        iterations,
        mean,
        per_class,
        calibration: all.calibration(),
        probabilities: counts,
        importance: Vec::new(),
        learning_curve: Vec::new(),
        groups: None,
        auc_deviation: auc.map(|(_, deviation)| deviation),
        score_deviation,
        grouped_score: None,
    }
}
