//! Exports a model as `model.onnx`, `model.json` and `model-card.md`.
//!
//! Must not know how a model is found or described.

use std::io::{Cursor, Write};
use std::path::Path;

use zip::write::{SimpleFileOptions, ZipWriter};

use super::card;
use super::description::describe;
use super::files::CARD;
use crate::backend::BackendError;
use crate::backend::current_model::CurrentModel;
use crate::model::{MODEL, MODEL_JSON, ModelMetadata};
use crate::store::ModelDir;

/// The model as a zip; `None` if there is none.
///
/// # Errors
/// [`BackendError`].
pub fn export(model_dir: &ModelDir) -> Result<Option<Vec<u8>>, BackendError> {
    let Some(files) = exported(model_dir)? else { return Ok(None) };
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in &files {
        zip.start_file(*name, SimpleFileOptions::default()).map_err(failed)?;
        zip.write_all(bytes).map_err(failed)?;
    }
    Ok(Some(zip.finish().map_err(failed)?.into_inner()))
}

/// Writes the files of the model into a directory (Moodle's local mode); false if there is no model.
///
/// # Errors
/// [`BackendError`].
pub fn export_to(model_dir: &ModelDir, directory: &Path) -> Result<bool, BackendError> {
    let Some(files) = exported(model_dir)? else { return Ok(false) };
    std::fs::create_dir_all(directory).map_err(failed)?;
    for (name, bytes) in &files {
        #[expect(
            clippy::disallowed_methods,
            reason = "Moodle reads its temporary directory only after this program has ended"
        )]
        std::fs::write(directory.join(name), bytes).map_err(failed)?;
    }
    Ok(true)
}

/// The name and content of each file of an export.
type Files = [(&'static str, Vec<u8>); 3];

fn exported(model_dir: &ModelDir) -> Result<Option<Files>, BackendError> {
    let Some(CurrentModel { onnx: bytes, generation }) = CurrentModel::at(model_dir)? else {
        return Ok(None);
    };
    let description = describe(generation.as_ref(), ModelMetadata::read(&bytes)?, &bytes);
    let card = card::text(&description, None);
    let description = serde_json::to_vec_pretty(&description).map_err(failed)?;
    Ok(Some([(MODEL, bytes), (MODEL_JSON, description), (CARD, card.into_bytes())]))
}

fn failed(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> BackendError {
    BackendError::Export(error.into())
}
