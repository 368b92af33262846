//! Makes the models that the Python server keeps in a data directory our own, in place.

use super::BackendError;
use super::current_model::{CurrentModel, facts_of_brought, python_server};
use crate::dataset::Features;
use crate::model::{Model, ModelMetadata};
use crate::store::{ModelDir, NewGeneration};

/// What the Python server has left in the place of one model.
#[derive(Debug, Clone, PartialEq)]
pub enum PythonServerState {
    /// A model that was not converted yet; how many features it looks at the most, and its classes.
    Model(ModelMetadata),
    /// The files of a model that was converted, or replaced by a newer one.
    Converted,
}

/// Looks at what the Python server has left at `model_dir`, changing nothing; `None` when there is nothing.
///
/// # Errors
/// [`BackendError::UnusablePythonModel`] when it is a model that cannot be used.
pub fn look_at_python_server(model_dir: &ModelDir) -> Result<Option<PythonServerState>, BackendError> {
    if model_dir.current_read_only()?.is_some() {
        return Ok(model_dir.has_python_server_files().then_some(PythonServerState::Converted));
    }
    let Some(onnx) = python_server(model_dir)? else { return Ok(None) };
    Ok(Some(PythonServerState::Model(ModelMetadata::read(&onnx)?)))
}

/// Publishes the model that the Python server keeps at `model_dir` as the first generation of ours, and proves
/// that it answers the same. The old files stay. A model that has a generation is left as it is, or as it
/// was about to become when a crash cut its publishing off.
///
/// # Errors
/// [`BackendError`]; nothing is published then, unless the proof failed.
pub fn convert_python_server(model_dir: &ModelDir) -> Result<(), BackendError> {
    let lock = model_dir.lock()?;
    if model_dir.current()?.is_some() {
        return Ok(model_dir.repair_pointer(&lock)?);
    }
    let Some(onnx) = python_server(model_dir)? else { return Ok(()) };
    let facts = facts_of_brought(&ModelMetadata::read(&onnx)?);
    model_dir.publish(&lock, &NewGeneration { model: &onnx, samples: None, facts: &facts })?;
    prove(model_dir)
}

/// Removes what the Python server has left at `model_dir`, after proving that the generation there works, and
/// that it answers as the old files do unless it was trained further.
///
/// # Errors
/// [`BackendError`]; nothing is removed then.
pub fn remove_python_server(model_dir: &ModelDir) -> Result<(), BackendError> {
    let lock = model_dir.lock()?;
    prove(model_dir)?;
    Ok(model_dir.remove_python_server_files(&lock)?)
}

fn prove(model_dir: &ModelDir) -> Result<(), BackendError> {
    let answering = CurrentModel::at(model_dir)?.filter(|answering| answering.generation.is_some());
    let unproven = |why: &'static str| Err(BackendError::UnverifiedMigration(why));
    let Some(answering) = answering else { return unproven("nothing was converted") };
    let new = Model::load(&answering.onnx)?;
    let samples = samples(&new.metadata().features);
    let answers = new.predict(samples.clone())?;
    if !answering.is_brought() {
        return Ok(());
    }
    match python_server(model_dir)? {
        // Interrupted while it removed them.
        None => Ok(()),
        Some(old) => {
            let old = Model::load(&old)?;
            let same = old.metadata().features == new.metadata().features && old.predict(samples)? == answers;
            if same { Ok(()) } else { unproven("the model here was imported, and is not the one in them") }
        }
    }
}

/// Made-up samples with values of all kinds, some missing.
fn samples(names: &[String]) -> Features {
    const ROWS: usize = 64;
    const VALUES: [f32; 7] = [0.0, 1.0, -1.0, f32::NAN, 0.33, -0.07, 0.5];
    let column =
        |at: usize| (0..ROWS).map(move |row| VALUES[(row * (at % 11 + 1) + at + row / 7) % VALUES.len()]);
    let columns: Vec<Vec<f32>> = (0..names.len()).map(|at| column(at).collect()).collect();
    Features::of_columns(names.to_vec(), &columns)
}
