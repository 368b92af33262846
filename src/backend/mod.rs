//! The nine operations. The only room that knows all the others; `http` and
//! `cli` call it, it knows neither.

mod error;
mod reply;

pub use error::BackendError;
pub use reply::{EvaluationReply, Prediction, Status, Training};

use std::path::Path;

use crate::dataset::Limits;
use crate::store::{DirHash, ModelHome, ModelId, RunId, Store};

/// What Moodle asks of an evaluation.
#[derive(Debug, Clone, PartialEq)]
pub struct EvaluationRequest {
    /// The score (weighted F1) below which the model is called not good.
    pub min_score: f64,
    /// The deviation of the score above which the result is called unsteady.
    pub max_deviation: f64,
    /// How many splits to average over.
    pub iterations: usize,
}

/// The operations on the models of one data directory.
#[derive(Debug, Clone)]
pub struct Backend {
    store: Store,
    limits: Limits,
}

impl Backend {
    /// Operations on what `store` keeps, refusing datasets beyond `limits`.
    #[must_use]
    pub fn new(store: Store, limits: Limits) -> Self {
        Self { store, limits }
    }

    /// Where one model is kept.
    #[must_use]
    pub fn home(&self, id: &ModelId, dir: &DirHash) -> ModelHome {
        self.store.model(id, dir)
    }

    /// Deletes everything under `id`.
    pub fn delete(&self, id: &ModelId) -> Result<(), BackendError> {
        let _ = id;
        todo!()
    }
}

/// Trains the model at `home` on a labelled dataset, keeping what earlier batches taught.
pub fn train(home: &ModelHome, dataset: &Path, limits: &Limits) -> Result<Training, BackendError> {
    let _ = (home, dataset, limits);
    todo!()
}

/// Predicts the samples of an unlabelled dataset.
pub fn predict(home: &ModelHome, dataset: &Path, limits: &Limits) -> Result<Prediction, BackendError> {
    let _ = (home, dataset, limits);
    todo!()
}

/// Evaluates on a labelled dataset; rates the model at `trained` when there is one.
pub fn evaluate(
    home: &ModelHome,
    trained: Option<&ModelHome>,
    dataset: &Path,
    request: &EvaluationRequest,
    limits: &Limits,
) -> Result<EvaluationReply, BackendError> {
    let _ = (home, trained, dataset, request, limits);
    todo!()
}

/// The zip of one evaluation run; an empty zip of 22 bytes for an unknown run (`None`: the client
/// sent no number).
pub fn evaluation_log(home: &ModelHome, run: Option<RunId>) -> Result<Vec<u8>, BackendError> {
    let _ = (home, run);
    todo!()
}

/// The trained model as a zip; `None` when there is none.
pub fn export(home: &ModelHome) -> Result<Option<Vec<u8>>, BackendError> {
    let _ = home;
    todo!()
}

/// Replaces the model at `home` with the one in a zip file.
pub fn import(home: &ModelHome, archive: &Path, limits: &Limits) -> Result<(), BackendError> {
    let _ = (home, archive, limits);
    todo!()
}

/// Writes the model's files into a directory (Moodle's local mode); false when there is none.
pub fn export_to(home: &ModelHome, directory: &Path) -> Result<bool, BackendError> {
    let _ = (home, directory);
    todo!()
}

/// Replaces the model at `home` with the files in a directory (Moodle's local mode).
pub fn import_from(home: &ModelHome, directory: &Path, limits: &Limits) -> Result<(), BackendError> {
    let _ = (home, directory, limits);
    todo!()
}
