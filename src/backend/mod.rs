//! The operations that Moodle asks for. The only room that knows all the
//! others; `http` and `cli` call it, it knows neither.

mod compute;
mod error;
mod evaluate;
mod predict;
mod rate;
mod reply;
mod train;
mod transfer;

pub use error::BackendError;
pub use evaluate::{EvaluationRequest, evaluate, evaluation_log};
pub use predict::predict;
pub use reply::{EvaluationFigures, EvaluationReply, Prediction, Status, Training};
pub use train::train;
pub use transfer::{export, export_to, import, import_from};

use std::fs::File;
use std::path::Path;

use crate::store::{DirHash, ModelHome, ModelId, Store};

/// The models of one data directory.
#[derive(Debug, Clone)]
pub struct Backend {
    store: Store,
}

impl Backend {
    /// The models that `store` keeps.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// Where one model is kept.
    #[must_use]
    pub fn home(&self, id: &ModelId, dir: &DirHash) -> ModelHome {
        self.store.model(id, dir)
    }

    /// Deletes everything under `id`, and nothing else; fine when there is nothing.
    pub fn delete(&self, id: &ModelId) -> Result<(), BackendError> {
        Ok(self.store.delete(id)?)
    }
}

/// What Moodle is told when it asks for the answers of a model that is not there.
const NOT_TRAINED: &str = "Provided model have not been trained yet";

/// Opens an upload, which is a file of ours, or a file that a local Moodle names.
fn open(path: &Path) -> Result<File, BackendError> {
    File::open(path)
        .map_err(|error| BackendError::Internal(format!("the uploaded file cannot be opened: {error}")))
}
