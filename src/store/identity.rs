//! What distinguishes the current model of a directory from every other that was or will be there.
//!
//! The pointer's content names a generation with the time of its publication, to the nanosecond, and the checksum of its
//! model: a number that is used again after a deletion, or a pointer from a backup, cannot be mistaken for another. The
//! files' inode, size and times of change reveal a model file that was replaced or damaged later. Must not know how an
//! identity is compared with what is on the disk.

use std::sync::Arc;

use crate::fs::nofollow::FileIdentity;
use crate::python_server_files::READ;

/// Distinguishes a model from every other that was or will be current in the same directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelIdentity(pub(super) Kind);

/// The files of a model of the Python server, by their place in [`READ`].
pub type PythonServerFiles = [Option<FileIdentity>; READ.len()];

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    Generation {
        number: u64,
        pointer: Arc<[u8]>,
        model: FileIdentity,
    },
    PythonServer(Box<PythonServerFiles>),
    /// The epoch and the version of the object that names it, and the version of the pointer, whose content is unique.
    Bucket {
        epoch: String,
        deletion: Option<String>,
        pointer: String,
    },
    /// The version of the zip.
    BucketOfPythonServer(String),
}

impl ModelIdentity {
    pub(super) fn of_generation(number: u64, pointer: Arc<[u8]>, model: FileIdentity) -> Self {
        Self(Kind::Generation { number, pointer, model })
    }
}
