//! Models in a data directory.
//!
//! Owns directories, generations, locks and atomic publishing. Must not know what the bytes of a model or of samples
//! mean.
//!
//! ```text
//! DIR/<uniqueid>/<dirhash>/classifier/current.json          names the current generation
//! DIR/<uniqueid>/<dirhash>/classifier/<generation>/         model.onnx, samples.bin, generation.json
//! DIR/<uniqueid>/<dirhash>/classifier/classifier.pkl, model.ckpt/   written by the Python server, only read
//! DIR/<uniqueid>/<dirhash>/logs/<runid>/                    one evaluation run
//! DIR/<uniqueid>/<dirhash>/damaged/                         damaged generations, set aside by a repair
//! DIR/.mlbackend/                                           locks and everything incomplete; the audit trail
//! ```
//!
//! No symbolic link below the data directory is followed, see `fs/nofollow.rs`. The path of the data directory itself may
//! contain links. An operation that meets a link fails with [`StoreError::Link`](super::StoreError); a deletion removes the
//! link and not its target.
//!
//! These rules also hold for several processes on one data directory:
//! - Everything is written elsewhere, synced to the disk, and moved into place with one rename. Readers need no lock: a
//!   file never changes after it was published.
//! - The *model lock* (one uniqueid and dirhash) is held during a whole training. The *tree lock* (one uniqueid) is
//!   held during the few renames of publishing and of deleting, and acquired after the model lock. Only the examination
//!   or repair of a damaged model holds it for longer.
//! - A deletion does not wait for a training. A job that started before a deletion does not publish after it, so that
//!   deleted samples do not reappear, also where there was nothing to delete yet: see `deletion_guard.rs`.

mod check;
mod currency;
mod data_dir;
mod deletion_guard;
#[cfg(test)]
#[cfg(debug_assertions)]
mod failpoint_tests;
mod files;
mod forget;
mod generation;
mod generation_info;
mod generations;
mod listing;
mod lock;
mod manifest_file;
mod model_dir;
mod place;
#[cfg(test)]
mod power_failure_tests;
mod prune;
mod publish;
mod python_files;
mod run;
mod symlinks;
mod usage;
mod workspace;

pub(super) use data_dir::LocalStore;
pub(crate) use files::{create_dir_all, entries, sync_dir};
pub(crate) use lock::FileLock;
#[cfg(test)]
pub(super) use model_dir::LocalModel;
pub(crate) use workspace::NAME as WORKSPACE;
