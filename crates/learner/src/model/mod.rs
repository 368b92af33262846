//! Trained models as ONNX files, and running them.
//!
//! Owns the translation of a [`crate::learning::TrainedModel`] into ONNX operators and back, the metadata inside the file,
//! the import of other tools' models, the checks a file must pass before it is run, and the ONNX runtime (tract).
//! Must not know where files are kept or what HTTP is.

mod check;
mod decode;
mod error;
mod explain;
mod from_onnx;
mod graph;
mod import;
mod limits;
mod metadata;
mod operators;
mod output_check;
mod plans;
mod python_server;
mod runner;
mod shape_inference;
mod summary;
mod to_onnx;
mod translate;
mod tree_ensemble;
mod tree_graph;
mod tree_reader;

pub use error::ModelError;
pub use explain::{ExplainError, Explanations, explain};
pub use import::{CLASSIFIER, MAX_MODEL_BYTES, MODEL, MODEL_JSON, ModelFiles, import};
pub use metadata::{FORMAT, ModelMetadata, TopFeature};
pub use output_check::synthetic_samples_with_gaps;
pub use runner::Model;
pub use summary::{Summary, summary};
pub use to_onnx::to_onnx;
pub use translate::without_bom;
