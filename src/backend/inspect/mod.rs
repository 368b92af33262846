//! Identifies a file or directory and describes it, for the terminal.
//!
//! Owns the distinction of kinds and the collected facts. Changes nothing on the disk. Must not know how facts are
//! shown: `cli` does.

mod dataset;
mod directory;
mod error;
mod model;

pub use dataset::DatasetReport;
pub use directory::{DirectoryReport, StoredModel};
pub use error::InspectError;
pub use model::ModelReport;

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use serde::Serialize;

use super::BackendError;
use super::transfer::{ImportLimits, identifies_a_model, read_archive, read_directory};
use crate::dataset::Limits;
use crate::model::{MAX_MODEL_BYTES, MODEL, ModelFiles, summary};
use crate::store::Store;

/// The kind of a file or directory, with a description.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Found {
    /// A model: an ONNX file, an export as a zip, or the files of an export in a directory.
    Model(ModelReport),
    /// A dataset, as Moodle writes it.
    Dataset(DatasetReport),
    /// A directory in which a server or Moodle's local mode stores models.
    Models(DirectoryReport),
}

impl Found {
    /// Whether no problem was found.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        match self {
            Self::Model(model) => model.problem.is_none(),
            Self::Dataset(dataset) => dataset.problems.is_empty(),
            Self::Models(directory) => directory.models.iter().all(|model| model.problem.is_none()),
        }
    }
}

/// Identifies a file or directory.
///
/// # Errors
/// [`BackendError::NotInspectable`] for anything unknown.
pub fn inspect(path: &Path, limits: &Limits) -> Result<Found, BackendError> {
    let metadata = fs::metadata(path).map_err(InspectError::Open)?;
    if metadata.is_dir() { directory(path) } else { file(path, limits) }
}

/// Describes a model file of this program.
#[must_use]
pub fn describe_onnx(bytes: Vec<u8>) -> ModelReport {
    ModelReport::of_files("an ONNX file", ModelFiles::from([(MODEL.to_owned(), bytes)]))
}

fn directory(path: &Path) -> Result<Found, BackendError> {
    if path.join("classifier").is_dir() {
        return Ok(Found::Models(DirectoryReport::of_model(path)));
    }
    let mut entries = fs::read_dir(path).map_err(InspectError::List)?.flatten();
    if entries.any(|entry| entry.file_name().to_str().is_some_and(identifies_a_model)) {
        return Ok(Found::Model(ModelReport::of_files("the files of an export", read_directory(path)?)));
    }
    // The directory that Moodle's own export unpacks to.
    let of_moodle = path.join("mlbackend");
    if path.join("model-config.json").is_file() && of_moodle.is_dir() {
        return directory(&of_moodle);
    }
    let store = Store::open_read_only(path).and_then(|store| DirectoryReport::of_store(&store));
    let found = store.map_err(InspectError::Store)?;
    if found.models.is_empty() { Err(InspectError::NoModel.into()) } else { Ok(Found::Models(found)) }
}

fn file(path: &Path, limits: &Limits) -> Result<Found, BackendError> {
    let (mut file, size, first) = open(path).map_err(InspectError::Read)?;
    match first.as_slice() {
        [] => Err(InspectError::Empty.into()),
        [b'P', b'K', 3 | 5, 4 | 6] => {
            let files = read_archive(file, &ImportLimits::LARGEST)?;
            Ok(Found::Model(ModelReport::of_files("an export", files)))
        }
        // The first bytes of the protocols 2 to 5 of Python's pickle.
        [0x80, 2..=5, ..] => Err(InspectError::Pickle.into()),
        _ => {
            if size <= MAX_MODEL_BYTES as u64 {
                let mut bytes = first;
                file.read_to_end(&mut bytes).map_err(InspectError::Read)?;
                if summary(&bytes).is_some() {
                    let files = ModelFiles::from([(MODEL.to_owned(), bytes)]);
                    return Ok(Found::Model(ModelReport::of_files("an ONNX file", files)));
                }
            }
            Ok(dataset::read(path, limits).map(Found::Dataset)?)
        }
    }
}

/// The open file, its size and its first bytes.
fn open(path: &Path) -> std::io::Result<(File, u64, Vec<u8>)> {
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    let mut first = Vec::new();
    (&mut file).take(4).read_to_end(&mut first)?;
    Ok((file, size, first))
}
