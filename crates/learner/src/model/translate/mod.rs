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
mod ml_ops;
mod model_json;
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

use super::error::ModelError;
use error::{Result, refused};
use model_json::ModelJson;

/// The maximum number of nodes of a file to translate.
const MAX_NODES: usize = 10_000;

/// A model file of this backend from a decoded ONNX file and the `model.json` beside it.
///
/// # Errors
/// [`ModelError`] that names the operator or key that is not supported.
pub(super) fn to_onnx(proto: &ModelProto, model_json: &[u8]) -> Result<Vec<u8>> {
    let model_json = ModelJson::read(model_json)?;
    let Some(graph) = &proto.graph else {
        return Err(ModelError::NoGraph);
    };
    if !proto.functions.is_empty() || !graph.sparse_initializer.is_empty() {
        return refused("local functions and sparse tensors are not accepted");
    }
    if graph.node.len() > MAX_NODES {
        return refused(format!("it has more than {MAX_NODES} nodes, a fixed limit"));
    }
    let mut first = None;
    for candidate in output::candidates(graph, &model_json)? {
        match output::model_of(proto, graph, &candidate, &model_json) {
            Ok(bytes) => return Ok(bytes),
            Err(error) => first = first.or(Some(error)),
        }
    }
    Err(first.unwrap_or_else(|| ModelError::Refused("it has no outputs".to_owned())))
}
