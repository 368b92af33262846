//! Why an operation failed, with typed causes, in groups for the callers.
//!
//! Must not know HTTP statuses or exit codes.

use std::io;

use super::inspect::InspectError;
use super::transfer::ImportError;
use crate::dataset::{ArchiveError, DatasetError, Mismatch};
use crate::learning::{GroupError, LearningError};
use crate::model::{ExplainError, ModelError};
use crate::report::ReportError;
use crate::store::{RollbackError, StoreError};

/// The group of an error; `http` maps it to a status, `cli` to an exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The request cannot be used; the message may be shown to the client.
    BadInput,
    /// The stored model cannot be used; the message may be shown to the client.
    UnusableModel,
    /// What the request names does not exist or is in the way; the message may be shown to the client.
    Conflict,
    /// There is no trained model; the message may be shown to the client.
    NotTrained,
    /// There are no samples to compare with; the message may be shown to the client.
    NoBackground,
    /// The disk is full; nothing was changed.
    NoSpace,
    /// The object store of the models cannot be reached; a repetition may help.
    Unavailable,
    /// The operation was cancelled; nothing was changed.
    Cancelled,
    /// The program or the machine failed; the message is for the log, never for the client.
    Internal,
}

impl ErrorKind {
    /// The name in the audit trail.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BadInput => "bad input",
            Self::UnusableModel => "unusable model",
            Self::Conflict => "no such generation",
            Self::NotTrained => "no model",
            Self::NoBackground => "no background",
            Self::NoSpace => "no space",
            Self::Unavailable => "storage unavailable",
            Self::Cancelled => "cancelled",
            Self::Internal => "internal error",
        }
    }
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
    /// No model can be trained on the samples.
    #[error("{0}.")]
    Learning(#[from] LearningError),
    /// The samples cannot be grouped by the column.
    #[error("{0}")]
    Groups(#[from] GroupError),
    /// The model would have more classes than the limit.
    #[error(
        "With this dataset the model would have {classes} classes, more than the limit of {max}, which is the server's \
         MOODLE_MLBACKEND_MAX_CLASSES."
    )]
    TooManyClasses {
        /// The classes of the stored samples and the dataset together.
        classes: usize,
        /// The limit.
        max: usize,
    },
    /// The files of an import are refused.
    #[error("The import cannot be used: {0}.")]
    InvalidImport(#[from] ImportError),
    /// The imported model cannot be read or run.
    #[error("The import cannot be used: {0}.")]
    ImportedModel(#[source] ModelError),
    /// The imported model exceeds the server's limits.
    #[error(
        "The import cannot be used: it has {features} features and {classes} classes; the limits are {max_features} \
         features (MOODLE_MLBACKEND_MAX_COLUMNS) and {max_classes} classes (MOODLE_MLBACKEND_MAX_CLASSES)."
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
    /// A named model file cannot be opened or read.
    #[error("The model cannot be read: {source}.")]
    UnreadableModelFile {
        /// The cause.
        source: io::Error,
    },
    /// A named file is not a model.
    #[error("This is not a model: expected an ONNX file, or an export (a zip or its directory).")]
    NotAModelFile,
    /// The directory for the files of one command cannot be created.
    #[error(
        "No temporary directory can be created: {0}. Set TMPDIR to a directory that this user can write to."
    )]
    TemporaryDirectory(#[source] io::Error),
    /// `inspect` does not recognise the file or directory.
    #[error(transparent)]
    NotInspectable(#[from] InspectError),
    /// The Python server's model cannot be used.
    #[error(
        "The model that the Python server stored here cannot be used: {source}. {remedy}, or choose Clear predictions \
         in the model's menu and train it again."
    )]
    UnusablePythonModel {
        /// The cause.
        source: ModelError,
        /// The beginning of the last sentence.
        remedy: &'static str,
    },
    /// The migrated model could not be verified to predict the same as the Python server's files.
    #[error("The old files are kept: {0}.")]
    UnverifiedMigration(&'static str),
    /// The stored model is damaged and has no intact generation.
    #[error(
        "The stored model is damaged on the server's disk. Run \"moodle-mlbackend check\" on the server for details. \
         Restore the model from a backup, or choose Clear predictions in the model's menu and train it again."
    )]
    DamagedModel(#[source] StoreError),
    /// A symbolic link in the data directory is not followed.
    #[error(
        "The model cannot be used because of a link in the server's data directory, where links are not followed. The \
         server's log and \"moodle-mlbackend check\" name the link: remove it, or replace it by its target."
    )]
    SymbolicLink(#[source] StoreError),
    /// There is no generation to roll back to.
    #[error("There was no rollback: {0}.")]
    Rollback(#[source] RollbackError),
    /// Predictions are explained that no model makes.
    #[error(
        "There is no trained model: its predictions can be explained after a training or an import. If Moodle shows the model \
         as trained, choose Clear predictions in its menu: the next scheduled training then sends all its data."
    )]
    NotTrained,
    /// There are no samples to compare with.
    #[error(
        "The predictions cannot be explained, because there are no samples to compare with: {0}. Send some along: a dataset \
         as the part background of the form, or with --background on the command line."
    )]
    NoBackground(&'static str),
    /// The samples of a background cannot be used.
    #[error("The background cannot be used: {0}.")]
    Background(#[source] DatasetError),
    /// The explanation would be too long.
    #[error(
        "The explanation would have up to {contributions} contributions, more than the limit of {max}. Explain fewer samples \
         at a time, or ask for the largest contributions of each alone: top in the form, --top on the command line."
    )]
    TooManyContributions {
        /// The samples times the outputs times the indicators of each.
        contributions: usize,
        /// The limit.
        max: usize,
    },
    /// Too many samples for the explanation of a model of another tool.
    #[error("The predictions cannot be explained: {0}. Explain fewer samples at a time.")]
    TooLongExplanation(#[source] ExplainError),
    /// The disk is full; nothing was changed.
    #[error(
        "The server's disk is full. Nothing was changed. Free some space, and repeat an evaluation or import. Moodle \
         repeats a training or a prediction when another course has new data."
    )]
    NoSpace,
    /// The operation was cancelled before it changed anything.
    #[error("The job was cancelled. Nothing was changed.")]
    Cancelled,
    /// The uploaded dataset cannot be read from the disk.
    #[error("the uploaded dataset cannot be read: {0}")]
    UnreadableUpload(#[source] io::Error),
    /// The upload cannot be opened.
    #[error("the uploaded file cannot be opened: {0}")]
    UnopenableUpload(#[source] io::Error),
    /// A stored model cannot be run.
    #[error(transparent)]
    Model(ModelError),
    /// The stored samples cannot be decoded.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The data directory cannot be read or written.
    #[error(transparent)]
    Store(StoreError),
    /// The object store of the models cannot be reached, or other servers changed the model all the time.
    #[error(
        "The storage of the models cannot be reached, or is too busy. Repeat the request in a minute: samples that were stored \
         already do not count twice."
    )]
    StoreUnavailable(#[source] StoreError),
    /// The evaluation's report cannot be written or read.
    #[error("the evaluation's report cannot be written or read: {0}")]
    Report(#[source] ReportError),
    /// The export cannot be written.
    #[error("the export failed: {0}")]
    Export(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl BackendError {
    /// The group of the error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Dataset(_)
            | Self::Mismatch(_)
            | Self::Learning(_)
            | Self::Groups(_)
            | Self::TooManyClasses { .. }
            | Self::InvalidImport(_)
            | Self::ImportedModel(_)
            | Self::ImportTooLarge { .. }
            | Self::UnreadableModelFile { .. }
            | Self::NotAModelFile
            | Self::Background(_)
            | Self::TooManyContributions { .. }
            | Self::TooLongExplanation(_)
            | Self::NotInspectable(_) => ErrorKind::BadInput,
            Self::UnusablePythonModel { .. }
            | Self::UnverifiedMigration(_)
            | Self::DamagedModel(_)
            | Self::SymbolicLink(_) => ErrorKind::UnusableModel,
            Self::Rollback(_) => ErrorKind::Conflict,
            Self::NotTrained => ErrorKind::NotTrained,
            Self::NoBackground(_) => ErrorKind::NoBackground,
            Self::NoSpace => ErrorKind::NoSpace,
            Self::StoreUnavailable(_) => ErrorKind::Unavailable,
            Self::Cancelled => ErrorKind::Cancelled,
            Self::UnreadableUpload(_)
            | Self::UnopenableUpload(_)
            | Self::TemporaryDirectory(_)
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

/// The errors of stored models, which are internal: the model was accepted when it was stored. `import` maps those of a
/// model to import.
impl From<ModelError> for BackendError {
    fn from(error: ModelError) -> Self {
        match error {
            ModelError::Features(mismatch) => Self::Mismatch(mismatch),
            other => Self::Model(other),
        }
    }
}

impl From<ExplainError> for BackendError {
    fn from(error: ExplainError) -> Self {
        match error {
            ExplainError::Model(error) => error.into(),
            too_many @ ExplainError::TooManySamples { .. } => Self::TooLongExplanation(too_many),
        }
    }
}

impl From<StoreError> for BackendError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NoSpace { .. } => {
                tracing::error!(%error, "the disk is full: nothing can be stored in the data directory");
                Self::NoSpace
            }
            // The administrator of the site can act on these without the path, which only the log contains.
            StoreError::Corrupt { .. } => {
                tracing::error!(%error, "a stored model is damaged");
                Self::DamagedModel(error)
            }
            StoreError::Link { .. } => {
                tracing::error!(%error, "a link in the data directory is not followed");
                Self::SymbolicLink(error)
            }
            StoreError::Superseded { .. } => Self::StoreUnavailable(error),
            StoreError::Unavailable { .. } => {
                tracing::error!(%error, "the object store of the models cannot be reached");
                Self::StoreUnavailable(error)
            }
            other => Self::Store(other),
        }
    }
}

impl From<ReportError> for BackendError {
    fn from(error: ReportError) -> Self {
        if error.is_no_space() {
            tracing::error!(%error, "the disk is full: the report of an evaluation cannot be stored");
            return Self::NoSpace;
        }
        Self::Report(error)
    }
}
