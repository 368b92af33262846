//! The metrics of trainings, evaluations and predictions.
//!
//! Owns their series: all are known, and at hand, because to look one up in its family takes longer than to count. Must not
//! know what an operation does.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::labels::{ByOperation, ByOperationAndOutcome, Operation, Outcome};
use super::registration::{Histograms, registered, seconds};

/// In the order of [`Operation::ALL`].
pub(super) struct OperationMetrics(Vec<Series>);

/// The series of an operation.
struct Series {
    seconds: Histogram,
    samples: Counter,
    /// In the order of [`Outcome::ALL`].
    outcomes: Vec<Counter>,
}

impl OperationMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let outcomes: Family<ByOperationAndOutcome, Counter> = registered(
            registry,
            "operations",
            "Trainings, evaluations and predictions that ended",
            Family::default(),
        );
        let seconds: Histograms<ByOperation> = registered(
            registry,
            "operation_duration_seconds",
            "Time that trainings, evaluations and predictions took, without the queue",
            Family::new_with_constructor(seconds),
        );
        let samples: Family<ByOperation, Counter> = registered(
            registry,
            "operation_samples",
            "Samples of trainings (stored ones included), evaluations and predictions",
            Family::default(),
        );
        let series = |&operation: &Operation| {
            let outcome = |&outcome: &Outcome| {
                outcomes.get_or_create_owned(&ByOperationAndOutcome { operation, outcome })
            };
            Series {
                seconds: seconds.get_or_create_owned(&ByOperation { operation }),
                samples: samples.get_or_create_owned(&ByOperation { operation }),
                outcomes: Outcome::ALL.iter().map(outcome).collect(),
            }
        };
        Self(Operation::ALL.iter().map(series).collect())
    }

    /// An operation ended.
    pub(super) fn ended(&self, operation: Operation, outcome: Outcome, elapsed: Duration, samples: usize) {
        let series = &self.0[operation as usize];
        series.outcomes[outcome as usize].inc();
        series.seconds.observe(elapsed.as_secs_f64());
        series.samples.inc_by(samples as u64);
    }
}
