//! Trained models as ONNX files, and running them.
//!
//! Owns the translation of a [`crate::learning::TrainedModel`] into plain ONNX
//! operators, the metadata inside the file, the checks a file must pass before
//! it is run, and tract. Must not know where files are kept or what HTTP is.

mod decode;
mod graph;
mod import;
mod limits;
mod metadata;
mod operators;
mod output_check;
mod python_server;
mod runner;
mod shape_inference;
mod summary;
mod to_onnx;
mod translate;
mod tree_graph;

pub use import::{CLASSIFIER, DESCRIPTION, MAX_MODEL_BYTES, MODEL, ModelFiles, import};
pub use metadata::{FORMAT, ModelMetadata, TopFeature};
pub use runner::Model;
pub use summary::{Summary, summary};
pub use to_onnx::to_onnx;

/// Why a model file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The bytes are no ONNX file.
    #[error("model.onnx is not an ONNX file: {0}")]
    NotOnnx(String),
    /// The file lacks what says how to use it.
    #[error("model.onnx has no usable metadata: {0}")]
    Metadata(String),
    /// A model of another tool, alone.
    #[error(
        "model.onnx was not made by this backend; a model of another tool needs a model.json beside it that says \
         what its features and classes are"
    )]
    NoDescription,
    /// The file beside the model does not say how to use it.
    #[error("model.json does not describe the model: {0}")]
    Description(String),
    /// The file holds something that is never run.
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
    /// A model that a release with TensorFlow 1 stored, not exported: its weights lie in another format.
    #[error(
        "a release of the Python server with TensorFlow 1 (2.0 to 2.6.0) stored it, and only exports of those can \
         be read"
    )]
    TensorFlow1,
    /// There is nothing that could be a model.
    #[error(
        "it holds no model: neither model.onnx, nor the classifier.pkl of the Python server, nor the model.json \
         of its old releases"
    )]
    Unknown,
    /// tract could not load or run it.
    #[error("model.onnx cannot be run: {0}")]
    Run(String),
    /// The samples are not what the model was made for.
    #[error(transparent)]
    Features(#[from] crate::dataset::Mismatch),
}
