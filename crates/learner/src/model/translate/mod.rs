//! ONNX classifiers that other tools made, rewritten into the operators that this backend runs.
//!
//! Owns `model.json` and the translation: what comes out is a model file like our
//! own, in the same plain operators, and is checked like our own. Nothing of a
//! foreign graph reaches the model runner as it was. Must not know where files
//! come from.

mod activations;
mod builder;
mod elementwise;
mod ensemble;
mod graph_walk;
mod ml_ops;
mod model_json;
mod movement;
mod node;
mod output;
mod reduce;
mod shape_ops;
mod trees;
mod value;

use tract_onnx::pb::{ModelProto, NodeProto};

use super::ModelError;
use model_json::Description;

/// More dimensions than a value needs whose first are samples and features.
const MAX_DIMENSIONS: usize = 6;

type Done<T> = Result<T, ModelError>;

fn refused<T>(why: impl Into<String>) -> Done<T> {
    Err(ModelError::Refused(why.into()))
}

/// Says which operator it was that was refused.
fn operator(node: &NodeProto, error: ModelError) -> ModelError {
    let ModelError::Refused(why) = error else { return error };
    let plain = |text: &str| -> String {
        text.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_')).take(40).collect()
    };
    let name = match node.domain.as_str() {
        "" | "ai.onnx" => plain(&node.op_type),
        domain => format!("{}.{}", plain(domain), plain(&node.op_type)),
    };
    ModelError::Refused(format!("operator {name} cannot be translated: {why}"))
}

/// A model file of this backend from a decoded ONNX file and the description beside it.
///
/// # Errors
/// [`ModelError`] that names what is not understood.
pub(super) fn to_onnx(proto: &ModelProto, description: &[u8]) -> Result<Vec<u8>, ModelError> {
    let description = Description::read(description)?;
    let Some(graph) = &proto.graph else {
        return Err(ModelError::NotOnnx("it has no graph".to_owned()));
    };
    if !proto.functions.is_empty() || !graph.sparse_initializer.is_empty() {
        return refused("local functions and sparse tensors are not accepted");
    }
    if graph.node.len() > 10_000 {
        return refused("it has more than 10000 nodes");
    }
    let mut first = None;
    for candidate in output::candidates(graph, &description)? {
        match output::model_of(proto, graph, &candidate, &description) {
            Ok(bytes) => return Ok(bytes),
            Err(error) => first = first.or(Some(error)),
        }
    }
    Err(first.unwrap_or_else(|| ModelError::Refused("it has no outputs".to_owned())))
}
