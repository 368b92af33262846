//! Trained models as ONNX files, and running them.
//!
//! Owns the translation of a [`crate::learning::TrainedModel`] into plain ONNX
//! operators, the metadata inside the file, the checks a file must pass before
//! it is run, and tract. Must not know where files are kept or what HTTP is.

mod check;
mod export;
mod facts;
mod forest;
mod graph;
mod runner;
mod shapes;

pub use export::to_onnx;
pub use facts::{FORMAT, ModelFacts};
pub use runner::Model;

/// Why a model file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The bytes are no ONNX file.
    #[error("model.onnx is not an ONNX file: {0}")]
    NotOnnx(String),
    /// The file lacks what says how to use it.
    #[error("model.onnx has no usable metadata: {0}")]
    Metadata(String),
    /// The file holds something that is never run.
    #[error("model.onnx is refused: {0}")]
    Refused(String),
    /// tract could not load or run it.
    #[error("model.onnx cannot be run: {0}")]
    Run(String),
    /// The samples are not what the model was made for.
    #[error(transparent)]
    Features(#[from] crate::dataset::Mismatch),
}
