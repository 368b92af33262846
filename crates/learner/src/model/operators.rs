//! What a model file must be before tract sees it.
//!
//! tract trusts its input more than a server can: some operators crash on
//! crafted attributes, and tensors may ask for memory they do not bring. So
//! only a list of plain operators passes, tensors must carry their own bytes,
//! and all weights must be finite.

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{GraphProto, ModelProto, TensorProto};

use super::ModelError;
use super::to_onnx::INPUT;

/// The operators that this backend's models consist of, also those it makes of other tools' models.
const OPERATORS: [&str; 34] = [
    "Abs",
    "Add",
    "ArgMax",
    "Cast",
    "Clip",
    "Concat",
    "Cos",
    "Div",
    "Equal",
    "Erf",
    "Exp",
    "Floor",
    "Gather",
    "Greater",
    "Identity",
    "IsNaN",
    "Log",
    "MatMul",
    "Max",
    "Min",
    "Mul",
    "Pow",
    "ReduceMax",
    "ReduceSum",
    "Relu",
    "Reshape",
    "Sigmoid",
    "Slice",
    "Softmax",
    "Sqrt",
    "Sub",
    "Tanh",
    "Transpose",
    "Where",
];

/// More nodes than any model of ours has.
const MAX_NODES: usize = 10_000;

/// Refuses a model that is not made of allowed operators and sound tensors.
pub(super) fn check(proto: &ModelProto) -> Result<(), ModelError> {
    let refused = |why: String| Err(ModelError::Refused(why));
    let Some(graph) = &proto.graph else {
        return Err(ModelError::NotOnnx("it has no graph".to_owned()));
    };
    if !proto.functions.is_empty() || !graph.sparse_initializer.is_empty() {
        return refused("local functions and sparse tensors are not accepted".to_owned());
    }
    if graph.node.len() > MAX_NODES {
        return refused(format!("it has more than {MAX_NODES} nodes, a fixed limit"));
    }
    for node in &graph.node {
        let known = node.domain.is_empty() && OPERATORS.contains(&node.op_type.as_str());
        if !known {
            let name: String = node.op_type.chars().filter(char::is_ascii_alphanumeric).take(40).collect();
            return refused(format!("operator {name} is not accepted"));
        }
        let plain = node.attribute.iter().all(|a| a.g.is_none() && a.t.is_none() && a.graphs.is_empty());
        if !plain {
            return refused("attributes with graphs or tensors are not accepted".to_owned());
        }
    }
    if graph.input.len() != 1 || graph.input[0].name != INPUT {
        return refused(format!("its only input must be called {INPUT}"));
    }
    ordered(graph)?;
    graph.initializer.iter().try_for_each(check_tensor)
}

/// Every node may only read what stands before it, which also rules out cycles.
fn ordered(graph: &GraphProto) -> Result<(), ModelError> {
    let mut known: std::collections::HashSet<&str> =
        graph.initializer.iter().map(|t| t.name.as_str()).collect();
    known.extend(graph.input.iter().map(|input| input.name.as_str()));
    for node in &graph.node {
        if !node.input.iter().all(|name| known.contains(name.as_str())) {
            return Err(ModelError::Refused("a node reads a value that is not there before it".to_owned()));
        }
        known.extend(node.output.iter().map(String::as_str));
    }
    Ok(())
}

fn check_tensor(tensor: &TensorProto) -> Result<(), ModelError> {
    let refused = |why: &str| Err(ModelError::Refused(why.to_owned()));
    if !tensor.external_data.is_empty() || tensor.data_location.is_some_and(|location| location != 0) {
        return refused("tensors in other files are not accepted");
    }
    let size = if tensor.data_type == DataType::Float as i32 {
        4
    } else if tensor.data_type == DataType::Int64 as i32 {
        8
    } else {
        return refused("tensors must be of floats or 64-bit integers");
    };
    let elements = tensor.dims.iter().try_fold(1_usize, |product, &dim| {
        usize::try_from(dim).ok().and_then(|dim| product.checked_mul(dim))
    });
    if elements.and_then(|elements| elements.checked_mul(size)) != Some(tensor.raw_data.len()) {
        return refused("a tensor's size is not that of its data");
    }
    let finite = size == 8
        || tensor.raw_data.chunks_exact(4).all(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]).is_finite());
    if finite { Ok(()) } else { refused("a weight is not finite") }
}
