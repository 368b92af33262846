//! `report.json`: the figures of a run, for tools and dashboards.
//!
//! Owns the fields and their order. Must not know where the figures come from.

use serde::Serialize;
use serde_json::{Value, json};

use super::{ReportError, RunReport, roc};
use crate::learning::{Calibration, ClassFigures, Evaluation, Figures, Iteration, RocCurve};

/// The version of the format; it increases when a field is removed or changes its meaning.
const FORMAT: u32 = 1;

/// The file's bytes. A figure that is not finite is `null`.
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
        "auc_deviation": evaluation.auc_deviation,
        "macro_auc": roc::overall_auc(evaluation).map(|auc| auc.mean),
        "mean": figures(&evaluation.mean),
        "per_class": evaluation.per_class.iter().map(class).collect::<Vec<_>>(),
        "calibration": calibration(&evaluation.calibration),
        "iterations_asked": evaluation.asked,
        "iterations": evaluation.iterations.iter().map(iteration).collect::<Vec<_>>(),
    })
}

fn iteration(iteration: &Iteration) -> Value {
    json!({
        "trained_on": iteration.trained_on,
        "rated_on": iteration.rated_on,
        "figures": figures(&iteration.figures),
        "per_class": iteration.per_class.iter().map(class).collect::<Vec<_>>(),
        "calibration_error": iteration.calibration.error,
        "confusion": iteration.confusion,
        "roc": iteration.roc.iter().map(curve).collect::<Vec<_>>(),
        "decisions": iteration.decisions,
    })
}

fn figures(figures: &Figures) -> Value {
    json!({
        "auc": figures.auc,
        "balanced_accuracy": figures.balanced_accuracy,
        "accuracy": figures.accuracy,
        "precision": figures.precision,
        "recall": figures.recall,
        "f1": figures.f1,
        "log_loss": figures.log_loss,
        "brier": figures.brier,
        "majority_accuracy": figures.majority_accuracy,
    })
}

/// In the order of the evaluation's classes.
fn class(figures: &ClassFigures) -> Value {
    json!({
        "precision": figures.precision,
        "recall": figures.recall,
        "f1": figures.f1,
        "support": figures.support,
        "auc": figures.auc,
    })
}

fn calibration(calibration: &Calibration) -> Value {
    let bins: Vec<_> = calibration
        .bins
        .iter()
        .map(|bin| json!({"predicted": bin.predicted, "observed": bin.observed, "samples": bin.samples}))
        .collect();
    json!({"expected_error": calibration.error, "bins": bins})
}

/// The curve's points are left out: with thousands of samples they would be larger than the rest of the file.
fn curve(curve: &RocCurve) -> Value {
    json!({"class": curve.class, "auc": curve.auc})
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
    fn writes_figures_that_can_be_read_back() {
        let evaluation = fixtures::two_classes(2);
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
    }

    #[test]
    fn writes_null_for_a_figure_that_is_not_finite() {
        let mut evaluation = fixtures::two_classes(1);
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
