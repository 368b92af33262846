//! The current model: the newest published generation, or else the model that the Python server keeps in the same
//! directory, which is translated at each use. The Python server's files are not changed.

use serde_json::{Value, json};

use super::BackendError;
use crate::model::{ModelError, ModelMetadata, import};
use crate::store::{Generation, ModelDir, StoreError};

/// The name of the fact that a generation was imported and not trained here.
pub(super) const IMPORTED: &str = "imported";

/// The current model.
pub(super) struct CurrentModel {
    /// Its model file.
    pub(super) onnx: Vec<u8>,
    /// Its generation; a model of the Python server has none yet.
    pub(super) generation: Option<Generation>,
}

/// A model, and the bytes of the samples that it has learnt from here.
pub(super) type WithSamples = (CurrentModel, Option<Vec<u8>>);

impl CurrentModel {
    /// `None` when nothing was trained or imported here.
    pub(super) fn at(model_dir: &ModelDir) -> Result<Option<Self>, BackendError> {
        Ok(match find(model_dir, Generation::model)? {
            Some(Kept::Ours(generation, onnx)) => Some(Self { onnx, generation: Some(generation) }),
            Some(Kept::PythonServers(onnx)) => Some(Self { onnx, generation: None }),
            None => None,
        })
    }

    /// What a training goes on from: with the samples that are kept. When the newest generation is damaged
    /// in a part that is needed, it is the newest one before it that is not.
    pub(super) fn with_samples(model_dir: &ModelDir) -> Result<Option<WithSamples>, BackendError> {
        let parts = |generation: &Generation| {
            // The samples are what matters of a model that was trained here.
            let samples = generation.samples()?;
            let onnx = if imported(generation) { generation.model()? } else { Vec::new() };
            Ok((onnx, samples))
        };
        Ok(match find(model_dir, parts)? {
            Some(Kept::Ours(generation, (onnx, samples))) => {
                Some((Self { onnx, generation: Some(generation) }, samples))
            }
            Some(Kept::PythonServers(onnx)) => Some((Self { onnx, generation: None }, None)),
            None => None,
        })
    }

    /// Whether it was trained elsewhere, so that its samples are not here.
    pub(super) fn is_brought(&self) -> bool {
        self.generation.as_ref().is_none_or(imported)
    }
}

/// What is kept of a model.
enum Kept<T> {
    /// A generation, and what was read of it.
    Ours(Generation, T),
    /// The model file that the Python server's files become.
    PythonServers(Vec<u8>),
}

/// `None` when nothing was trained or imported here.
fn find<T>(
    model_dir: &ModelDir,
    read: impl Fn(&Generation) -> Result<T, StoreError>,
) -> Result<Option<Kept<T>>, BackendError> {
    if let Some((generation, parts)) = model_dir.newest_readable(&read)? {
        return Ok(Some(Kept::Ours(generation, parts)));
    }
    if let Some(onnx) = python_server(model_dir)? {
        return Ok(Some(Kept::PythonServers(onnx)));
    }
    // A migration may just have put the one in the place of the other.
    Ok(model_dir.newest_readable(&read)?.map(|(generation, parts)| Kept::Ours(generation, parts)))
}

fn imported(generation: &Generation) -> bool {
    generation.facts().get(IMPORTED) == Some(&json!(true))
}

/// The model that the Python server keeps at `model_dir`, as a model file of ours.
pub(super) fn python_server(model_dir: &ModelDir) -> Result<Option<Vec<u8>>, BackendError> {
    let Some(files) = model_dir.python_server_files()? else { return Ok(None) };
    import(files).map(Some).map_err(|source| {
        let remedy = match source {
            ModelError::TensorFlow1 => "Export it with the server that stored it and import that",
            _ => "Restore it from a backup",
        };
        BackendError::UnusablePythonModel { source, remedy }
    })
}

/// What is written down of a generation that was trained elsewhere.
pub(super) fn facts_of_brought(facts: &ModelMetadata) -> Value {
    json!({
        "classes": facts.classes,
        "class_counts": facts.class_counts,
        "log_loss": facts.log_loss,
        IMPORTED: true,
    })
}
