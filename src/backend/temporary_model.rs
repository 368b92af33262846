//! A model in a temporary directory, for operations on plain files that have no data directory.
//!
//! Owns the directory, which only this user can enter and which is removed with the value. So files get the same training,
//! prediction, evaluation and import as the models of a server. Must not know which operation uses it.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::BackendError;
use super::current_model::CurrentModel;
use super::transfer::import_path;
use crate::dataset::Limits;
use crate::store::ModelDir;

/// A model that exists as long as this value.
#[derive(Debug)]
pub struct TemporaryModel {
    directory: TempDir,
    model_dir: ModelDir,
}

impl TemporaryModel {
    /// A model that was not trained yet.
    ///
    /// # Errors
    /// [`BackendError::TemporaryDirectory`].
    pub fn new() -> Result<Self, BackendError> {
        let created = tempfile::Builder::new()
            .prefix("moodle-mlbackend-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir();
        let directory = created.map_err(BackendError::TemporaryDirectory)?;
        let model_dir = ModelDir::at(&directory.path().join("model"));
        Ok(Self { directory, model_dir })
    }

    /// Imports an ONNX file, an export as a zip, or a directory with the files of an export.
    ///
    /// # Errors
    /// [`ErrorKind::BadInput`](super::ErrorKind) for anything but a model.
    pub fn import(&self, path: &Path, limits: &Limits) -> Result<(), BackendError> {
        import_path(&self.model_dir, path, limits).map(drop)
    }

    /// The model.
    #[must_use]
    pub fn model_dir(&self) -> &ModelDir {
        &self.model_dir
    }

    /// A handle with which another thread can remove the files when a signal ends the program.
    #[must_use]
    pub fn remover(&self) -> Remover {
        Remover(self.directory.path().to_owned())
    }
}

/// Removes the files of a [`TemporaryModel`].
#[derive(Debug)]
pub struct Remover(PathBuf);

impl Remover {
    /// Removes them. What cannot be removed stays: the program is about to end.
    pub fn remove(&self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The current model as an ONNX file; `None` if there is none.
///
/// # Errors
/// [`BackendError`].
pub fn export_onnx(model_dir: &ModelDir) -> Result<Option<Vec<u8>>, BackendError> {
    Ok(CurrentModel::at(model_dir)?.map(|current| current.onnx))
}
