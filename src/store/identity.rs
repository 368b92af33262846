//! What distinguishes the current model of a directory from every other that was or will be there.
//!
//! Owns the check whether a model that was read before is still the current one. It costs a few system calls and reads no
//! model. Must not know where models are kept in memory.
//!
//! The pointer's content names a generation with the time of its publication, to the nanosecond, and the checksum of its
//! model: a number that is used again after a deletion, or a pointer from a backup, cannot be mistaken for another. The
//! files' inode, size and times of change reveal a model file that was replaced or damaged later.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::error::StoreError;
use super::files;
use super::manifest::MODEL;
use super::model_dir::ModelDir;
use crate::fs::nofollow::FileIdentity;
use crate::python_server_files::READ;

/// File systems update times in steps, of up to two seconds on FAT: a file that changed so recently may change again and
/// keep its times.
const TIME_STEP: Duration = Duration::from_secs(3);

/// Distinguishes a model from every other that was or will be current in the same directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelIdentity(Kind);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Generation { number: u64, pointer: Arc<[u8]>, model: FileIdentity },
    PythonServer([Option<FileIdentity>; READ.len()]),
}

impl ModelIdentity {
    pub(super) fn of_generation(number: u64, pointer: Arc<[u8]>, model: FileIdentity) -> Self {
        Self(Kind::Generation { number, pointer, model })
    }

    /// Whether a change right now would be noticed.
    fn is_settled(files: &[Option<FileIdentity>]) -> bool {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        files.iter().flatten().all(|file| file.changed() + TIME_STEP < now)
    }
}

impl ModelDir {
    /// Whether the model with this identity is still the current one, undamaged as far as its size and times show. Needs no
    /// lock.
    pub fn is_current(&self, identity: &ModelIdentity) -> Result<bool, StoreError> {
        let classifier = self.classifier();
        match &identity.0 {
            Kind::Generation { number, pointer, model } => {
                let same = classifier.pointer_bytes()?.is_some_and(|bytes| bytes == **pointer);
                Ok(same && files::identity(&classifier.generation(*number).join(MODEL))? == Some(*model))
            }
            Kind::PythonServer(known) => Ok(self.python_files()? == *known && classifier.is_empty()?),
        }
    }

    /// The identity of a model of the Python server, to be compared before and after its files are read; `None` if a change
    /// might go unnoticed, because the files are too new.
    pub fn python_server_identity(&self) -> Result<Option<ModelIdentity>, StoreError> {
        let files = self.python_files()?;
        Ok(ModelIdentity::is_settled(&files).then_some(ModelIdentity(Kind::PythonServer(files))))
    }

    fn python_files(&self) -> Result<[Option<FileIdentity>; READ.len()], StoreError> {
        let mut identities = [None; READ.len()];
        for (identity, name) in identities.iter_mut().zip(READ) {
            *identity = files::identity(&self.classifier().0.join(name))?;
        }
        Ok(identities)
    }
}
