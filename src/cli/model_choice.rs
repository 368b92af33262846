//! The model that a command uses: one of a data directory, or a file.
//!
//! Owns the flags that name it, and the life of the temporary directory of a file. Must not know what is done with a model.

use std::path::{Path, PathBuf};

use super::data_directory::{OpenError, open};
use super::signals;
use crate::backend::{BackendError, TemporaryModel};
use crate::dataset::Limits;
use crate::store::{DirHash, ModelDir, ModelId, Retention};

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

/// A model to work with.
#[derive(Debug)]
pub(super) enum ChosenModel {
    /// Of a data directory.
    Stored(ModelDir),
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
        Ok(Self::Stored(store.model(&model.id, &model.hash)))
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

    /// Its directory.
    pub(super) fn model_dir(&self) -> &ModelDir {
        match self {
            Self::Stored(model_dir) => model_dir,
            Self::Temporary(model) => model.model_dir(),
        }
    }
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
