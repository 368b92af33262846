//! How a metric is registered, and the buckets of times.
//!
//! Must not know which metrics there are.

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry};

/// Histograms of seconds by a label.
pub(super) type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

/// Requests and short operations take milliseconds, trainings up to half an hour.
const SECONDS: [f64; 15] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 120.0, 600.0, 1800.0];

/// Registers a metric, of which the registry keeps a clone.
pub(super) fn registered<M: Metric + Clone>(registry: &mut Registry, name: &str, help: &str, metric: M) -> M {
    registry.register(name, help, metric.clone());
    metric
}

/// A histogram of seconds.
pub(super) fn seconds() -> Histogram {
    Histogram::new(SECONDS)
}
