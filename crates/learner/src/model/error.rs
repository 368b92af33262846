//! The error of this module: why a model file cannot be used.
//!
//! Must not know any other file of the module, so that all of them can return it.

use prost::DecodeError;
use tract_onnx::prelude::TractError;

use crate::text::Untrusted;

/// Errors of libraries repeat parts of a file; a message shows at most this many characters of one.
const MAX_CAUSE_CHARS: usize = 200;

/// Why a model file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The bytes are no protocol buffer.
    #[error("model.onnx is not an ONNX file: {}", shown(.0))]
    Decode(#[source] DecodeError),
    /// The file holds no graph.
    #[error("model.onnx is not an ONNX file: it has no graph")]
    NoGraph,
    /// The metadata of this backend is missing from the file or cannot be used.
    #[error("model.onnx has no usable metadata: {0}")]
    Metadata(String),
    /// The metadata is not the JSON that this backend writes.
    #[error("model.onnx has no usable metadata: it cannot be parsed ({})", shown(.0))]
    MetadataJson(#[source] serde_json::Error),
    /// A model of another tool without a `model.json`.
    #[error(
        "model.onnx was not made by this backend; a model of another tool needs a model.json beside it, with its \
         features and classes"
    )]
    NoModelJson,
    /// A `model.json` without the model that it describes.
    #[error(
        "model.onnx is missing: there is only its model.json; put both files beside each other, at the top of the zip"
    )]
    NoOnnx,
    /// `model.json` does not describe the model.
    #[error("model.json does not describe the model: {0}")]
    ModelJson(String),
    /// The file holds something that this backend does not run.
    #[error("model.onnx is refused: {0}")]
    Refused(String),
    /// A file of the Python server is not what that server writes.
    #[error("its {file} cannot be used: {why}")]
    Python {
        /// Its name within the model's directory or archive.
        file: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// A model that a release with TensorFlow 1 stored, not exported: its weights are in another format.
    #[error(
        "a release of the Python server with TensorFlow 1 (2.0 to 2.6.0) stored it, and only exports of those can \
         be read"
    )]
    TensorFlow1,
    /// None of the files is a model.
    #[error(
        "it holds no model: neither model.onnx, nor the classifier.pkl of the Python server, nor the model.json \
         of its old releases"
    )]
    Unknown,
    /// The ONNX runtime could not load or run it. Only the outermost context of the cause is shown; the rest is
    /// about the runtime's internals.
    #[error("model.onnx cannot be run: {}", shown(.0))]
    Runtime(#[source] TractError),
    /// The ONNX runtime panicked.
    #[error("model.onnx cannot be run: running it made the ONNX runtime panic")]
    Panic,
    /// The model ran, but its output cannot be used.
    #[error("model.onnx cannot be run: {0}")]
    Output(String),
    /// The samples do not have the model's features.
    #[error(transparent)]
    Features(#[from] crate::dataset::Mismatch),
}

/// The error of a file that holds something that this backend does not run.
pub(super) fn refused<T>(why: impl Into<String>) -> Result<T, ModelError> {
    Err(ModelError::Refused(why.into()))
}

fn shown(cause: &impl ToString) -> String {
    Untrusted(&cause.to_string()).line(MAX_CAUSE_CHARS)
}
