//! `report.json`: the metrics of a run, for tools and dashboards.
//!
//! Owns the fields and their order; metrics have the fields of their structs. The doc comments are the descriptions of the
//! schema (docs/report.schema.json). Must not know how the metrics were measured.

use serde::Serialize;
use utoipa::ToSchema;

use super::{ReportError, RunReport, roc};
use crate::dataset::DataQuality;
use crate::learning::{
    CalibrationBin, ClassMetrics, Drift, Evaluation, FeatureImportance, GroupErrors, Iteration,
    LearningPoint, Metrics, ProbabilityCounts,
};

/// The version of the format; it increases when a field is removed or changes its meaning.
const FORMAT: u32 = 1;

/// The file's bytes. A number that is not finite is `null`.
pub(super) fn json(report: &RunReport<'_>) -> Result<Vec<u8>, ReportError> {
    let mut bytes = serde_json::to_vec_pretty(&Document::of(report))?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// The figures of an evaluation by moodle-mlbackend. New fields may be added; `format` increases when one is removed or changes
/// its meaning.
#[derive(Serialize, ToSchema)]
pub(super) struct Document<'a> {
    /// The version of this format.
    #[schema(example = 1)]
    format: u32,
    /// The version of moodle-mlbackend.
    version: &'static str,
    /// The id of the run: the milliseconds from 1970 to its start.
    run: &'a str,
    /// The start of the evaluation, RFC 3339.
    started: String,
    /// Its end.
    finished: String,
    /// Moodle's status bits: 0 good, 1 the classes differ from the header, 2 no trained model, 4 score too low, 8 too few samples
    /// or too large a deviation.
    status: u8,
    /// The sentences that Moodle shows.
    info: &'a [String],
    /// The minimum score of a good model.
    min_score: f64,
    /// The maximum standard deviation of the score.
    accepted_deviation: f64,
    /// Whether a stored model was tested, instead of models trained for this run.
    rated_trained_model: bool,
    /// The evaluated dataset.
    dataset: Dataset<'a>,
    /// The results; `null` when the dataset could not be evaluated.
    evaluation: Option<Results<'a>>,
    /// The difference of the dataset from what the tested model learnt from; `null` unless a trained model was tested that has
    /// stored the distributions of its features.
    drift: Option<&'a Drift>,
}

/// The evaluated dataset.
#[derive(Serialize, ToSchema)]
struct Dataset<'a> {
    /// The number of samples.
    samples: usize,
    /// The number of columns without the target.
    features: usize,
    /// The number of columns with more than one value.
    varying_features: usize,
    /// The classes in the order of the header; empty when they differ from it.
    classes: Vec<ClassSamples<'a>>,
    /// Moodle's time splitting method.
    time_splitting: Option<&'a str>,
    /// Moodle's target.
    target: Option<&'a str>,
    /// What is remarkable about the data; `null` when the dataset could not be evaluated.
    quality: Option<Quality<'a>>,
}

/// A class of the dataset.
#[derive(Serialize, ToSchema)]
struct ClassSamples<'a> {
    /// Its label.
    label: &'a str,
    /// The number of its samples.
    samples: usize,
}

/// What is remarkable about the data.
#[derive(Serialize, ToSchema)]
struct Quality<'a> {
    /// The number of empty cells.
    missing_cells: usize,
    /// The number of columns with an empty cell.
    columns_with_missing: usize,
    /// Pairs of columns with the same values: a copy, and the column that it is a copy of.
    duplicate_columns: &'a [(String, String)],
    /// The number of rows whose features are equal to those of an earlier one.
    repeated_rows: usize,
    /// The number of rows whose features are equal to those of others, and whose class is not the most frequent one of these.
    contradicting_rows: usize,
    /// The highest accuracy that is possible, because equal rows get equal predictions.
    best_accuracy: f64,
}

/// The results of an evaluation.
#[derive(Serialize, ToSchema)]
struct Results<'a> {
    /// The labels of the classes.
    classes: &'a [String],
    /// The mean weighted F1, which Moodle calls the score.
    score: f64,
    /// The population standard deviation of the score over the iterations.
    score_deviation: f64,
    /// The score when samples with equal features are all trained on or all tested on, if it is lower by more than the deviation.
    grouped_score: Option<f64>,
    /// The population standard deviation of the AUC over the iterations; two classes only.
    auc_deviation: Option<f64>,
    /// The AUC of the second of two classes, or the mean of the AUCs of more classes.
    macro_auc: Option<f64>,
    /// Means over the iterations.
    mean: &'a Metrics,
    /// Means over the iterations for each class.
    per_class: &'a [ClassMetrics],
    /// The test samples of all iterations by their predicted probability.
    probabilities: &'a ProbabilityCounts,
    /// Permutation importance of the features that the models use most, largest first; empty when a trained model was tested.
    importance: &'a [FeatureImportance],
    /// What models of fewer training samples reach, smallest first; empty with few samples, or when a trained model was tested.
    learning_curve: &'a [LearningPoint],
    /// The errors by groups of samples, with `evaluate --group-by`.
    groups: Option<&'a GroupErrors>,
    /// The calibration of all iterations together.
    calibration: CalibrationFigures<'a>,
    /// The number of iterations that were requested; the time limit may end an evaluation earlier.
    iterations_asked: usize,
    /// The iterations.
    iterations: Vec<IterationFigures<'a>>,
}

/// The calibration of the probabilities.
#[derive(Serialize, ToSchema)]
struct CalibrationFigures<'a> {
    /// The expected calibration error (ECE): |mean probability − observed frequency| of each bin, weighted with its samples.
    expected_error: f64,
    /// At most ten bins of about equally many samples; samples of equal probability are in one bin.
    bins: &'a [CalibrationBin],
}

/// One split into training and test samples, or the test of a trained model.
#[derive(Serialize, ToSchema)]
struct IterationFigures<'a> {
    /// The number of training samples; 0 when a trained model was tested.
    trained_on: usize,
    /// The number of test samples.
    rated_on: usize,
    /// The metrics of the test samples.
    figures: &'a Metrics,
    /// The metrics of each class.
    per_class: &'a [ClassMetrics],
    /// The expected calibration error.
    calibration_error: f64,
    /// Counts of samples: rows are true classes, columns predicted ones.
    confusion: &'a [Vec<usize>],
    /// The areas under the ROC curves; without the points, which would be most of the file.
    roc: Vec<RocArea>,
    /// The decisions of the training, in sentences.
    decisions: &'a [String],
}

/// The area under a ROC curve.
#[derive(Serialize, ToSchema)]
struct RocArea {
    /// The index of the class in `classes`.
    class: usize,
    /// The area.
    auc: f64,
}

impl<'a> Document<'a> {
    fn of(report: &'a RunReport<'_>) -> Self {
        Self {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION"),
            run: &report.run,
            started: report.started.to_string(),
            finished: report.finished.to_string(),
            status: report.status,
            info: report.info,
            min_score: report.min_score,
            accepted_deviation: report.max_deviation,
            rated_trained_model: report.rated_trained_model,
            dataset: Dataset::of(report),
            evaluation: report.evaluation.map(Results::of),
            drift: report.drift,
        }
    }
}

impl<'a> Dataset<'a> {
    fn of(report: &'a RunReport<'_>) -> Self {
        let data = &report.dataset;
        let classes =
            data.class_counts.iter().map(|(label, samples)| ClassSamples { label, samples: *samples });
        Self {
            samples: data.samples,
            features: data.features,
            varying_features: data.varying_features,
            classes: classes.collect(),
            time_splitting: data.time_splitting.as_deref(),
            target: data.target.as_deref(),
            quality: report.quality.map(Quality::of),
        }
    }
}

impl<'a> Quality<'a> {
    fn of(quality: &'a DataQuality) -> Self {
        Self {
            missing_cells: quality.missing_cells,
            columns_with_missing: quality.columns_with_missing,
            duplicate_columns: &quality.duplicate_columns,
            repeated_rows: quality.repeated_rows,
            contradicting_rows: quality.contradicting_rows,
            best_accuracy: quality.best_accuracy,
        }
    }
}

impl<'a> Results<'a> {
    fn of(evaluation: &'a Evaluation) -> Self {
        Self {
            classes: &evaluation.classes,
            score: evaluation.mean.f1,
            score_deviation: evaluation.score_deviation,
            grouped_score: evaluation.grouped_score,
            auc_deviation: evaluation.auc_deviation,
            macro_auc: roc::overall_auc(evaluation).map(|auc| auc.mean),
            mean: &evaluation.mean,
            per_class: &evaluation.per_class,
            probabilities: &evaluation.probabilities,
            importance: &evaluation.importance,
            learning_curve: &evaluation.learning_curve,
            groups: evaluation.groups.as_ref(),
            calibration: CalibrationFigures {
                expected_error: evaluation.calibration.error,
                bins: &evaluation.calibration.bins,
            },
            iterations_asked: evaluation.requested_iterations,
            iterations: evaluation.iterations.iter().map(IterationFigures::of).collect(),
        }
    }
}

impl<'a> IterationFigures<'a> {
    fn of(iteration: &'a Iteration) -> Self {
        Self {
            trained_on: iteration.training_samples,
            rated_on: iteration.test_samples,
            figures: &iteration.metrics,
            per_class: &iteration.per_class,
            calibration_error: iteration.calibration.error,
            confusion: &iteration.confusion,
            roc: iteration.roc.iter().map(|curve| RocArea { class: curve.class, auc: curve.auc }).collect(),
            decisions: &iteration.decisions,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures;
    use serde_json::Value;

    /// The parsed `report.json`.
    fn read_back(evaluation: Option<&Evaluation>, status: u8) -> Value {
        let bytes = json(&fixtures::report(evaluation, status)).expect("a report can be written");
        serde_json::from_slice(&bytes).expect("it is JSON")
    }

    #[test]
    fn writes_metrics_that_can_be_read_back() {
        let evaluation = fixtures::evaluation(2, 2);
        let read = read_back(Some(&evaluation), 4);
        assert_eq!(read["status"], 4);
        assert_eq!(read["evaluation"]["score"].as_f64(), Some(evaluation.mean.f1));
        assert_eq!(read["evaluation"]["iterations"].as_array().map(Vec::len), Some(2));
        assert_eq!(read["dataset"]["classes"][1]["label"], "1");
        assert_eq!(read["evaluation"]["iterations_asked"], 2);
        let (bins, classes) = (&evaluation.calibration.bins, &evaluation.per_class);
        let written = &read["evaluation"]["calibration"]["bins"];
        assert_eq!(written.as_array().map(Vec::len), Some(bins.len()));
        assert_eq!(written[0]["observed"].as_f64(), Some(bins[0].observed));
        assert_eq!(read["evaluation"]["per_class"][1]["recall"].as_f64(), Some(classes[1].recall));
        let mean = read["evaluation"]["mean"].as_object().expect("metrics");
        assert_eq!(
            mean.keys().map(String::as_str).collect::<Vec<_>>().join(" "),
            "accuracy auc average_precision balanced_accuracy brier f1 log_loss majority_accuracy mcc precision recall"
        );
    }

    #[test]
    fn writes_null_for_a_number_that_is_not_finite() {
        let mut evaluation = fixtures::evaluation(2, 1);
        evaluation.mean.log_loss = f64::INFINITY;
        let read = read_back(Some(&evaluation), 0);
        assert!(read["evaluation"]["mean"]["log_loss"].is_null());
    }

    #[test]
    fn writes_null_for_a_missing_evaluation() {
        let read = read_back(None, 1);
        assert!(read["evaluation"].is_null());
        assert_eq!(read["info"][0], fixtures::INFO);
    }

    #[test]
    fn drift_and_groups_are_written_where_they_are_known() {
        let mut evaluation = fixtures::evaluation(2, 1);
        evaluation.groups = Some(fixtures::groups());
        let drift = fixtures::drift();
        let mut report = fixtures::report(Some(&evaluation), 0);
        report.drift = Some(&drift);
        let read: Value = serde_json::from_slice(&json(&report).expect("written")).expect("JSON");
        assert_eq!(read["drift"]["features"][0]["psi"].as_f64(), Some(drift.features[0].psi));
        assert_eq!(read["evaluation"]["groups"]["groups"][0]["recall"]["value"], 0.9);
        assert_eq!(read["evaluation"]["learning_curve"][0]["training_samples"], 190);
    }
}
