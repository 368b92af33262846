//! Migrates the models that the Python server stored in a data directory, in place.
//!
//! Owns the verification of a migrated model. Must not know which directories are migrated.

use super::BackendError;
use super::current_model::{CurrentModel, imported_facts, python_server};
use super::superseded::until_published;
use crate::dataset::Features;
use crate::model::{Model, ModelMetadata, synthetic_samples_with_gaps};
use crate::store::{ModelDir, NewGeneration};

/// The state of the Python server's files of a model.
#[derive(Debug, Clone, PartialEq)]
pub enum PythonServerState {
    /// A model that was not migrated yet.
    Model(ModelMetadata),
    /// Files of a model that was migrated, or replaced by a newer one.
    Converted,
}

/// The state of the Python server's files at `model_dir`; `None` if there are none. Changes nothing.
///
/// # Errors
/// [`BackendError::UnusablePythonModel`] when they are a model that cannot be used.
pub fn look_at_python_server(model_dir: &ModelDir) -> Result<Option<PythonServerState>, BackendError> {
    if model_dir.current_read_only()?.is_some() {
        return Ok(model_dir.has_python_server_files().then_some(PythonServerState::Converted));
    }
    let Some(onnx) = python_server(model_dir)? else { return Ok(None) };
    Ok(Some(PythonServerState::Model(ModelMetadata::read(&onnx)?)))
}

/// Publishes the Python server's model at `model_dir` as the first generation, and verifies that it predicts the same.
/// The old files are kept. If there is a generation already, only a publication that a crash interrupted is completed.
///
/// # Errors
/// [`BackendError`]; nothing is published then, unless the verification failed.
pub fn convert_python_server(model_dir: &ModelDir) -> Result<(), BackendError> {
    until_published(|| {
        let lock = model_dir.lock()?;
        if model_dir.current()?.is_some() {
            return Ok(model_dir.repair_pointer(&lock)?);
        }
        let Some(onnx) = python_server(model_dir)? else { return Ok(()) };
        let facts = imported_facts(&ModelMetadata::read(&onnx)?);
        model_dir.publish(&lock, &NewGeneration { model: &onnx, samples: None, facts: &facts })?;
        verify(model_dir)
    })
}

/// Removes the Python server's files at `model_dir`, after verifying that the current generation works and, unless it
/// was trained further, that it predicts the same.
///
/// # Errors
/// [`BackendError`]; nothing is removed then.
pub fn remove_python_server(model_dir: &ModelDir) -> Result<(), BackendError> {
    let lock = model_dir.lock()?;
    verify(model_dir)?;
    Ok(model_dir.remove_python_server_files(&lock)?)
}

fn verify(model_dir: &ModelDir) -> Result<(), BackendError> {
    let unverified = |reason| Err(BackendError::UnverifiedMigration(reason));
    let current = CurrentModel::at(model_dir)?.filter(|current| current.generation.is_some());
    let Some(current) = current else { return unverified("no model was migrated") };
    let new = Model::load(&current.onnx)?;
    let names = &new.metadata().features;
    let samples = Features::of_columns(names.clone(), &synthetic_samples_with_gaps(names.len()));
    let expected = new.predict(samples.clone())?;
    if !current.is_imported() {
        return Ok(());
    }
    // `None` if a removal of the files was interrupted.
    let Some(old) = python_server(model_dir)? else { return Ok(()) };
    let old = Model::load(&old)?;
    if old.metadata().features == *names && old.predict(samples)? == expected {
        Ok(())
    } else {
        unverified("the model here was imported, and is not the one in them")
    }
}
