//! Why an operation failed, sorted by whose fault it is.

use crate::dataset::{ArchiveError, DatasetError, Mismatch};
use crate::learning::LearningError;
use crate::model::ModelError;
use crate::report::ReportError;
use crate::store::StoreError;

/// What is said of a model that is damaged on the disk, and of which nothing whole is left.
const DAMAGED: &str = "The model that is kept here was damaged on the server's disk: \"moodle-mlbackend check\" on the \
    server tells more. Restore it from a backup, or choose Clear predictions in the model's menu and train it anew.";

/// What is said when something is not done because of a link in the data directory.
const LINK: &str = "In the server's data directory a link stands where this model is kept, or something that it \
    needs; links are not followed there. The server's log names the link, and so does \"moodle-mlbackend check\" on the \
    server: remove it, or put there what it leads to.";

/// Why an operation failed; `http` turns it into a status, `cli` into an exit code.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// The client sent something that cannot be used; the text says what, where and what to do.
    #[error("{0}")]
    BadInput(String),
    /// The model that is kept cannot be used, and it is not this program that wrote it; the text says what is
    /// wrong and what to do.
    #[error("{0}")]
    Unusable(String),
    /// The disk is full; nothing was changed.
    #[error("The server's disk is full: nothing was changed. Make room, then try again.")]
    NoSpace,
    /// Our own fault or the machine's; the text is for the log, never for the client.
    #[error("{0}")]
    Internal(String),
}

impl From<DatasetError> for BackendError {
    fn from(error: DatasetError) -> Self {
        match error {
            DatasetError::Read(cause) => {
                Self::Internal(format!("the uploaded dataset cannot be read: {cause}"))
            }
            told => Self::BadInput(format!("The dataset cannot be used: {told}.")),
        }
    }
}

impl From<Mismatch> for BackendError {
    fn from(error: Mismatch) -> Self {
        Self::BadInput(format!("The dataset cannot be used: {error}."))
    }
}

impl From<LearningError> for BackendError {
    fn from(error: LearningError) -> Self {
        Self::BadInput(format!("{error}."))
    }
}

/// Of a model that is stored: whoever sent it, it was accepted, so it should run. A model that is
/// being imported is judged where it is imported.
impl From<ModelError> for BackendError {
    fn from(error: ModelError) -> Self {
        match error {
            ModelError::Features(mismatch) => mismatch.into(),
            other => Self::Internal(other.to_string()),
        }
    }
}

impl From<ArchiveError> for BackendError {
    fn from(error: ArchiveError) -> Self {
        Self::Internal(error.to_string())
    }
}

impl From<StoreError> for BackendError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NoSpace { .. } => {
                tracing::error!(%error, "the disk is full where models are kept");
                Self::NoSpace
            }
            // Who runs the site can do something about it, but needs no path for that.
            StoreError::Corrupt { .. } => {
                tracing::error!(%error, "a stored model is damaged");
                Self::Unusable(DAMAGED.to_owned())
            }
            StoreError::Link { .. } => {
                tracing::error!(%error, "a link in the data directory is not followed");
                Self::Unusable(LINK.to_owned())
            }
            other => Self::Internal(other.to_string()),
        }
    }
}

impl From<ReportError> for BackendError {
    fn from(error: ReportError) -> Self {
        if error.is_no_space() {
            tracing::error!(%error, "the disk is full where an evaluation's report is kept");
            return Self::NoSpace;
        }
        Self::Internal(format!("the evaluation's report cannot be written or read: {error}"))
    }
}
