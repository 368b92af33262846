//! `report.json`: the metrics of a run, for tools and dashboards.
//!
//! Owns the fields and their order; metrics have the fields of their structs. Must not know how they were measured.

use serde::Serialize;
use serde_json::{Value, json};

use super::{ReportError, RunReport, roc};
use crate::dataset::DataQuality;
use crate::learning::{Evaluation, Iteration};

/// The version of the format; it increases when a field is removed or changes its meaning.
const FORMAT: u32 = 1;

/// The file's bytes. A number that is not finite is `null`.
pub(super) fn json(report: &RunReport<'_>) -> Result<Vec<u8>, ReportError> {
    let data = &report.dataset;
    let classes: Vec<_> = data
        .class_counts
        .iter()
        .map(|(label, samples)| json!({"label": label, "samples": samples}))
        .collect();
    let document = Document {
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
        dataset: json!({
            "samples": data.samples,
            "features": data.features,
            "varying_features": data.varying_features,
            "classes": classes,
            "time_splitting": data.time_splitting,
            "target": data.target,
            "quality": report.quality.map(quality),
        }),
        evaluation: report.evaluation.map(evaluation),
    };
    let mut bytes = serde_json::to_vec_pretty(&document)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// A struct rather than a [`Value`], to keep the fields in a readable order.
#[derive(Serialize)]
struct Document<'a> {
    format: u32,
    version: &'static str,
    run: &'a str,
    started: String,
    finished: String,
    status: u8,
    info: &'a [String],
    min_score: f64,
    accepted_deviation: f64,
    rated_trained_model: bool,
    dataset: Value,
    evaluation: Option<Value>,
}

fn evaluation(evaluation: &Evaluation) -> Value {
    json!({
        "classes": evaluation.classes,
        "score": evaluation.mean.f1,
        "score_deviation": evaluation.score_deviation,
        "grouped_score": evaluation.grouped_score,
        "auc_deviation": evaluation.auc_deviation,
        "macro_auc": roc::overall_auc(evaluation).map(|auc| auc.mean),
        "mean": evaluation.mean,
        "per_class": evaluation.per_class,
        "probabilities": evaluation.probabilities,
        "importance": evaluation.importance,
        "calibration": {"expected_error": evaluation.calibration.error, "bins": evaluation.calibration.bins},
        "iterations_asked": evaluation.requested_iterations,
        "iterations": evaluation.iterations.iter().map(iteration).collect::<Vec<_>>(),
    })
}

fn quality(quality: &DataQuality) -> Value {
    json!({
        "missing_cells": quality.missing_cells,
        "columns_with_missing": quality.columns_with_missing,
        "duplicate_columns": quality.duplicate_columns,
        "repeated_rows": quality.repeated_rows,
        "contradicting_rows": quality.contradicting_rows,
        "best_accuracy": quality.best_accuracy,
    })
}

fn iteration(iteration: &Iteration) -> Value {
    json!({
        "trained_on": iteration.training_samples,
        "rated_on": iteration.test_samples,
        "figures": iteration.metrics,
        "per_class": iteration.per_class,
        "calibration_error": iteration.calibration.error,
        "confusion": iteration.confusion,
        // Without the points of the curves, which would be most of the file.
        "roc": iteration.roc.iter().map(|curve| json!({"class": curve.class, "auc": curve.auc})).collect::<Vec<_>>(),
        "decisions": iteration.decisions,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures;

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
            "accuracy auc balanced_accuracy brier f1 log_loss majority_accuracy precision recall"
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
}
