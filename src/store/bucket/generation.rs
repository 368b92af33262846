//! One published state of a model in a bucket.
//!
//! Owns reading its objects, each verified against its checksum. Must not know which generation is the current one.

use std::sync::Arc;

use super::epoch::Epoch;
use super::model::BucketModel;
use super::objects::Version;
use super::pointer::{Entry, Pointer};
use crate::store::error::StoreError;
use crate::store::generation::{Generation, GenerationFiles};
use crate::store::identity::ModelIdentity;
use crate::store::manifest::{Checksum, MODEL, SAMPLES};

/// A generation whose objects are read when they are needed.
#[derive(Debug)]
struct StoredGeneration {
    model: BucketModel,
    prefix: String,
    epoch: Epoch,
    entry: Entry,
    /// The version of the pointer that named it as the current one.
    pointer: Option<Version>,
}

impl BucketModel {
    pub(super) fn stored(&self, epoch: &Epoch, entry: &Entry, pointer: Option<Version>) -> Generation {
        let stored = StoredGeneration {
            model: self.clone(),
            prefix: self.prefix(epoch),
            epoch: epoch.clone(),
            entry: entry.clone(),
            pointer,
        };
        Generation::new(Arc::new(entry.manifest.clone()), Arc::new(stored))
    }
}

impl StoredGeneration {
    fn read(&self, file: &str, checksum: &Checksum) -> Result<Vec<u8>, StoreError> {
        let objects = &*self.model.shared.objects;
        let key = self.entry.key(&self.prefix, file);
        let corrupt =
            |problem: &str| StoreError::Corrupt { path: objects.address(&key), problem: problem.to_owned() };
        match objects.get(&key, None)?.found() {
            Some((bytes, _)) if Checksum::of(&bytes) == *checksum => Ok(bytes),
            Some(_) => {
                Err(corrupt("its checksum differs; restore it from a backup, or train the model anew"))
            }
            None if self.is_kept()? => {
                Err(corrupt("it is missing; restore it from a backup, or train the model anew"))
            }
            None => Err(StoreError::Superseded { path: objects.address(&key) }),
        }
    }

    /// Whether the pointer still names it: a missing object is damage then, and otherwise was removed by the retention or by
    /// a deletion.
    fn is_kept(&self) -> Result<bool, StoreError> {
        let objects = &*self.model.shared.objects;
        if !self.epoch.is_present(objects, &self.model.id)? {
            return Ok(false);
        }
        let pointer = Pointer::read(objects, &self.prefix)?;
        let publication = &self.entry.publication;
        Ok(pointer.is_some_and(|(pointer, _)| {
            pointer.generations.iter().any(|entry| entry.publication == *publication)
        }))
    }
}

impl GenerationFiles for StoredGeneration {
    fn model(&self) -> Result<Vec<u8>, StoreError> {
        self.read(MODEL, &self.entry.manifest.files.model)
    }

    fn samples(&self) -> Result<Option<Vec<u8>>, StoreError> {
        let samples = self.entry.manifest.files.samples.as_ref();
        samples.map(|checksum| self.read(SAMPLES, checksum)).transpose()
    }

    fn identity(&self) -> Option<ModelIdentity> {
        let pointer = self.pointer.clone()?;
        Some(self.epoch.identity(&pointer))
    }
}
