//! The figures of an earlier run, read from its `report.json`, for a comparison.
//!
//! Owns which fields are read. Must not know where runs are kept.

use serde::Deserialize;

/// The figures of an earlier run.
#[derive(Debug, Clone, PartialEq)]
pub struct PreviousRun {
    /// The start of its evaluation.
    pub started: jiff::Timestamp,
    /// Its score (weighted F1).
    pub score: f64,
    /// The standard deviation of the score.
    pub score_deviation: f64,
    /// The area under the ROC curve; two classes only.
    pub auc: Option<f64>,
    /// The number of samples.
    pub samples: usize,
}

#[derive(Deserialize)]
struct Document {
    started: String,
    dataset: Dataset,
    evaluation: Option<Measured>,
}

#[derive(Deserialize)]
struct Dataset {
    samples: usize,
}

#[derive(Deserialize)]
struct Measured {
    score: f64,
    score_deviation: f64,
    mean: Mean,
}

#[derive(Deserialize)]
struct Mean {
    auc: Option<f64>,
}

impl PreviousRun {
    /// Reads the bytes of a `report.json`; `None` if the run has no result, or was written by another version in another
    /// form: a report without a comparison is better than none.
    #[must_use]
    pub fn read(report_json: &[u8]) -> Option<Self> {
        let document: Document = serde_json::from_slice(report_json).ok()?;
        let measured = document.evaluation?;
        Some(Self {
            started: document.started.parse().ok()?,
            score: measured.score,
            score_deviation: measured.score_deviation,
            auc: measured.mean.auc,
            samples: document.dataset.samples,
        })
    }

    /// The day of the run, in UTC.
    pub(super) fn date(&self) -> String {
        self.started.strftime("%Y-%m-%d").to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{fixtures, report_json};

    #[test]
    fn reads_what_a_report_says() {
        let evaluation = fixtures::evaluation(2, 2);
        let report = fixtures::report(Some(&evaluation), 0);
        let read = PreviousRun::read(&report_json::json(&report).expect("written")).expect("it has a result");
        assert_eq!((read.score, read.auc), (evaluation.mean.f1, evaluation.mean.auc));
        assert_eq!((read.samples, read.date().as_str()), (1904, "2026-11-21"));
    }

    #[test]
    fn a_run_without_a_result_or_in_another_form_is_not_compared() {
        let without = report_json::json(&fixtures::report(None, 8)).expect("written");
        assert_eq!(PreviousRun::read(&without), None);
        assert_eq!(PreviousRun::read(b"{\"format\":9}"), None);
    }
}
