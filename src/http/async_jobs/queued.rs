//! Jobs in the queue of the workers.
//!
//! Owns which jobs workers perform, and how a job is described in the queue. Must not know how it is performed.

use super::record::{JobId, Record};
use crate::http::operations::Task;
use crate::queue::Entry;

/// Whether workers perform such a job of a client that does not wait. A server has its models in memory, so it predicts itself.
pub(super) fn is_for_workers(task: &Task) -> bool {
    !matches!(task, Task::Prediction)
}

/// Whether workers perform such a job of a client that waits.
pub(super) fn is_for_workers_at_once(task: &Task) -> bool {
    matches!(task, Task::Training | Task::Evaluation { .. })
}

/// What the queue knows about a job. One training of a model at a time runs.
pub(super) fn entry(id: &JobId, record: &Record) -> Entry {
    let model = match record.task {
        Task::Training => format!("{}/{}", record.uniqueid, record.dirhash),
        _ => String::new(),
    };
    Entry { id: id.as_str().to_owned(), user: record.user().to_owned(), model }
}
