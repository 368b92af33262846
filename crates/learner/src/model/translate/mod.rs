//! Translates ONNX classifiers of other tools into the operators that this backend runs.
//!
//! Owns `model.json` and the translation: the result is a model file of this backend, in its own operators, with the
//! same checks. Nothing of another tool's graph reaches the ONNX runtime unchanged. Must not know where files come
//! from.

mod activations;
mod builder;
mod elementwise;
mod ensemble;
mod error;
mod graph_walk;
mod input_names;
mod interpretation;
mod known_tools;
mod ml_ops;
mod model_json;
mod model_json_error;
mod movement;
mod node;
mod operators;
mod output;
mod reduce;
mod shape_ops;
mod translator;
mod trees;
mod value;

use tract_onnx::pb::ModelProto;

use super::check::graph_of;
use super::error::ModelError;
use error::Result;
use model_json::ModelJson;
pub use model_json::without_bom;
use output::Draft;

/// A model file of this backend from a decoded ONNX file and the `model.json` beside it.
///
/// # Errors
/// [`ModelError`] that names the operator or key that is not supported.
pub(super) fn to_onnx(proto: &ModelProto, model_json: &[u8]) -> Result<Vec<u8>> {
    let mut model_json = ModelJson::read(model_json)?;
    let graph = graph_of(proto)?;
    let mut remarks = known_tools::remarks(proto, graph);
    remarks.extend(input_names::match_by_names(proto, graph, &mut model_json)?);
    let mut first = None;
    for outputs in output::candidates(graph, &model_json)? {
        let draft = Draft { proto, graph, outputs: &outputs, model_json: &model_json, remarks: &remarks };
        match draft.model_file() {
            Ok(bytes) => return Ok(bytes),
            Err(error) => first = first.or(Some(error)),
        }
    }
    let error = first.unwrap_or_else(|| ModelError::Refused("it has no outputs".to_owned()));
    Err(known_tools::explained(graph, error))
}
