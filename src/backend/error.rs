//! Why an operation failed, with typed causes, grouped by whose fault it is. Must not know statuses or exit codes.

use std::io;

use crate::dataset::{ArchiveError, DatasetError, Mismatch};
use crate::learning::LearningError;
use crate::model::ModelError;
use crate::report::ReportError;
use crate::store::StoreError;

/// The message for a model that is damaged on the disk and has no intact generation left.
const DAMAGED: &str = "The model that is kept here was damaged on the server's disk: \"moodle-mlbackend check\" on the \
    server tells more. Restore it from a backup, or choose Clear predictions in the model's menu and train it anew.";

/// The message for a link in the data directory.
const LINK: &str = "In the server's data directory a link stands where this model is kept, or something that it \
    needs; links are not followed there. The server's log names the link, and so does \"moodle-mlbackend check\" on the \
    server: remove it, or put there what it leads to.";

/// Whose fault a failure is; `http` maps it to a status, `cli` to an exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The client sent something that cannot be used; the message may be shown to the client.
    BadInput,
    /// The stored model cannot be used; the message may be shown to the client.
    UnusableModel,
    /// The disk is full; nothing was changed.
    NoSpace,
    /// A fault of the program or the machine; the message is for the log, never for the client.
    Internal,
}

/// Why an operation failed, with its cause.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// The dataset is malformed; the cause holds line and column.
    #[error("The dataset cannot be used: {0}.")]
    Dataset(#[source] DatasetError),
    /// The dataset's features or classes differ from the model's.
    #[error("The dataset cannot be used: {0}.")]
    Mismatch(#[from] Mismatch),
    /// The samples cannot be learnt from.
    #[error("{0}.")]
    Learning(#[from] LearningError),
    /// The model would have more classes than the limit.
    #[error(
        "With this dataset the model would have {classes} classes, more than {max}. The server's \
         MOODLE_MLBACKEND_MAX_CLASSES sets this limit."
    )]
    TooManyClasses {
        /// The classes of the stored samples and the dataset together.
        classes: usize,
        /// The limit.
        max: usize,
    },
    /// The import is refused for this reason.
    #[error("The import cannot be used: {0}.")]
    InvalidImport(String),
    /// The imported model cannot be read or run.
    #[error("The import cannot be used: {0}.")]
    ImportedModel(#[source] ModelError),
    /// The imported model exceeds the server's limits.
    #[error(
        "The import cannot be used: it has {features} features and {classes} classes, more than the server's settings \
         MOODLE_MLBACKEND_MAX_COLUMNS ({max_features}) and MOODLE_MLBACKEND_MAX_CLASSES ({max_classes}) allow."
    )]
    ImportTooLarge {
        /// The model's features.
        features: usize,
        /// The model's classes.
        classes: usize,
        /// The limit of features.
        max_features: usize,
        /// The limit of classes.
        max_classes: usize,
    },
    /// `inspect` does not recognise the file or directory.
    #[error("{0}")]
    NotInspectable(String),
    /// The Python server's model cannot be used.
    #[error(
        "The model that the Python server kept here cannot be used: {source}. {remedy}, or choose Clear predictions \
         in the model's menu and train it anew."
    )]
    UnusablePythonModel {
        /// Why.
        source: ModelError,
        /// The first half of the last sentence.
        remedy: &'static str,
    },
    /// The migrated model was not shown to predict the same as the Python server's files.
    #[error("The old files stay: {0}.")]
    UnverifiedMigration(&'static str),
    /// The stored model is damaged and no intact generation is left.
    #[error("{DAMAGED}")]
    DamagedModel(#[source] StoreError),
    /// A symbolic link in the data directory is not followed.
    #[error("{LINK}")]
    SymbolicLink(#[source] StoreError),
    /// The disk is full; nothing was changed.
    #[error("The server's disk is full: nothing was changed. Make room, then try again.")]
    NoSpace,
    /// The uploaded dataset cannot be read from the disk.
    #[error("the uploaded dataset cannot be read: {0}")]
    UnreadableUpload(#[source] io::Error),
    /// The upload cannot be opened.
    #[error("the uploaded file cannot be opened: {0}")]
    UnopenableUpload(#[source] io::Error),
    /// A stored model cannot be run, although it was accepted.
    #[error(transparent)]
    Model(ModelError),
    /// The stored samples cannot be decoded.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The data directory cannot be read or written.
    #[error(transparent)]
    Store(StoreError),
    /// The evaluation's report cannot be written or read.
    #[error("the evaluation's report cannot be written or read: {0}")]
    Report(#[source] ReportError),
    /// The export cannot be written.
    #[error("the export failed: {0}")]
    Export(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl BackendError {
    /// Whose fault it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Dataset(_)
            | Self::Mismatch(_)
            | Self::Learning(_)
            | Self::TooManyClasses { .. }
            | Self::InvalidImport(_)
            | Self::ImportedModel(_)
            | Self::ImportTooLarge { .. }
            | Self::NotInspectable(_) => ErrorKind::BadInput,
            Self::UnusablePythonModel { .. }
            | Self::UnverifiedMigration(_)
            | Self::DamagedModel(_)
            | Self::SymbolicLink(_) => ErrorKind::UnusableModel,
            Self::NoSpace => ErrorKind::NoSpace,
            Self::UnreadableUpload(_)
            | Self::UnopenableUpload(_)
            | Self::Model(_)
            | Self::Archive(_)
            | Self::Store(_)
            | Self::Report(_)
            | Self::Export(_) => ErrorKind::Internal,
        }
    }
}

impl From<DatasetError> for BackendError {
    fn from(error: DatasetError) -> Self {
        match error {
            DatasetError::Read(cause) => Self::UnreadableUpload(cause),
            malformed => Self::Dataset(malformed),
        }
    }
}

/// For stored models: the import accepted the model, so it should run. `import` maps the errors of a model that is
/// being imported.
impl From<ModelError> for BackendError {
    fn from(error: ModelError) -> Self {
        match error {
            ModelError::Features(mismatch) => Self::Mismatch(mismatch),
            other => Self::Model(other),
        }
    }
}

impl From<StoreError> for BackendError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NoSpace { .. } => {
                tracing::error!(%error, "the disk is full where models are kept");
                Self::NoSpace
            }
            // The site's administrator can act on these without the path, which only the log names.
            StoreError::Corrupt { .. } => {
                tracing::error!(%error, "a stored model is damaged");
                Self::DamagedModel(error)
            }
            StoreError::Link { .. } => {
                tracing::error!(%error, "a link in the data directory is not followed");
                Self::SymbolicLink(error)
            }
            other => Self::Store(other),
        }
    }
}

impl From<ReportError> for BackendError {
    fn from(error: ReportError) -> Self {
        if error.is_no_space() {
            tracing::error!(%error, "the disk is full where an evaluation's report is kept");
            return Self::NoSpace;
        }
        Self::Report(error)
    }
}
