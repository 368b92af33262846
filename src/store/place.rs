//! The seam between what the program asks of a model and the place where it is kept: a data directory or a bucket.
//!
//! Owns the operations that every place offers; `tests/behaviour/store_places.rs` holds all places to the same behaviour.
//! Must not know how any of them does it.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::error::StoreError;
use super::finding::Finding;
use super::generation::{Generation, NewGeneration};
use super::generation_info::GenerationInfo;
use super::identity::ModelIdentity;
use super::key::RunId;
use super::retention::Retention;

/// Verifies the content of a generation with correct checksums; returns the problem.
pub(super) type Verify<'a> = &'a dyn Fn(&Generation) -> Result<(), String>;

/// The place of one model.
pub(super) trait ModelPlace: Debug + Send + Sync {
    fn begin_job(&self) -> Result<Arc<dyn ModelPlace>, StoreError>;
    fn path(&self) -> PathBuf;
    fn retention(&self) -> Retention;
    fn lock(&self) -> Result<Box<dyn LockedModel>, StoreError>;
    fn current(&self) -> Result<Option<Generation>, StoreError>;
    fn current_read_only(&self) -> Result<Option<Generation>, StoreError>;
    /// The generation of this number; `None` if there is none or it is incomplete.
    fn generation(&self, number: u64) -> Result<Option<Generation>, StoreError>;
    /// The numbers of the generations before this one, newest first.
    fn numbers_before(&self, number: u64) -> Result<Vec<u64>, StoreError>;
    fn current_info(&self) -> Result<Option<GenerationInfo>, StoreError>;
    fn generations(&self) -> Result<Vec<GenerationInfo>, StoreError>;
    fn bytes(&self) -> u64;
    fn is_current(&self, identity: &ModelIdentity) -> Result<bool, StoreError>;
    fn python_server_identity(&self) -> Result<Option<ModelIdentity>, StoreError>;
    fn python_server_files(&self) -> Result<Option<BTreeMap<String, Vec<u8>>>, StoreError>;
    fn has_python_server_files(&self) -> bool;
    fn next_run_id(&self) -> Result<RunId, StoreError>;
    fn begin_run(&self) -> Result<(RunId, Box<dyn RunWriter>), StoreError>;
    fn run(&self, run: RunId) -> Result<Option<Box<dyn RunFiles>>, StoreError>;
    fn runs(&self) -> Result<Vec<RunId>, StoreError>;
    fn examine(&self, repair: bool, verify: Verify<'_>) -> Result<Vec<Finding>, StoreError>;
}

/// A model that one job may change.
pub(super) trait LockedModel: Debug + Send {
    fn publish(&self, new: &NewGeneration<'_>) -> Result<Generation, StoreError>;
    fn repair_pointer(&self) -> Result<(), StoreError>;
    fn remove_python_server_files(&self) -> Result<(), StoreError>;
}

/// An evaluation run that is being written.
pub(super) trait RunWriter: Debug + Send {
    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()>;
    fn publish(self: Box<Self>) -> Result<RunId, StoreError>;
}

/// The files of a published evaluation run.
pub(super) trait RunFiles: Debug + Send {
    fn path(&self) -> PathBuf;
    fn files(&self) -> io::Result<Vec<String>>;
    fn read(&self, name: &str) -> io::Result<Vec<u8>>;
    fn read_head(&self, name: &str, max: usize) -> io::Result<Vec<u8>>;
}
