//! A bucket as a place of models.
//!
//! Owns nothing but the connection of the seam with what this module does. Must not know what is asked for.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::model::BucketModel;
use super::store::BucketStore;
use crate::store::error::StoreError;
use crate::store::finding::Finding;
use crate::store::generation::Generation;
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

impl StorePlace for BucketStore {
    fn model(&self, id: &ModelId, hash: &DirHash) -> Arc<dyn ModelPlace> {
        Arc::new(Self::model(self, id, hash))
    }

    fn with_retention(&self, retention: Retention) -> Arc<dyn StorePlace> {
        Arc::new(Self { retention, ..self.clone() })
    }

    fn models(&self) -> Result<Listing, StoreError> {
        self.list(false)
    }

    fn model_dirs(&self) -> Result<Listing, StoreError> {
        self.list(true)
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
        self.shared.close();
    }
}

impl ModelPlace for BucketModel {
    fn begin_job(&self) -> Result<Arc<dyn ModelPlace>, StoreError> {
        Ok(Arc::new(self.in_job()?))
    }

    fn path(&self) -> PathBuf {
        self.address()
    }

    fn retention(&self) -> Retention {
        self.retention
    }

    fn lock(&self) -> Result<Box<dyn LockedModel>, StoreError> {
        Ok(Box::new(Self::lock(self)?))
    }

    fn current(&self) -> Result<Option<Generation>, StoreError> {
        Self::current(self)
    }

    fn current_read_only(&self) -> Result<Option<Generation>, StoreError> {
        Self::current(self)
    }

    fn generation(&self, number: u64) -> Result<Option<Generation>, StoreError> {
        Self::generation(self, number)
    }

    fn numbers_before(&self, number: u64) -> Result<Vec<u64>, StoreError> {
        let numbers = Self::generations(self)?.into_iter().map(|generation| generation.number);
        Ok(numbers.filter(|&older| older < number).collect())
    }

    fn current_info(&self) -> Result<Option<GenerationInfo>, StoreError> {
        Ok(Self::generations(self)?.into_iter().next())
    }

    fn generations(&self) -> Result<Vec<GenerationInfo>, StoreError> {
        Self::generations(self)
    }

    fn bytes(&self) -> u64 {
        Self::bytes(self).unwrap_or(0)
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
        self.python_server_zip().is_ok_and(|zip| zip.is_some())
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
