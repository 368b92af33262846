//! What the jobs ask of the place that keeps them.
//!
//! Must not know which place it is.

use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use crate::backend::Upload;
use crate::http::async_jobs::record::{End, JobId, Record};
use crate::http::error::HttpError;
use crate::http::operations::Files;

/// The name of an upload.
pub(super) const DATASET: &str = "dataset";
/// The name of an upload.
pub(super) const BACKGROUND: &str = "background";

/// A place for the jobs of all servers that share it.
pub(super) trait Place: Send + Sync {
    /// How often a server looks for jobs without a process.
    fn interval(&self) -> Duration;

    /// Stores a job, and takes it. After an error or a crash, there is none.
    fn create(&self, id: &JobId, record: &Record, files: &mut Files) -> Result<Lease, HttpError>;

    /// The description of a job.
    fn record(&self, id: &JobId) -> Result<Option<Record>, HttpError>;

    /// All descriptions that can be read.
    fn records(&self) -> Result<Vec<(JobId, Record)>, HttpError>;

    /// An upload of a job that has not ended.
    fn upload(&self, id: &JobId, name: &str) -> Result<Option<Upload>, HttpError>;

    /// The reply of a job that is done.
    fn result(&self, id: &JobId) -> Result<Option<Vec<u8>>, HttpError>;

    /// Stores the end of a job, if it was not removed, and removes its uploads.
    fn end(&self, id: &JobId, end: End, reply: Option<&[u8]>) -> Result<(), HttpError>;

    /// Shows a hidden job in the list, if it was not removed.
    fn show(&self, id: &JobId) -> Result<(), HttpError>;

    /// Takes a job; `None` while a process has it, or if it is gone.
    fn take(&self, id: &JobId) -> Result<Option<Lease>, HttpError>;

    /// Removes a job with all that belongs to it.
    fn remove(&self, id: &JobId) -> Result<(), HttpError>;

    /// Removes what is left of jobs that were never stored completely.
    fn remove_incomplete(&self) -> Result<(), HttpError>;

    /// The bytes of these jobs.
    fn bytes(&self, ids: &HashSet<JobId>) -> Result<u64, HttpError>;
}

/// What keeps a job from other processes.
pub(super) trait Held: Send {
    /// Gives it back, and waits for that. When it is dropped instead, it can be given back later, also without this process.
    fn give_back(self: Box<Self>);
}

/// Held by the process that has a job.
pub(in crate::http::async_jobs) struct Lease(Box<dyn Held>);

impl Lease {
    pub(super) fn new(held: impl Held + 'static) -> Self {
        Self(Box::new(held))
    }

    /// Gives the job back. Not for async workers, because it waits for the store.
    pub(in crate::http::async_jobs) fn give_back(self) {
        self.0.give_back();
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lease")
    }
}
