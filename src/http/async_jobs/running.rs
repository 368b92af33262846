//! The asynchronous jobs of this process that have not ended.
//!
//! Must not know what they do, nor how they are stored.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::record::JobId;
use crate::jobs::{Phase, Reporter};

/// The jobs of this process that wait or run.
#[derive(Default)]
pub(in crate::http) struct Running {
    jobs: Arc<Mutex<HashMap<JobId, Entry>>>,
}

struct Entry {
    reporter: Reporter,
    /// Whether it is left to the next start of a server.
    is_withdrawn: bool,
    has_ended: watch::Sender<bool>,
}

/// A job that waits or runs, until this is dropped.
pub(super) struct Live {
    jobs: Arc<Mutex<HashMap<JobId, Entry>>>,
    id: JobId,
}

/// How far a job of this process is.
#[derive(Debug, Clone, Copy)]
pub(in crate::http) struct Progress {
    pub(in crate::http) phase: Phase,
    /// From 0 to 1.
    pub(in crate::http) fraction: f64,
    pub(in crate::http) is_cancelled: bool,
}

impl Progress {
    fn of(reporter: &Reporter) -> Self {
        let (phase, fraction) = reporter.progress();
        Self { phase, fraction, is_cancelled: reporter.is_cancelled() }
    }
}

impl Running {
    pub(super) fn begin(&self, id: &JobId, reporter: &Reporter) -> Live {
        let (reporter, has_ended) = (reporter.clone(), watch::Sender::new(false));
        lock(&self.jobs).insert(id.clone(), Entry { reporter, is_withdrawn: false, has_ended });
        Live { jobs: Arc::clone(&self.jobs), id: id.clone() }
    }

    pub(in crate::http) fn is_empty(&self) -> bool {
        lock(&self.jobs).is_empty()
    }

    /// `None` for a job that has ended, or that another process has.
    pub(in crate::http) fn progress(&self, id: &JobId) -> Option<Progress> {
        let jobs = lock(&self.jobs);
        Some(Progress::of(&jobs.get(id)?.reporter))
    }

    /// How far all jobs of this process are.
    pub(super) fn now(&self) -> Vec<(JobId, Progress)> {
        let jobs = lock(&self.jobs);
        jobs.iter().map(|(id, entry)| (id.clone(), Progress::of(&entry.reporter))).collect()
    }

    /// Cancels a job; false if this process does not have it.
    pub(in crate::http) fn cancel(&self, id: &JobId) -> bool {
        let jobs = lock(&self.jobs);
        let entry = jobs.get(id);
        entry.map(|entry| entry.reporter.cancel()).is_some()
    }

    /// Becomes true, or ends, when the job has ended. `None` if this process does not have it.
    pub(in crate::http) fn end_of(&self, id: &JobId) -> Option<watch::Receiver<bool>> {
        Some(lock(&self.jobs).get(id)?.has_ended.subscribe())
    }

    /// Withdraws the jobs that have not started. They stay stored, and the next server takes them.
    pub(in crate::http) fn withdraw_waiting(&self) {
        for entry in lock(&self.jobs).values_mut() {
            if entry.reporter.progress().0 == Phase::Waiting && !entry.reporter.is_cancelled() {
                // One that starts just now goes on until its next look, and then waits for the next server, too.
                entry.reporter.cancel();
                entry.is_withdrawn = true;
            }
        }
    }
}

impl Live {
    /// Whether the job is left to the next start of a server.
    pub(super) fn is_withdrawn(&self) -> bool {
        lock(&self.jobs).get(&self.id).is_some_and(|entry| entry.is_withdrawn)
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        if let Some(entry) = lock(&self.jobs).remove(&self.id) {
            entry.has_ended.send_replace(true);
        }
    }
}

fn lock(jobs: &Mutex<HashMap<JobId, Entry>>) -> MutexGuard<'_, HashMap<JobId, Entry>> {
    jobs.lock().unwrap_or_else(PoisonError::into_inner)
}
