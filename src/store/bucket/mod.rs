//! Models in a bucket of an object store that several servers share.
//!
//! Owns the layout of the bucket and the protocol between the servers. Must not know what the bytes of a model or of
//! samples mean.
//!
//! ```text
//! <uniqueid>/.mlbackend/deletion.json                            names the epoch since the last deletion
//! <uniqueid>/.mlbackend/<epoch>/<dirhash>/current.json           the pointer: the kept generations, the current one first
//! <uniqueid>/.mlbackend/<epoch>/<dirhash>/generations/<publication>/   model.onnx, samples.bin
//! <uniqueid>/.mlbackend/<epoch>/<dirhash>/runs/<runid>.zip       one evaluation run
//! <uniqueid>/<dirhash>                                           a zip of the Python server, only read
//! .mlbackend/                                                    the audit trail, the keys of the dashboard's sessions
//! ```
//!
//! - Objects of a generation never change. One conditional put of the pointer publishes: it succeeds only if the pointer is
//!   still the one that the training started from. The loser of a race starts again from the winner's samples.
//! - *A refused put may be our own*: its first attempt may have been stored and only the answer lost. So each publication
//!   has a random name, the pointer names the last ones, and a refusal is believed only if ours is not among them.
//! - *A deletion begins a new epoch* with one conditional put. A job that began before writes below the old epoch, where
//!   no reader looks any more, and removes it again.
//! - Nothing here waits for another server, so no server that dies can block another.

mod check;
mod client;
mod epoch;
mod generation;
mod inventory;
mod keys;
mod lease;
#[cfg(test)]
mod memory;
mod model;
mod objects;
mod outside;
mod place;
mod pointer;
mod prune;
mod publish;
mod python_files;
mod remote;
mod run;
mod shared;
mod shared_file;
#[cfg(test)]
mod simulation_tests;
mod store;
mod url;

pub(crate) use lease::{LEASE_EXPIRY, Lease, Leases};
pub(crate) use objects::{Condition, Objects, Unavailable};
pub(super) use remote::Bucket;
pub(crate) use shared_file::BucketFile;
pub(super) use store::BucketStore;
pub use url::{BucketUrl, BucketUrlError};
