//! Publishes a generation of a model in a bucket.
//!
//! Owns the order of its steps: store the objects, switch the pointer with one conditional put, look whether a deletion came
//! first, and remove what the retention no longer keeps. Must not know what the bytes mean.

use std::sync::Arc;

use super::epoch::Epoch;
use super::keys;
use super::model::BucketModel;
use super::objects::{Condition, Version};
use super::outside::nonce;
use super::pointer::{self, Entry, Pointer};
use super::shared::Lock;
use crate::store::error::StoreError;
use crate::store::generation::{Generation, GenerationFiles, NewGeneration};
use crate::store::identity::ModelIdentity;
use crate::store::manifest::{MODEL, SAMPLES, to_json};
use crate::store::place::LockedModel;
use crate::store::samples_limit::SamplesLimit;

/// A model that one job of this process may change, as it was when the job began.
#[derive(Debug)]
pub(super) struct LockedBucketModel {
    model: BucketModel,
    epoch: Epoch,
    base: Option<(Pointer, Version)>,
    _lock: Lock,
}

impl BucketModel {
    pub(super) fn lock(&self) -> Result<LockedBucketModel, StoreError> {
        let epoch = self.epoch_of_job()?;
        let prefix = self.prefix(&epoch);
        let lock = self.shared.lock(&prefix);
        let base = Pointer::read(&*self.shared.objects, &prefix)?;
        Ok(LockedBucketModel { model: self.clone(), epoch, base, _lock: lock })
    }
}

/// What came of a conditional put of the pointer.
enum Switch {
    Done,
    /// Another server was faster.
    Lost,
}

impl LockedBucketModel {
    /// Stores the objects of a generation.
    fn store(&self, new: &NewGeneration<'_>, entry: &Entry) -> Result<(), StoreError> {
        let prefix = self.model.prefix(&self.epoch);
        self.put_new(&entry.key(&prefix, MODEL), new.model)?;
        new.samples.map_or(Ok(()), |samples| self.put_new(&entry.key(&prefix, SAMPLES), samples))
    }

    /// Stores an object that must not exist, so that an earlier attempt that was cut cannot replace it later. Where such an
    /// attempt left a part of it, the publication starts again under another name.
    fn put_new(&self, key: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let objects = &*self.model.shared.objects;
        if objects.put(key, bytes.to_vec(), Condition::Absent)?.is_some() {
            return Ok(());
        }
        match objects.get(key, None)?.found() {
            Some((stored, _)) if stored == bytes => Ok(()),
            _ => Err(StoreError::Superseded { path: objects.address(key) }),
        }
    }

    /// The pointer with a new current generation, and what it no longer names.
    fn next(&self, entry: Entry) -> (Pointer, Vec<String>) {
        let prefix = self.model.prefix(&self.epoch);
        let base = self.base.as_ref().map(|(pointer, _)| pointer);
        let recent = Pointer::recent_with(base, &entry.publication);
        let mut dropped = Vec::new();
        let mut generations = vec![entry];
        let limit = SamplesLimit::of(self.model.retention);
        for mut earlier in base.map(|base| base.generations.clone()).unwrap_or_default() {
            if generations.len() >= self.model.retention.generations {
                dropped.push(earlier.key(&prefix, MODEL));
                dropped
                    .extend(earlier.manifest.files.samples.as_ref().map(|_| earlier.key(&prefix, SAMPLES)));
                continue;
            }
            if limit.as_ref().is_some_and(|limit| limit.is_outdated(&earlier.manifest)) {
                dropped.push(earlier.key(&prefix, SAMPLES));
                earlier.manifest = earlier.manifest.without_samples();
            }
            generations.push(earlier);
        }
        let damaged = base.map(|base| base.damaged.clone()).unwrap_or_default();
        (Pointer { generations, damaged, recent }, dropped)
    }

    /// Replaces the pointer if it is still the one that the job began with.
    pub(super) fn switch(&self, pointer: &Pointer) -> Result<Switched, StoreError> {
        let objects = &*self.model.shared.objects;
        let prefix = self.model.prefix(&self.epoch);
        let publication = pointer.recent.first().map(String::as_str).unwrap_or_default();
        let condition = Condition::unchanged(self.base.as_ref().map(|(_, version)| version));
        let switch = match objects.put(&pointer::key(&prefix), to_json(pointer), condition) {
            Ok(Some(_)) => Switch::Done,
            // It was refused, or that is unknown: the first attempt may have been stored.
            outcome => {
                let stored = Pointer::read(objects, &prefix)?;
                let is_ours = stored.is_some_and(|(stored, _)| stored.names(publication));
                match outcome {
                    _ if is_ours => Switch::Done,
                    Ok(_) => Switch::Lost,
                    // It may still be stored later, so its objects stay.
                    Err(error) => return Err(error.into()),
                }
            }
        };
        Ok(match switch {
            Switch::Done if self.epoch.is_present(objects, &self.model.id)? => Switched::Published,
            Switch::Done => Switched::Deleted,
            Switch::Lost => Switched::Lost,
        })
    }

    fn remove(&self, keys: impl IntoIterator<Item = String>) {
        for key in keys {
            if let Err(error) = self.model.shared.objects.delete(&key) {
                tracing::warn!(%error, "an object that is no longer needed stays until the retention settings are applied");
            }
        }
    }

    fn keys_of(&self, entry: &Entry) -> Vec<String> {
        let prefix = self.model.prefix(&self.epoch);
        [MODEL, SAMPLES].map(|file| entry.key(&prefix, file)).into()
    }

    pub(super) fn base(&self) -> Option<&Pointer> {
        self.base.as_ref().map(|(pointer, _)| pointer)
    }
}

/// What the bucket shows after a switch.
pub(super) enum Switched {
    Published,
    /// The model was deleted since the job began: no reader sees it.
    Deleted,
    Lost,
}

impl LockedModel for LockedBucketModel {
    fn publish(&self, new: &NewGeneration<'_>) -> Result<Generation, StoreError> {
        let objects = &*self.model.shared.objects;
        let prefix = self.model.prefix(&self.epoch);
        let _publishing = self.model.shared.publishing(&prefix)?;
        let number =
            self.base().and_then(Pointer::current).map_or(0, |current| current.manifest.generation) + 1;
        let entry = Entry { publication: format!("{number}-{}", nonce()), manifest: new.manifest(number) };
        let published = Generation::new(Arc::new(entry.manifest.clone()), Arc::new(InMemory::of(new)));
        if !self.epoch.is_present(objects, &self.model.id)? {
            tracing::info!(number, "the model was deleted during the training: nothing is stored");
            return Ok(published);
        }
        self.store(new, &entry)?;
        let (pointer, dropped) = self.next(entry.clone());
        match self.switch(&pointer)? {
            Switched::Published => self.remove(dropped),
            Switched::Deleted => {
                tracing::info!(number, "the model was deleted during the training: nothing is stored");
                self.remove(self.keys_of(&entry).into_iter().chain([pointer::key(&prefix)]));
            }
            Switched::Lost => {
                self.remove(self.keys_of(&entry));
                return Err(StoreError::Superseded { path: self.model.address() });
            }
        }
        Ok(published)
    }

    /// The pointer is the only record, so there is nothing to repair.
    fn repair_pointer(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn remove_python_server_files(&self) -> Result<(), StoreError> {
        let key = keys::of_python_server(&self.model.id, &self.model.hash);
        Ok(self.model.shared.objects.delete(&key)?)
    }
}

/// A generation that was just published, and can be read whatever happens to it in the bucket.
#[derive(Debug)]
struct InMemory {
    model: Vec<u8>,
    samples: Option<Vec<u8>>,
}

impl InMemory {
    fn of(new: &NewGeneration<'_>) -> Self {
        Self { model: new.model.to_vec(), samples: new.samples.map(<[u8]>::to_vec) }
    }
}

impl GenerationFiles for InMemory {
    fn model(&self) -> Result<Vec<u8>, StoreError> {
        Ok(self.model.clone())
    }

    fn samples(&self) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.samples.clone())
    }

    fn identity(&self) -> Option<ModelIdentity> {
        None
    }
}
