//! Imports a model from a zip or a directory.
//!
//! Owns the order of the checks before the model is published. Must not know what they consist of.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use serde_json::json;

use super::description::Claims;
use super::{ImportLimits, read_archive, read_directory};
use crate::backend::current_model::imported_facts;
use crate::backend::superseded::until_published;
use crate::backend::{BackendError, Imported, Upload, open};
use crate::dataset::Limits;
use crate::model::{self, MAX_MODEL_BYTES, MODEL, ModelFiles, ModelMetadata};
use crate::store::{ModelDir, NewGeneration};
use crate::text::Untrusted;

/// Longer warnings about a model are cut in the log.
const MAX_WARNING_CHARS: usize = 300;

/// Replaces the model at `model_dir` by the one in a zip file.
///
/// # Errors
/// [`ErrorKind::BadInput`](crate::backend::ErrorKind) for anything but a model; the stored model is then unchanged.
pub fn import(
    model_dir: &ModelDir,
    archive: impl Into<Upload>,
    limits: &Limits,
    import_limits: &ImportLimits,
) -> Result<Imported, BackendError> {
    publish(model_dir, read_archive(open(archive)?, import_limits)?, limits)
}

/// Replaces the model at `model_dir` by the one in a directory (Moodle's local mode).
///
/// # Errors
/// [`ErrorKind::BadInput`](crate::backend::ErrorKind) for anything but a model; the stored model is then unchanged.
pub fn import_from(
    model_dir: &ModelDir,
    directory: &Path,
    limits: &Limits,
) -> Result<Imported, BackendError> {
    publish(model_dir, read_directory(directory)?, limits)
}

/// Replaces the model at `model_dir` by a file or directory of this machine: an ONNX file, an export as a zip, or a directory
/// with the files of an export.
///
/// # Errors
/// [`ErrorKind::BadInput`](crate::backend::ErrorKind) for anything but a model; the stored model is then unchanged.
pub fn import_path(model_dir: &ModelDir, path: &Path, limits: &Limits) -> Result<Imported, BackendError> {
    let unreadable = |source| BackendError::UnreadableModelFile { source };
    if std::fs::metadata(path).map_err(unreadable)?.is_dir() {
        return import_from(model_dir, path, limits);
    }
    let mut file = File::open(path).map_err(unreadable)?;
    let mut start = Vec::new();
    (&mut file).take(ZIP_START.len() as u64).read_to_end(&mut start).map_err(unreadable)?;
    if start == ZIP_START {
        return import(model_dir, file, limits, &ImportLimits::LARGEST);
    }
    let mut bytes = start;
    let max = MAX_MODEL_BYTES as u64;
    file.take(max).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > max || model::summary(&bytes).is_none() {
        return Err(BackendError::NotAModelFile);
    }
    publish(model_dir, ModelFiles::from([(MODEL.to_owned(), bytes)]), limits)
}

/// The first bytes of a zip.
const ZIP_START: [u8; 4] = *b"PK\x03\x04";

fn publish(model_dir: &ModelDir, files: ModelFiles, limits: &Limits) -> Result<Imported, BackendError> {
    let claims = Claims::of(&files);
    claims.check(&files)?;
    let model = model::import(files).map_err(BackendError::ImportedModel)?;
    let facts = ModelMetadata::read(&model)?;
    if facts.features.len() > limits.columns || facts.classes.len() > limits.classes {
        return Err(BackendError::ImportTooLarge {
            features: facts.features.len(),
            classes: facts.classes.len(),
            max_features: limits.columns,
            max_classes: limits.classes,
        });
    }
    for warning in facts.decisions.iter().filter(|sentence| sentence.starts_with("Warning: ")) {
        tracing::warn!(warning = %Untrusted(warning).line(MAX_WARNING_CHARS), "the imported model may differ from its library");
    }
    let mut facts = imported_facts(&facts);
    facts["target"] = json!(claims.target);
    facts["time_splitting"] = json!(claims.time_splitting);
    let new = NewGeneration { model: &model, samples: None, facts: &facts };
    until_published(|| {
        let lock = model_dir.lock()?;
        Ok(Imported { generation: model_dir.publish(&lock, &new)?.number() })
    })
}
