//! The current model: the newest published generation, or else the model that the Python server stored in the same
//! directory.
//!
//! Owns this choice. A model of the Python server is translated at each use, and its files are not changed. Must not know
//! what a model is used for.

use serde_json::{Value, json};

use super::BackendError;
use crate::model::{ModelError, ModelMetadata, import};
use crate::store::{Generation, ModelDir, StoreError};

/// The key of the fact that a generation was imported, not trained by this server.
pub(super) const IMPORTED: &str = "imported";

/// The current model.
pub(super) struct CurrentModel {
    /// The model file.
    pub(super) onnx: Vec<u8>,
    /// `None` for a model of the Python server.
    pub(super) generation: Option<Generation>,
}

/// A model, and the bytes of its stored training samples.
pub(super) type WithSamples = (CurrentModel, Option<Vec<u8>>);

impl CurrentModel {
    /// `None` if no model was trained or imported.
    pub(super) fn at(model_dir: &ModelDir) -> Result<Option<Self>, BackendError> {
        let found = find(model_dir, Generation::model, |onnx| onnx)?;
        Ok(found.map(|(generation, onnx)| Self { onnx, generation }))
    }

    /// The model that a training continues, with its stored samples. If a required part of the newest generation is
    /// damaged, it is the newest intact generation before it.
    pub(super) fn with_samples(model_dir: &ModelDir) -> Result<Option<WithSamples>, BackendError> {
        let read = |generation: &Generation| {
            // Of a model that was trained here, a training needs only the samples.
            let samples = generation.samples()?;
            let onnx = if imported(generation) { generation.model()? } else { Vec::new() };
            Ok((onnx, samples))
        };
        let found = find(model_dir, read, |onnx| (onnx, None))?;
        Ok(found.map(|(generation, (onnx, samples))| (Self { onnx, generation }, samples)))
    }

    /// A model that is used together with its stored samples. If one of both is damaged in the newest generation, they are
    /// those of the newest intact generation before it.
    pub(super) fn with_all(model_dir: &ModelDir) -> Result<Option<WithSamples>, BackendError> {
        let read = |generation: &Generation| Ok((generation.model()?, generation.samples()?));
        let found = find(model_dir, read, |onnx| (onnx, None))?;
        Ok(found.map(|(generation, (onnx, samples))| (Self { onnx, generation }, samples)))
    }

    /// Whether it was trained elsewhere, so that its training samples are not stored here.
    pub(super) fn is_imported(&self) -> bool {
        self.generation.as_ref().is_none_or(imported)
    }
}

/// Reads the newest generation, or translates the Python server's model.
fn find<T>(
    model_dir: &ModelDir,
    read: impl Fn(&Generation) -> Result<T, StoreError>,
    translated: impl Fn(Vec<u8>) -> T,
) -> Result<Option<(Option<Generation>, T)>, BackendError> {
    let newest =
        || Ok(model_dir.newest_readable(&read)?.map(|(generation, parts)| (Some(generation), parts)));
    if let Some(found) = newest()? {
        return Ok(Some(found));
    }
    match python_server(model_dir)? {
        Some(onnx) => Ok(Some((None, translated(onnx)))),
        // A migration may have replaced the files by a generation in between.
        None => newest(),
    }
}

/// Whether predictions use a model of another tool or server, which may be large; `false` when that cannot be read, since the
/// prediction then fails quickly or uses an older model.
#[must_use]
pub fn uses_imported_model(model_dir: &ModelDir) -> bool {
    match model_dir.current() {
        Ok(generation) => generation.as_ref().is_none_or(imported),
        Err(_) => false,
    }
}

fn imported(generation: &Generation) -> bool {
    generation.facts().get(IMPORTED) == Some(&json!(true))
}

/// The model that the Python server stored at `model_dir`, translated into a model file of this backend.
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

/// The facts to store with the generation of an imported model.
pub(super) fn imported_facts(metadata: &ModelMetadata) -> Value {
    json!({
        "classes": metadata.classes,
        "class_counts": metadata.class_counts,
        "log_loss": metadata.log_loss,
        IMPORTED: true,
    })
}
