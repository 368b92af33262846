//! The model that a command uses: one of a data directory, or a file.
//!
//! Owns the flags that name it, and the life of the temporary directory of a file. Must not know what is done with a model.

use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::actor;
use super::data_directory::{OpenError, open};
use super::signals;
use crate::audit::{AuditError, Operation, Trail};
use crate::backend::{Audited, BackendError, TemporaryModel};
use crate::dataset::Limits;
use crate::store::{DirHash, ModelDir, ModelId, Retention, StoreError};

/// A model of a data directory, as Moodle identifies it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StoredModelId {
    pub(super) id: ModelId,
    pub(super) hash: DirHash,
}

impl StoredModelId {
    /// `UNIQUEID/DIRHASH`.
    pub(super) fn path(&self) -> String {
        format!("{}/{}", self.id.as_str(), self.hash.as_str())
    }

    /// Parses `UNIQUEID/DIRHASH`. Characters that a request would lose are refused here: they are typing errors.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let form = "expected UNIQUEID/DIRHASH, as `moodle-mlbackend inspect DIR` lists the models";
        let (id, hash) = text.trim_end_matches('/').split_once('/').ok_or_else(|| form.to_owned())?;
        let parsed = Self {
            id: ModelId::new(id).map_err(|error| error.to_string())?,
            hash: DirHash::new("dirhash", hash).map_err(|error| error.to_string())?,
        };
        if (parsed.id.as_str(), parsed.hash.as_str()) == (id, hash) {
            Ok(parsed)
        } else {
            Err(form.to_owned())
        }
    }
}

/// Why there is no model.
#[derive(Debug, thiserror::Error)]
pub(super) enum ModelError {
    #[error("{0}")]
    Id(String),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("{path}: {source}")]
    File { path: PathBuf, source: BackendError },
    #[error(transparent)]
    Backend(#[from] BackendError),
}

/// A model of a data directory.
#[derive(Debug)]
pub(super) struct StoredModel {
    model_dir: ModelDir,
    trail: Trail,
    id: StoredModelId,
}

/// A model to work with.
#[derive(Debug)]
pub(super) enum ChosenModel {
    /// Of a data directory.
    Stored(StoredModel),
    /// Of files, as long as this value exists.
    Temporary(TemporaryModel),
}

impl ChosenModel {
    /// A model of a data directory, for the subcommand `command`.
    pub(super) fn stored(
        directory: &Path,
        model: &StoredModelId,
        command: &'static str,
        read_only: bool,
    ) -> Result<Self, OpenError> {
        // A server's settings are not known here: it removes what exceeds them.
        let store = open(directory, command, read_only)?.with_retention(Retention::ALL);
        Ok(Self::Stored(StoredModel {
            model_dir: store.model(&model.id, &model.hash),
            trail: Trail::of(&store),
            id: model.clone(),
        }))
    }

    /// A model that was not trained yet.
    pub(super) fn new() -> Result<Self, BackendError> {
        let model = TemporaryModel::new()?;
        let remover = model.remover();
        signals::clean_up_when_interrupted(move || remover.remove());
        Ok(Self::Temporary(model))
    }

    /// The model of a file, or of the directory of an export.
    pub(super) fn of_file(path: &Path) -> Result<Self, ModelError> {
        let model = Self::new()?;
        if let Self::Temporary(temporary) = &model {
            let failed = |source| ModelError::File { path: path.to_owned(), source };
            temporary.import(path, &Limits::default()).map_err(failed)?;
        }
        Ok(model)
    }

    /// The model of a file, or with `--data-dir` the one with this id there.
    pub(super) fn named(
        name: &Path,
        data_dir: Option<&Path>,
        command: &'static str,
    ) -> Result<Self, ModelError> {
        let Some(directory) = data_dir else { return Self::of_file(name) };
        let id = StoredModelId::parse(&name.to_string_lossy()).map_err(|reason| {
            ModelError::Id(format!("The model cannot be found in the data directory: {reason}."))
        })?;
        Ok(Self::stored(directory, &id, command, true)?)
    }

    /// Runs an operation, and records it in the audit trail of the data directory, if the model is in one. `dataset` is the
    /// operation's upload.
    pub(super) fn recorded<T: Audited>(
        &self,
        operation: Operation,
        dataset: Option<&File>,
        run: impl FnOnce(&ModelDir) -> Result<T, BackendError>,
    ) -> Result<T, RecordedError> {
        let Self::Stored(StoredModel { model_dir, trail, id }) = self else {
            return Ok(run(self.model_dir())?);
        };
        // A mistyped directory must not get a trail.
        if !operation.is_change() && !is_trained(model_dir)? {
            return Ok(run(model_dir)?);
        }
        // A failure is that of the next line.
        let _ = trail.report_interrupted();
        let mut subject = actor::operation(operation).with_model(&id.id, &id.hash);
        if let Some(dataset) = dataset {
            let (bytes, sha256) = hashed(dataset).map_err(RecordedError::Read)?;
            subject = subject.with_upload(Some(bytes), Some(&sha256));
        }
        Ok(trail.run(subject, || run(model_dir), Audited::outcome)??)
    }

    /// Its directory.
    pub(super) fn model_dir(&self) -> &ModelDir {
        match self {
            Self::Stored(stored) => &stored.model_dir,
            Self::Temporary(model) => model.model_dir(),
        }
    }
}

/// Whether there is a model. Changes nothing.
pub(super) fn is_trained(model_dir: &ModelDir) -> Result<bool, BackendError> {
    match model_dir.current_read_only() {
        Ok(current) => Ok(current.is_some() || model_dir.has_python_server_files()),
        // It is there.
        Err(StoreError::Corrupt { .. }) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// The size of a file in bytes, and its SHA-256.
fn hashed(mut file: &File) -> io::Result<(u64, [u8; 32])> {
    file.rewind()?;
    let (mut hash, mut bytes, mut buffer) = (Sha256::new(), 0, vec![0; 1 << 16]);
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok((bytes, hash.finalize().into()));
        }
        hash.update(&buffer[..read]);
        bytes += read as u64;
    }
}

/// Why a recorded operation failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum RecordedError {
    #[error(transparent)]
    Backend(#[from] BackendError),
    #[error(transparent)]
    Audit(#[from] AuditError),
    #[error("The dataset cannot be read: {0}.")]
    Read(#[source] io::Error),
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[test]
    fn a_model_is_named_as_inspect_lists_it() {
        let model = StoredModelId::parse("2355ab/11aa/").expect("a model");
        assert_eq!(model.path(), "2355ab/11aa");
    }

    #[rstest]
    fn refuses_a_name_that_a_request_would_change(
        #[values("m", "m/", "/d", "m/d/e", "m/..", "m d/e", "ä/d")] name: &str,
    ) {
        assert!(StoredModelId::parse(name).is_err());
    }
}
