//! A data directory as a place of models.
//!
//! Owns nothing but the connection of the seam with what this module does. Must not know what is asked for.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::data_dir::LocalStore;
use super::model_dir::{LocalLock, LocalModel};
use super::run::{LocalNewRun, LocalRun};
use crate::store::error::StoreError;
use crate::store::finding::Finding;
use crate::store::generation::{Generation, NewGeneration};
use crate::store::generation_info::GenerationInfo;
use crate::store::identity::ModelIdentity;
use crate::store::key::{DirHash, ModelId, RunId};
use crate::store::listing::Listing;
use crate::store::model_dir::ModelDir;
use crate::store::place::{LockedModel, ModelPlace, RunFiles, RunWriter, Verify};
use crate::store::pruned::Pruned;
use crate::store::retention::Retention;
use crate::store::store_place::StorePlace;
use crate::store::usage::Usage;

impl StorePlace for LocalStore {
    fn model(&self, id: &ModelId, hash: &DirHash) -> Arc<dyn ModelPlace> {
        Arc::new(Self::model(self, id, hash))
    }

    fn with_retention(&self, retention: Retention) -> Arc<dyn StorePlace> {
        Arc::new(Self::with_retention(self.clone(), retention))
    }

    fn models(&self) -> Result<Listing, StoreError> {
        Self::models(self)
    }

    fn model_dirs(&self) -> Result<Listing, StoreError> {
        Self::model_dirs(self)
    }

    fn ids(&self) -> Result<Vec<ModelId>, StoreError> {
        Self::ids(self)
    }

    fn model_dirs_of(&self, id: &ModelId) -> Result<Vec<(DirHash, ModelDir)>, StoreError> {
        Self::model_dirs_of(self, id)
    }

    fn delete(&self, id: &ModelId) -> Result<(), StoreError> {
        Self::delete(self, id)
    }

    fn prune(&self, dry_run: bool) -> Result<Vec<Pruned>, StoreError> {
        Self::prune(self, dry_run)
    }

    fn examine(&self, repair: bool) -> Result<Vec<Finding>, StoreError> {
        Self::examine(self, repair)
    }

    fn usage(&self) -> Result<Usage, StoreError> {
        Self::usage(self)
    }

    fn check_writable(&self) -> Result<(), StoreError> {
        Self::check_writable(self)
    }

    fn close(&self) {
        Self::close(self);
    }
}

impl ModelDir {
    /// A model directory outside of a [`Store`](crate::store::Store), as Moodle's local mode uses it. Nothing is created before
    /// something is locked or stored. It has its own locks: do not use a directory of a running server this way.
    #[must_use]
    pub fn at(dir: &Path) -> Self {
        Self::new(Arc::new(LocalModel::at(dir)))
    }
}

impl ModelPlace for LocalModel {
    fn begin_job(&self) -> Result<Arc<dyn ModelPlace>, StoreError> {
        Ok(Arc::new(Self::begin_job(self.clone())?))
    }

    fn path(&self) -> PathBuf {
        Self::path(self)
    }

    fn retention(&self) -> Retention {
        self.retention
    }

    fn lock(&self) -> Result<Box<dyn LockedModel>, StoreError> {
        Ok(Box::new(Locked { model: self.clone(), lock: Self::lock(self)? }))
    }

    fn current(&self) -> Result<Option<Generation>, StoreError> {
        Ok(Self::current(self)?.map(Generation::from))
    }

    fn current_read_only(&self) -> Result<Option<Generation>, StoreError> {
        Ok(Self::current_read_only(self)?.map(Generation::from))
    }

    fn generation(&self, number: u64) -> Result<Option<Generation>, StoreError> {
        Ok(self.classifier().open(number)?.map(Generation::from))
    }

    fn numbers_before(&self, number: u64) -> Result<Vec<u64>, StoreError> {
        let numbers = self.classifier().numbers()?.into_iter().rev();
        Ok(numbers.filter(|&older| older < number).collect())
    }

    fn current_info(&self) -> Result<Option<GenerationInfo>, StoreError> {
        Self::current_info(self)
    }

    fn generations(&self) -> Result<Vec<GenerationInfo>, StoreError> {
        Self::generations(self)
    }

    fn bytes(&self) -> u64 {
        Self::bytes(self)
    }

    fn is_current(&self, identity: &ModelIdentity) -> Result<bool, StoreError> {
        Self::is_current(self, identity)
    }

    fn python_server_identity(&self) -> Result<Option<ModelIdentity>, StoreError> {
        Self::python_server_identity(self)
    }

    fn python_server_files(&self) -> Result<Option<BTreeMap<String, Vec<u8>>>, StoreError> {
        Self::python_server_files(self)
    }

    fn has_python_server_files(&self) -> bool {
        Self::has_python_server_files(self)
    }

    fn next_run_id(&self) -> Result<RunId, StoreError> {
        Self::next_run_id(self)
    }

    fn begin_run(&self) -> Result<(RunId, Box<dyn RunWriter>), StoreError> {
        let run = Self::begin_run(self)?;
        Ok((run.id, Box::new(run)))
    }

    fn run(&self, run: RunId) -> Result<Option<Box<dyn RunFiles>>, StoreError> {
        Ok(Self::run(self, run)?.map(|run| Box::new(run) as Box<dyn RunFiles>))
    }

    fn runs(&self) -> Result<Vec<RunId>, StoreError> {
        Self::runs(self)
    }

    fn examine(&self, repair: bool, verify: Verify<'_>) -> Result<Vec<Finding>, StoreError> {
        Self::examine(self, repair, verify)
    }
}

/// A model directory with its lock.
#[derive(Debug)]
struct Locked {
    model: LocalModel,
    lock: LocalLock,
}

impl LockedModel for Locked {
    fn publish(&self, new: &NewGeneration<'_>) -> Result<Generation, StoreError> {
        self.model.publish(&self.lock, new).map(Generation::from)
    }

    fn repair_pointer(&self) -> Result<(), StoreError> {
        self.model.repair_pointer(&self.lock)
    }

    fn remove_python_server_files(&self) -> Result<(), StoreError> {
        self.model.remove_python_server_files(&self.lock)
    }
}

impl RunWriter for LocalNewRun {
    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        Self::write(self, name, bytes)
    }

    fn publish(self: Box<Self>) -> Result<RunId, StoreError> {
        Self::publish(*self)
    }
}

impl RunFiles for LocalRun {
    fn path(&self) -> PathBuf {
        Self::path(self)
    }

    fn files(&self) -> io::Result<Vec<String>> {
        Self::files(self)
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        Self::read(self, name)
    }

    fn read_head(&self, name: &str, max: usize) -> io::Result<Vec<u8>> {
        Self::read_head(self, name, max)
    }
}
