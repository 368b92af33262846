//! The counters, gauges and histograms of this process, and their text for Prometheus.
//!
//! Owns the names, the help texts and the labels. A label has few values: route templates, statuses, and names that are
//! listed here; never an id, a user or an address. Must not know why something is counted.
//!
//! There is one set per process: modules count where something happens, without a handle that all their callers would have
//! to pass on.

mod labels;
mod operations;
mod process;
mod registration;
mod requests;
mod snapshot;

use std::sync::LazyLock;
use std::time::Duration;

use prometheus_client::encoding::prometheus_text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use super::switch;
use labels::{ByGuard, ByLoginFailure, ByQueue, ByQueueAndRefusal};
pub(crate) use labels::{Check, Guard, LoginFailure, Operation, Outcome, Queue, Refusal};
use operations::OperationMetrics;
use registration::{Histograms, registered, seconds};
use requests::RequestMetrics;
use snapshot::SnapshotGauges;
pub(crate) use snapshot::{CacheState, QueueState, Snapshot, StoreState, WorkerQueueState};

/// The content type of [`Metrics::text`].
pub(crate) const CONTENT_TYPE: &str = prometheus_text::CONTENT_TYPE;

static METRICS: LazyLock<Metrics> = LazyLock::new(Metrics::new);

/// The metrics of this process.
pub(crate) fn metrics() -> &'static Metrics {
    &METRICS
}

/// All metrics.
pub(crate) struct Metrics {
    registry: Registry,
    requests: RequestMetrics,
    /// In the order of [`Queue::ALL`].
    queue_wait: Vec<Histogram>,
    refused_jobs: Family<ByQueueAndRefusal, Counter>,
    operations: OperationMetrics,
    repeated_batches: Counter,
    repeated_samples: Counter,
    cache_hits: Counter,
    cache_misses: Counter,
    login_failures: Family<ByLoginFailure, Counter>,
    connections: Gauge,
    closed_connections: Family<ByGuard, Counter>,
    dropped_lines: Counter,
    workers: WorkerCounters,
    snapshot: SnapshotGauges,
}

/// What workers count.
struct WorkerCounters {
    retries: Counter,
    set_aside: Counter,
}

impl WorkerCounters {
    fn register(registry: &mut Registry) -> Self {
        let mut counter = |name: &str, help: &str| registered(registry, name, help, Counter::default());
        Self {
            retries: counter("worker_jobs_retried", "Jobs that wait again because their worker ended"),
            set_aside: counter(
                "worker_jobs_set_aside",
                "Jobs that ended as failed because their workers ended again and again",
            ),
        }
    }
}

impl Metrics {
    fn new() -> Self {
        let mut registry = Registry::default();
        process::register(&mut registry);
        let own = registry.sub_registry_with_prefix("moodle_mlbackend");
        own.register(
            "build",
            "The version of the program",
            Info::new([("version", env!("CARGO_PKG_VERSION"))]),
        );
        let snapshot = SnapshotGauges::register(own);
        let queue_wait: Histograms<ByQueue> = registered(
            own,
            "queue_wait_seconds",
            "Time that jobs waited before they started",
            Family::new_with_constructor(seconds),
        );
        let metrics = Self {
            requests: RequestMetrics::register(own),
            queue_wait: Queue::ALL
                .iter()
                .map(|&queue| queue_wait.get_or_create_owned(&ByQueue { queue }))
                .collect(),
            refused_jobs: registered(
                own,
                "jobs_refused",
                "Jobs that a full queue or its timeout refused",
                Family::default(),
            ),
            operations: OperationMetrics::register(own),
            repeated_batches: registered(
                own,
                "repeated_batches",
                "Training uploads with samples of earlier uploads, which count once",
                Counter::default(),
            ),
            repeated_samples: registered(
                own,
                "repeated_samples",
                "Samples of training uploads that were sent before",
                Counter::default(),
            ),
            cache_hits: registered(
                own,
                "model_cache_hits",
                "Predictions with a model in memory",
                Counter::default(),
            ),
            cache_misses: registered(
                own,
                "model_cache_misses",
                "Predictions that read their model from the disk",
                Counter::default(),
            ),
            login_failures: registered(own, "login_failures", "Refused logins", Family::default()),
            connections: registered(own, "connections", "Open connections", Gauge::default()),
            closed_connections: registered(
                own,
                "connections_closed",
                "Connections that a guard closed: slow clients and the limit per client",
                Family::default(),
            ),
            dropped_lines: registered(
                own,
                "log_lines_dropped",
                "Log lines that could not be written fast enough",
                Counter::default(),
            ),
            workers: WorkerCounters::register(own),
            snapshot,
            registry,
        };
        metrics.create_series();
        metrics
    }

    /// Creates the series whose labels are known, so that an alert about the first event sees a rise from 0.
    fn create_series(&self) {
        for &queue in Queue::ALL {
            for &reason in Refusal::ALL {
                drop(self.refused_jobs.get_or_create(&ByQueueAndRefusal { queue, reason }));
            }
        }
        for &reason in LoginFailure::ALL {
            drop(self.login_failures.get_or_create(&ByLoginFailure { reason }));
        }
        for &guard in Guard::ALL {
            drop(self.closed_connections.get_or_create(&ByGuard { guard }));
        }
    }

    /// A request was answered. `route` is the template of its route.
    pub(crate) fn request_completed(&self, route: &str, status: u16, elapsed: Duration) {
        if switch::is_off() {
            return;
        }
        self.requests.completed(route, status, elapsed);
    }

    /// A job starts after this time in its queue.
    pub(crate) fn job_started(&self, queue: Queue, waited: Duration) {
        if switch::is_off() {
            return;
        }
        self.queue_wait[queue as usize].observe(waited.as_secs_f64());
    }

    /// A job was refused.
    pub(crate) fn job_refused(&self, queue: Queue, reason: Refusal) {
        self.refused_jobs.get_or_create(&ByQueueAndRefusal { queue, reason }).inc();
    }

    /// A training, evaluation or prediction ended.
    pub(crate) fn operation_ended(
        &self,
        operation: Operation,
        outcome: Outcome,
        elapsed: Duration,
        samples: usize,
    ) {
        if switch::is_off() {
            return;
        }
        self.operations.ended(operation, outcome, elapsed, samples);
    }

    /// A training upload had samples that were sent before.
    pub(crate) fn batch_repeated(&self, samples: usize) {
        self.repeated_batches.inc();
        self.repeated_samples.inc_by(samples as u64);
    }

    /// A prediction used a model in memory.
    pub(crate) fn cache_hit(&self) {
        if switch::is_off() {
            return;
        }
        self.cache_hits.inc();
    }

    /// A prediction read its model from the disk.
    pub(crate) fn cache_missed(&self) {
        if switch::is_off() {
            return;
        }
        self.cache_misses.inc();
    }

    /// A login was refused.
    pub(crate) fn login_failed(&self, reason: LoginFailure) {
        self.login_failures.get_or_create(&ByLoginFailure { reason }).inc();
    }

    /// Counts an open connection until the guard is dropped.
    pub(crate) fn connection_opened(&self) -> OpenConnection {
        self.connections.inc();
        OpenConnection(())
    }

    /// A guard closed a connection.
    pub(crate) fn connection_closed(&self, guard: Guard) {
        self.closed_connections.get_or_create(&ByGuard { guard }).inc();
    }

    /// Log lines were dropped.
    pub(crate) fn lines_dropped(&self, lines: usize) {
        self.dropped_lines.inc_by(lines as u64);
    }

    /// Jobs wait again because their worker ended.
    pub(crate) fn worker_jobs_retried(&self, jobs: u64) {
        self.workers.retries.inc_by(jobs);
    }

    /// A job was set aside.
    pub(crate) fn worker_job_set_aside(&self) {
        self.workers.set_aside.inc();
    }

    /// All metrics in Prometheus' text format, with the state of the server now.
    pub(crate) fn text(&self, snapshot: &Snapshot) -> String {
        self.snapshot.set(snapshot);
        let mut text = String::with_capacity(1 << 14);
        // Writing to a String cannot fail.
        let _ = prometheus_text::encode(&mut text, &self.registry);
        text
    }
}

/// An open connection.
pub(crate) struct OpenConnection(());

impl Drop for OpenConnection {
    fn drop(&mut self) {
        metrics().connections.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_series_is_there_before_anything_happened() {
        let text = Metrics::new().text(&Snapshot::default());
        for line in [
            "moodle_mlbackend_operations_total{operation=\"training\",outcome=\"done\"} 0",
            "moodle_mlbackend_jobs_refused_total{queue=\"heavy\",reason=\"full\"} 0",
            "moodle_mlbackend_login_failures_total{reason=\"throttled\"} 0",
            "moodle_mlbackend_connections_closed_total{guard=\"per_client_limit\"} 0",
            "moodle_mlbackend_log_lines_dropped_total 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
    }

    #[test]
    fn a_request_counts_by_route_and_status_and_its_time_by_route() {
        let metrics = Metrics::new();
        metrics.request_completed("/training", 200, Duration::from_millis(20));
        metrics.request_completed("/training", 503, Duration::from_millis(300));
        let text = metrics.text(&Snapshot::default());
        for line in [
            "moodle_mlbackend_requests_total{route=\"/training\",status=\"200\"} 1",
            "moodle_mlbackend_requests_total{route=\"/training\",status=\"503\"} 1",
            "moodle_mlbackend_request_duration_seconds_count{route=\"/training\"} 2",
            "moodle_mlbackend_request_duration_seconds_bucket{route=\"/training\",le=\"0.025\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
    }
}
