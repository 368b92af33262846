//! Looking at a file or directory and saying what it is: for an engineer's terminal.
//!
//! Owns telling kinds apart and gathering facts; changes nothing on the disk. How facts are shown is the
//! command line's business.

mod dataset;
mod directory;
mod model;

pub use dataset::DatasetReport;
pub use directory::{PlaceReport, StoredModel};
pub use model::ModelReport;

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use serde::Serialize;

use super::BackendError;
use super::transfer::{ImportLimits, is_part_of_a_model, read_archive, read_directory};
use crate::dataset::Limits;
use crate::model::{MAX_MODEL_BYTES, MODEL, ModelFiles, summary};

/// What was found.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Found {
    /// A model: an ONNX file, an export as a zip, or an export's files in a directory.
    Model(ModelReport),
    /// A dataset, as Moodle writes it.
    Dataset(DatasetReport),
    /// A directory in which a server or Moodle's local mode keeps models.
    Models(PlaceReport),
}

impl Found {
    /// Whether it is sound, as far as can be seen.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        match self {
            Self::Model(model) => model.problem.is_none(),
            Self::Dataset(dataset) => dataset.problems.is_empty(),
            Self::Models(place) => place.models.iter().all(|model| model.problem.is_none()),
        }
    }
}

/// Says what a file or directory is.
///
/// # Errors
/// [`BackendError::NotInspectable`] for what is nothing that this program knows, with what it looks like.
pub fn inspect(path: &Path, limits: &Limits) -> Result<Found, BackendError> {
    let found = fs::metadata(path).map_err(|error| refused(format!("It cannot be opened: {error}.")))?;
    if found.is_dir() { directory(path) } else { file(path, limits) }
}

fn refused(why: String) -> BackendError {
    BackendError::NotInspectable(why)
}

fn directory(path: &Path) -> Result<Found, BackendError> {
    if path.join("classifier").is_dir() {
        return Ok(Found::Models(PlaceReport::of_model(path)));
    }
    let entries = fs::read_dir(path).map_err(|error| refused(format!("It cannot be listed: {error}.")))?;
    let parts = entries.flatten().any(|entry| entry.file_name().to_str().is_some_and(is_part_of_a_model));
    if parts {
        return Ok(Found::Model(ModelReport::of_files("the files of an export", read_directory(path)?)));
    }
    let store =
        PlaceReport::of_store(path).map_err(|error| refused(format!("It cannot be read: {error}.")))?;
    store.map(Found::Models).ok_or_else(|| {
        refused(
            "This directory holds no model: neither the files of an export (model.onnx), nor classifier/ as a \
             model's directory does, nor UNIQUEID/DIRHASH/classifier/ as a server's data directory does."
                .to_owned(),
        )
    })
}

fn file(path: &Path, limits: &Limits) -> Result<Found, BackendError> {
    let failed = |error: std::io::Error| refused(format!("It cannot be read: {error}."));
    let mut file = File::open(path).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    let mut first = Vec::new();
    (&mut file).take(4).read_to_end(&mut first).map_err(failed)?;
    match first.as_slice() {
        [] => Err(refused("The file is empty.".to_owned())),
        [b'P', b'K', 3 | 5, 4 | 6] => {
            let files = read_archive(file, &ImportLimits::LARGEST)?;
            Ok(Found::Model(ModelReport::of_files("an export", files)))
        }
        // The protocols 2 to 5 of Python's pickle begin so.
        [0x80, 2..=5, ..] => Err(refused(
            "This is a Python pickle, which is never executed. The classifier.pkl of the Python server needs the \
             files beside it: inspect its directory, or the export that it is part of."
                .to_owned(),
        )),
        _ if size <= MAX_MODEL_BYTES as u64 && is_onnx(path)? => {
            let files = ModelFiles::from([(MODEL.to_owned(), fs::read(path).map_err(failed)?)]);
            Ok(Found::Model(ModelReport::of_files("an ONNX file", files)))
        }
        _ => dataset::read(path, limits).map(Found::Dataset),
    }
}

fn is_onnx(path: &Path) -> Result<bool, BackendError> {
    let bytes = fs::read(path).map_err(|error| refused(format!("It cannot be read: {error}.")))?;
    Ok(summary(&bytes).is_some())
}
