//! The keys of objects.
//!
//! Owns the layout that `bucket` describes. Must not know what an object contains.

use super::epoch::Epoch;
use crate::store::key::{DirHash, ModelId};

/// The part of a key that no model has: identifiers contain no dot.
pub(super) const OWN: &str = ".mlbackend";
/// The name of the pointer.
pub(super) const POINTER: &str = "current.json";
pub(super) const GENERATIONS: &str = "generations/";
pub(super) const RUNS: &str = "runs/";
/// Reserved run ids.
pub(super) const RUN_IDS: &str = "run-ids/";
const RUN_EXTENSION: &str = ".zip";

/// The prefix of everything of one model id.
pub(super) fn of_id(id: &ModelId) -> String {
    format!("{}/", id.as_str())
}

/// The prefix of all epochs of one model id.
pub(super) fn of_epochs(id: &ModelId) -> String {
    format!("{}/{OWN}/", id.as_str())
}

/// The object that names the epoch of a model id.
pub(super) fn of_deletion(id: &ModelId) -> String {
    format!("{}{}", of_epochs(id), DELETION)
}

pub(super) const DELETION: &str = "deletion.json";

/// The prefix of one model in one epoch.
pub(super) fn of_model(id: &ModelId, epoch: &Epoch, hash: &DirHash) -> String {
    format!("{}{}/{}/", of_epochs(id), epoch.name(), hash.as_str())
}

/// The zip of the Python server.
pub(super) fn of_python_server(id: &ModelId, hash: &DirHash) -> String {
    format!("{}/{}", id.as_str(), hash.as_str())
}

/// The name of a run below the prefix of its model.
pub(super) fn run(run: u64) -> String {
    format!("{RUNS}{run}{RUN_EXTENSION}")
}

/// The run of such a name.
pub(super) fn run_of(name: &str) -> Option<u64> {
    name.strip_prefix(RUNS)?.strip_suffix(RUN_EXTENSION)?.parse().ok()
}
