//! The observation of an operation: its span, its log line and its metrics.
//!
//! Owns the fields of the log line. Must not know what an operation does.

use std::time::Instant;

use super::BackendError;
use crate::telemetry::metrics::{Operation, Outcome, metrics};
use crate::telemetry::span_times::PhaseTimes;

/// What an operation finds out about its work while it runs.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// The samples that it used.
    pub(super) samples: usize,
    /// Samples of a training that were not stored before.
    pub(super) new_samples: Option<usize>,
    /// The cross-validated log-loss of the trained model.
    pub(super) log_loss: Option<f64>,
    /// The weighted F1 score of an evaluation.
    pub(super) score: Option<f64>,
}

/// Runs an operation. At its end, also by a panic, it is counted; trainings and evaluations log a line.
pub(super) fn observe<T>(
    operation: Operation,
    outcome: impl FnOnce(&T) -> Outcome,
    run: impl FnOnce(&mut Facts) -> Result<T, BackendError>,
) -> Result<T, BackendError> {
    let mut observation =
        Observation { operation, started: Instant::now(), facts: Facts::default(), outcome: Outcome::Failed };
    let span = match operation {
        Operation::Training => tracing::info_span!("training"),
        Operation::Evaluation => tracing::info_span!("evaluation"),
        Operation::Prediction => tracing::debug_span!("prediction"),
    };
    let result = span.in_scope(|| run(&mut observation.facts));
    if let Ok(value) = &result {
        observation.outcome = outcome(value);
    }
    // Within the request's span, which has its id.
    observation.log(&PhaseTimes::of(&span), result.is_ok());
    result
}

struct Observation {
    operation: Operation,
    started: Instant,
    facts: Facts,
    outcome: Outcome,
}

impl Observation {
    fn log(&self, times: &PhaseTimes, done: bool) {
        let seconds = self.started.elapsed().as_secs_f64();
        let Facts { samples, new_samples, log_loss, score } = self.facts;
        match self.operation {
            Operation::Training => tracing::info!(
                samples,
                new = new_samples,
                seconds,
                log_loss,
                done,
                parse_seconds = times.seconds("parse"),
                merge_seconds = times.seconds("merge"),
                select_seconds = times.seconds("select"),
                fit_seconds = times.seconds("fit"),
                publish_seconds = times.seconds("publish"),
                "training ended"
            ),
            Operation::Evaluation => tracing::info!(
                samples,
                seconds,
                score,
                done,
                parse_seconds = times.seconds("parse"),
                evaluate_seconds = times.seconds("evaluate"),
                publish_seconds = times.seconds("publish"),
                "evaluation ended"
            ),
            Operation::Prediction => tracing::debug!(samples, seconds, done, "prediction ended"),
        }
    }
}

impl Drop for Observation {
    fn drop(&mut self) {
        let Self { operation, started, outcome, ref facts } = *self;
        metrics().operation_ended(operation, outcome, started.elapsed(), facts.samples);
    }
}
