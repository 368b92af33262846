//! The metrics that are read when Prometheus asks: queues, the model cache, the store, readiness.
//!
//! Must not know where the values come from.

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::labels::{ByCheck, ByQueue, Check, Queue};
use super::registration::registered;

/// The state of the server at one time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Snapshot {
    /// The requests that are being answered.
    pub(crate) requests_in_flight: usize,
    pub(crate) queues: Vec<(Queue, QueueState)>,
    pub(crate) cache: CacheState,
    /// `None` if the store was not counted yet.
    pub(crate) store: Option<StoreState>,
    pub(crate) checks: Vec<(Check, bool)>,
    /// `None` without workers.
    pub(crate) worker_queue: Option<WorkerQueueState>,
}

/// The queue of the workers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct WorkerQueueState {
    pub(crate) is_reachable: bool,
    /// The workers that are alive.
    pub(crate) workers: u64,
    pub(crate) running: u64,
    pub(crate) waiting: u64,
}

/// The jobs of one queue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct QueueState {
    pub(crate) running: usize,
    pub(crate) waiting: usize,
}

/// The models in memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct CacheState {
    pub(crate) models: usize,
    pub(crate) bytes: u64,
    pub(crate) max_bytes: u64,
}

/// The data directory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct StoreState {
    pub(crate) models: usize,
    /// The size of the files of all models.
    pub(crate) bytes: u64,
    /// What can still be written to its file system.
    pub(crate) free_bytes: u64,
    /// When this was counted, in seconds since 1970.
    pub(crate) counted: u64,
}

pub(super) struct SnapshotGauges {
    in_flight: Gauge,
    running: Family<ByQueue, Gauge>,
    waiting: Family<ByQueue, Gauge>,
    cached_models: Gauge,
    cached_bytes: Gauge,
    max_cached_bytes: Gauge,
    models: Gauge,
    store_bytes: Gauge,
    free_bytes: Gauge,
    counted: Gauge,
    ready: Gauge,
    checks: Family<ByCheck, Gauge>,
    has_worker_queue: Gauge,
    worker_queue_reachable: Gauge,
    workers: Gauge,
    worker_jobs_running: Gauge,
    worker_queue_length: Gauge,
}

impl SnapshotGauges {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let running = registered(registry, "jobs_running", "Jobs that run", Family::default());
        let waiting = registered(registry, "queue_length", "Jobs that wait", Family::default());
        let help = "The parts of readiness: passed (1) or not (0)";
        let checks = registered(registry, "ready_check", help, Family::default());
        let mut gauge = |name: &str, help: &str| registered(registry, name, help, Gauge::default());
        let gauges = Self {
            in_flight: gauge("requests_in_flight", "Requests that are being answered"),
            running,
            waiting,
            cached_models: gauge("model_cache_models", "Models in memory"),
            cached_bytes: gauge("model_cache_bytes", "Size of the models in memory"),
            max_cached_bytes: gauge("model_cache_max_bytes", "Maximum size of the models in memory"),
            models: gauge("models", "Stored models; counted at most once a minute"),
            store_bytes: gauge(
                "store_bytes",
                "Size of the files of all models; counted at most once a minute",
            ),
            free_bytes: gauge("store_free_bytes", "Free space on the disk of the data directory"),
            counted: gauge("store_counted_timestamp_seconds", "When the models were counted"),
            ready: gauge("ready", "Whether the server is ready (1) or not (0)"),
            checks,
            has_worker_queue: gauge("worker_queue", "Whether there is a queue for workers (1) or not (0)"),
            worker_queue_reachable: gauge("worker_queue_reachable", "Whether that queue can be used"),
            workers: gauge("workers", "Workers that are alive"),
            worker_jobs_running: gauge("worker_jobs_running", "Jobs that workers have"),
            worker_queue_length: gauge("worker_queue_length", "Jobs that wait for a worker"),
        };
        // A query finds them before the first check.
        Queue::ALL.iter().for_each(|&queue| drop(gauges.waiting.get_or_create(&ByQueue { queue })));
        Check::ALL.iter().for_each(|&check| drop(gauges.checks.get_or_create(&ByCheck { check })));
        gauges
    }

    pub(super) fn set(&self, snapshot: &Snapshot) {
        self.in_flight.set(snapshot.requests_in_flight as i64);
        for &(queue, state) in &snapshot.queues {
            self.running.get_or_create(&ByQueue { queue }).set(state.running as i64);
            self.waiting.get_or_create(&ByQueue { queue }).set(state.waiting as i64);
        }
        self.cached_models.set(snapshot.cache.models as i64);
        self.cached_bytes.set(snapshot.cache.bytes as i64);
        self.max_cached_bytes.set(snapshot.cache.max_bytes as i64);
        if let Some(store) = snapshot.store {
            self.models.set(store.models as i64);
            self.store_bytes.set(store.bytes as i64);
            self.free_bytes.set(store.free_bytes as i64);
            self.counted.set(store.counted as i64);
        }
        let queue = snapshot.worker_queue.unwrap_or_default();
        self.has_worker_queue.set(i64::from(snapshot.worker_queue.is_some()));
        self.worker_queue_reachable.set(i64::from(queue.is_reachable));
        self.workers.set(queue.workers as i64);
        self.worker_jobs_running.set(queue.running as i64);
        self.worker_queue_length.set(queue.waiting as i64);
        self.ready.set(i64::from(snapshot.checks.iter().all(|(_, passed)| *passed)));
        for &(check, passed) in &snapshot.checks {
            self.checks.get_or_create(&ByCheck { check }).set(i64::from(passed));
        }
    }
}
