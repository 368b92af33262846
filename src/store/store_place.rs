//! The seam between what the program asks of a store and the place of all its models.
//!
//! Owns the operations that every place offers. Must not know how any of them does it.

use std::fmt::Debug;
use std::sync::Arc;

use super::error::StoreError;
use super::finding::Finding;
use super::key::{DirHash, ModelId};
use super::listing::Listing;
use super::model_dir::ModelDir;
use super::place::ModelPlace;
use super::pruned::Pruned;
use super::retention::Retention;
use super::usage::Usage;

/// A place for all models of a server.
pub(super) trait StorePlace: Debug + Send + Sync {
    fn model(&self, id: &ModelId, hash: &DirHash) -> Arc<dyn ModelPlace>;
    fn with_retention(&self, retention: Retention) -> Arc<dyn StorePlace>;
    fn models(&self) -> Result<Listing, StoreError>;
    fn model_dirs(&self) -> Result<Listing, StoreError>;
    fn ids(&self) -> Result<Vec<ModelId>, StoreError>;
    fn model_dirs_of(&self, id: &ModelId) -> Result<Vec<(DirHash, ModelDir)>, StoreError>;
    fn delete(&self, id: &ModelId) -> Result<(), StoreError>;
    fn prune(&self, dry_run: bool) -> Result<Vec<Pruned>, StoreError>;
    fn examine(&self, repair: bool) -> Result<Vec<Finding>, StoreError>;
    fn usage(&self) -> Result<Usage, StoreError>;
    fn check_writable(&self) -> Result<(), StoreError>;
    fn close(&self);
}
