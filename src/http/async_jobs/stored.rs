//! The asynchronous jobs of a server, stored and running.
//!
//! Must not know how a job is performed.

use std::sync::Arc;
use std::time::Duration;

use super::running::Running;
use super::shelf::Shelf;
use crate::http::error::HttpError;
use crate::queue::Queue;
use crate::store::{ModelId, Store};

/// The asynchronous jobs of a server.
pub(in crate::http) struct AsyncJobs {
    pub(in crate::http) shelf: Shelf,
    pub(in crate::http) running: Running,
    /// The queue of the workers, if there are some.
    pub(in crate::http) queue: Option<Arc<Queue>>,
}

impl AsyncJobs {
    /// Those of a store, and the queue of its workers.
    pub(in crate::http) fn of(
        store: &Store,
        keep_jobs: usize,
        keep_time: Duration,
        queue: Option<Queue>,
    ) -> Self {
        let shelf = Shelf::of(store, keep_jobs, keep_time);
        Self { shelf, running: Running::default(), queue: queue.map(Arc::new) }
    }

    /// Removes all jobs about models of an id, with their uploads and results, and cancels those that have not ended.
    pub(in crate::http) fn delete(&self, id: &ModelId) -> Result<(), HttpError> {
        for (job, _) in self.shelf.list()?.into_iter().filter(|(_, job)| job.uniqueid == id.as_str()) {
            self.running.cancel(&job);
            self.shelf.remove(&job)?;
        }
        Ok(())
    }
}
