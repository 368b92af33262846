//! What a list of models says.
//!
//! Must not know where models are kept.

use super::error::StoreError;
use super::key::{DirHash, ModelId};
use super::model_dir::ModelDir;

/// The models of a store.
#[derive(Debug, Default)]
pub struct Listing {
    /// Sorted by id and hash.
    pub models: Vec<(ModelId, DirHash, ModelDir)>,
    /// The ids whose models cannot be read.
    pub unreadable: Vec<(ModelId, StoreError)>,
}
