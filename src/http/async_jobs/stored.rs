//! The asynchronous jobs of a server, stored and running.
//!
//! Must not know how a job is performed.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::running::Running;
use super::shelf::Shelf;
use crate::fs::nofollow::NoFollowPath;
use crate::http::error::HttpError;
use crate::queue::Queue;
use crate::store::{ModelId, OwnPlace, Store, WORKSPACE};

/// The asynchronous jobs of a server.
pub(in crate::http) struct AsyncJobs {
    /// Whether new ones are accepted.
    pub(super) are_offered: bool,
    pub(in crate::http) shelf: Shelf,
    pub(in crate::http) running: Running,
    /// The queue of the workers, if there are some.
    pub(in crate::http) queue: Option<Arc<Queue>>,
}

impl AsyncJobs {
    /// Those of a data directory. On a bucket none are offered: the servers there share no directory that could hold them, and
    /// a client may be answered as if it had not asked (RFC 7240, section 2).
    pub(in crate::http) fn of(
        store: &Store,
        keep_jobs: usize,
        keep_time: Duration,
        queue: Option<Queue>,
    ) -> Self {
        let (are_offered, root) = match store.own_place() {
            OwnPlace::Directory(root) => (true, root.clone()),
            OwnPlace::Bucket(_) => (false, NoFollowPath::root(Path::new("/nonexistent"))),
        };
        let dir = root.join(WORKSPACE).join("jobs");
        let queue = queue.filter(|_| are_offered).map(Arc::new);
        Self { are_offered, shelf: Shelf::new(dir, keep_jobs, keep_time), running: Running::default(), queue }
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
