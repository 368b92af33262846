//! What the report of an evaluation says about quality, for the card of a model.
//!
//! Owns which values are read. Must not know how they were measured.

use serde::Deserialize;
use serde_json::Value;

/// The figures of an evaluation; those that were not measured are absent.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::backend) struct MeasuredQuality {
    /// When it ended (RFC 3339).
    pub finished: String,
    /// The number of samples of its dataset.
    pub samples: Option<u64>,
    /// The number of splits.
    pub iterations: usize,
    /// The mean weighted F1 score, and its standard deviation over the splits.
    pub score: Option<(f64, f64)>,
    /// The mean area under the ROC curve.
    pub auc: Option<f64>,
    /// The mean Brier score.
    pub brier: Option<f64>,
    /// The expected calibration error: the mean difference of predicted probability and observed frequency.
    pub calibration_error: Option<f64>,
}

#[derive(Deserialize)]
struct Report {
    finished: String,
    dataset: Value,
    evaluation: Value,
}

impl MeasuredQuality {
    /// Reads a `report.json`; `None` if nothing was measured, or it is none.
    pub(in crate::backend) fn of_report(bytes: &[u8]) -> Option<Self> {
        let Report { finished, dataset, evaluation } = serde_json::from_slice(bytes).ok()?;
        let number = |pointer: &str| evaluation.pointer(pointer).and_then(Value::as_f64);
        let iterations = evaluation.get("iterations")?.as_array()?.len();
        Some(Self {
            finished,
            samples: dataset.get("samples").and_then(Value::as_u64),
            iterations,
            score: number("/score").zip(number("/score_deviation")),
            auc: number("/macro_auc"),
            brier: number("/mean/brier"),
            calibration_error: number("/calibration/expected_error"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn reads_the_figures_that_were_measured() {
        let report = json!({"finished": "2026-11-27T18:00:00Z", "dataset": {"samples": 90}, "evaluation": {
            "score": 0.8, "score_deviation": 0.02, "macro_auc": null, "mean": {"brier": 0.1},
            "calibration": {"expected_error": 0.03}, "iterations": [{}, {}],
        }});
        let read = MeasuredQuality::of_report(report.to_string().as_bytes()).expect("figures");
        assert_eq!((read.samples, read.iterations, read.score), (Some(90), 2, Some((0.8, 0.02))));
        assert_eq!((read.auc, read.brier, read.calibration_error), (None, Some(0.1), Some(0.03)));
    }

    #[test]
    fn an_evaluation_without_figures_has_none() {
        let report =
            json!({"finished": "2026-11-27T18:00:00Z", "dataset": {"samples": 3}, "evaluation": null});
        assert_eq!(MeasuredQuality::of_report(report.to_string().as_bytes()), None);
        assert_eq!(MeasuredQuality::of_report(b"{}"), None);
    }
}
