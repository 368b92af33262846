//! The operations that Moodle asks for. The only room that knows all the
//! others; `http` and `cli` call it, it knows neither.

mod check;
mod current_model;
mod error;
mod evaluate;
mod inspect;
mod learning_threads;
mod migrate;
mod predict;
mod reply;
mod score;
mod time_budget;
mod train;
mod transfer;

pub use check::check;
pub use error::{BackendError, ErrorKind};
pub use evaluate::{EvaluationRequest, evaluate, evaluation_log};
pub use inspect::{DatasetReport, Found, ModelReport, PlaceReport, StoredModel, inspect};
pub use migrate::{PythonServerState, convert_python_server, look_at_python_server, remove_python_server};
pub use predict::predict;
pub use reply::{EvaluationFigures, EvaluationReply, Prediction, Status, Training};
pub use time_budget::{TimeBudget, USUAL_BUDGET};
pub use train::train;
pub use transfer::{ImportLimits, export, export_to, import, import_from, read_archive, read_directory};

use std::fs::File;
use std::io::Seek;

use crate::fs::failpoints::failpoint;
use crate::store::{DirHash, ModelDir, ModelId, Pruned, Store};

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
    pub fn model_dir(&self, id: &ModelId, dir: &DirHash) -> ModelDir {
        self.store.model(id, dir)
    }

    /// The same for work that begins now and will change the model: a deletion from now on comes after it,
    /// however long it waits for its turn.
    pub fn begin(&self, id: &ModelId, dir: &DirHash) -> Result<ModelDir, BackendError> {
        Ok(self.model_dir(id, dir).begin_job()?)
    }

    /// Deletes everything under `id`, and nothing else; fine when there is nothing.
    pub fn delete(&self, id: &ModelId) -> Result<(), BackendError> {
        Ok(self.store.delete(id)?)
    }

    /// Removes what the retention settings no longer keep. What cannot be removed is for the log.
    pub fn sweep(&self) {
        let pruned = match self.store.prune(false) {
            Ok(pruned) => pruned,
            Err(error) => return tracing::warn!(%error, "the retention settings could not be applied"),
        };
        let mut removed = 0;
        for Pruned { model, outcome } in pruned {
            match outcome {
                Ok(gone) => removed += gone.len(),
                Err(error) => tracing::warn!(model, %error, "the retention settings could not be applied"),
            }
        }
        tracing::info!(removed, "retention settings applied");
    }

    /// Takes away what is half-made, for the end of the process.
    pub fn abandon(&self) {
        self.store.close();
    }
}

/// The reply to a request that needs a trained model where there is none.
const NOT_TRAINED: &str = "Provided model have not been trained yet";

/// Goes to the start of an upload: it may have been written through the same handle.
fn open(mut upload: File) -> Result<File, BackendError> {
    failpoint("open an upload").and_then(|()| upload.rewind()).map_err(BackendError::UnopenableUpload)?;
    Ok(upload)
}
