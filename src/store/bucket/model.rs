//! One model in a bucket: what readers see.
//!
//! Owns finding the current generation. Must not know how one is published.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::epoch::Epoch;
use super::keys;
use super::objects::{Got, Version};
use super::pointer::{self, Pointer};
use super::shared::Shared;
use crate::store::error::StoreError;
use crate::store::generation::Generation;
use crate::store::generation_info::GenerationInfo;
use crate::store::identity::{Kind, ModelIdentity};
use crate::store::key::{DirHash, ModelId};
use crate::store::retention::Retention;

/// One model (uniqueid and dirhash) in a bucket.
#[derive(Debug, Clone)]
pub(super) struct BucketModel {
    pub(super) shared: Arc<Shared>,
    pub(super) id: ModelId,
    pub(super) hash: DirHash,
    pub(super) retention: Retention,
    /// The epoch in which the job began that has this value; `None` outside of a job.
    pub(super) began: Option<Epoch>,
}

impl BucketModel {
    /// The same model in a job that begins now.
    pub(super) fn in_job(&self) -> Result<Self, StoreError> {
        Ok(Self { began: Some(self.epoch_of_job()?), ..self.clone() })
    }

    /// The epoch in which a job of this value writes.
    pub(super) fn epoch_of_job(&self) -> Result<Epoch, StoreError> {
        self.began.clone().map_or_else(|| self.epoch(), Ok)
    }

    /// The present epoch.
    pub(super) fn epoch(&self) -> Result<Epoch, StoreError> {
        Epoch::read(&*self.shared.objects, &self.id)
    }

    /// The prefix of its objects in an epoch.
    pub(super) fn prefix(&self, epoch: &Epoch) -> String {
        keys::of_model(&self.id, epoch, &self.hash)
    }

    pub(super) fn address(&self) -> PathBuf {
        self.shared.objects.address(&keys::of_python_server(&self.id, &self.hash))
    }

    /// The pointer of the present epoch.
    pub(super) fn pointer(&self) -> Result<Option<(Epoch, Pointer, Version)>, StoreError> {
        let epoch = self.epoch()?;
        let pointer = Pointer::read(&*self.shared.objects, &self.prefix(&epoch))?;
        Ok(pointer.map(|(pointer, version)| (epoch, pointer, version)))
    }

    pub(super) fn current(&self) -> Result<Option<Generation>, StoreError> {
        let Some((epoch, pointer, version)) = self.pointer()? else { return Ok(None) };
        Ok(pointer.current().map(|entry| self.stored(&epoch, entry, Some(version))))
    }

    pub(super) fn generation(&self, number: u64) -> Result<Option<Generation>, StoreError> {
        let Some((epoch, pointer, _)) = self.pointer()? else { return Ok(None) };
        let entry = pointer.generations.iter().find(|entry| entry.manifest.generation == number);
        Ok(entry.map(|entry| self.stored(&epoch, entry, None)))
    }

    /// What the pointer says of each kept generation, newest first.
    pub(super) fn generations(&self) -> Result<Vec<GenerationInfo>, StoreError> {
        let Some((_, pointer, _)) = self.pointer()? else { return Ok(Vec::new()) };
        Ok(pointer.generations.iter().map(|entry| GenerationInfo::of(&entry.manifest)).collect())
    }

    /// The size of its objects in the present epoch.
    pub(super) fn bytes(&self) -> Result<u64, StoreError> {
        let prefix = self.prefix(&self.epoch()?);
        let listed = self.shared.objects.list(&prefix)?;
        Ok(listed.iter().map(|object| object.bytes).sum())
    }

    /// Two short requests.
    pub(super) fn is_current(&self, identity: &ModelIdentity) -> Result<bool, StoreError> {
        let objects = &*self.shared.objects;
        match &identity.0 {
            Kind::Bucket { epoch, deletion, pointer } => {
                let epoch = Epoch::again(epoch, deletion.as_deref());
                let pointer = Version(pointer.clone());
                let key = pointer::key(&self.prefix(&epoch));
                let same = match objects.get(&key, Some(&pointer))? {
                    Got::Unchanged => true,
                    Got::Found(_, version) => version == pointer,
                    Got::Missing => false,
                };
                Ok(same && epoch.is_present(objects, &self.id)?)
            }
            Kind::BucketOfPythonServer(version) => {
                let version = Version(version.clone());
                let key = keys::of_python_server(&self.id, &self.hash);
                let same = match objects.get(&key, Some(&version))? {
                    Got::Unchanged => true,
                    Got::Found(_, found) => found == version,
                    Got::Missing => false,
                };
                Ok(same && self.epoch()?.is_first() && self.pointer()?.is_none())
            }
            Kind::Generation { .. } | Kind::PythonServer(_) => Ok(false),
        }
    }

    pub(super) fn python_server_identity(&self) -> Result<Option<ModelIdentity>, StoreError> {
        let found = self.python_server_zip()?;
        Ok(found.map(|(_, version)| ModelIdentity(Kind::BucketOfPythonServer(version.0))))
    }

    pub(super) fn python_server_files(&self) -> Result<Option<BTreeMap<String, Vec<u8>>>, StoreError> {
        let Some((bytes, _)) = self.python_server_zip()? else { return Ok(None) };
        let path = self.address();
        super::python_files::unzipped(&bytes)
            .map(Some)
            .map_err(|problem| StoreError::Corrupt { path, problem })
    }

    /// The zip of the Python server; `None` after any deletion of the id.
    pub(super) fn python_server_zip(&self) -> Result<Option<(Vec<u8>, Version)>, StoreError> {
        if !self.epoch()?.is_first() {
            return Ok(None);
        }
        let key = keys::of_python_server(&self.id, &self.hash);
        Ok(self.shared.objects.get(&key, None)?.found())
    }
}
