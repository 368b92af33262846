//! The checks that a model file must pass before the ONNX runtime (tract) reads it.
//!
//! tract does not expect hostile input: some operators crash on crafted attributes, and tensors may declare more
//! memory than they have bytes in the file. So only the operators of [`super::operators`] pass, tensors must hold
//! their own bytes, and all weights must be finite. Must not know where the file comes from.

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{GraphProto, ModelProto, NodeProto, TensorProto};

use super::error::{ModelError, refused};
use super::operators;
use super::to_onnx::INPUT;
use super::tree_ensemble;
use crate::text::Untrusted;

/// The maximum number of nodes; the models of this backend have far fewer.
const MAX_NODES: usize = 10_000;

/// Refuses a model that does not consist of known operators and valid tensors.
pub(super) fn check(proto: &ModelProto) -> Result<(), ModelError> {
    let graph = graph_of(proto)?;
    graph.node.iter().try_for_each(check_node)?;
    if graph.input.len() != 1 || graph.input[0].name != INPUT {
        return refused(format!("its only input must be called {INPUT}"));
    }
    check_order(graph)?;
    check_trees(graph)?;
    graph.initializer.iter().try_for_each(check_tensor)
}

/// The graph of a file without local functions and sparse tensors, which nothing here reads, and with at most [`MAX_NODES`]
/// nodes.
pub(super) fn graph_of(proto: &ModelProto) -> Result<&GraphProto, ModelError> {
    let graph = proto.graph.as_ref().ok_or(ModelError::NoGraph)?;
    if !proto.functions.is_empty() || !graph.sparse_initializer.is_empty() {
        return refused("local functions and sparse tensors are not accepted");
    }
    if graph.node.len() > MAX_NODES {
        return refused(format!("it has more than {MAX_NODES} nodes, a fixed limit"));
    }
    Ok(graph)
}

/// Ensembles of trees must be trees, and not too many together. Their columns are compared with those of their input when
/// shapes are inferred.
fn check_trees(graph: &GraphProto) -> Result<(), ModelError> {
    let mut size = tree_ensemble::Size::default();
    for node in graph.node.iter().filter(|node| node.op_type == tree_ensemble::OPERATOR) {
        size.add(&tree_ensemble::of_node(node)?)?;
    }
    Ok(())
}

fn check_node(node: &NodeProto) -> Result<(), ModelError> {
    let operator = operators::find(&node.op_type).filter(|operator| operator.domain == node.domain);
    let Some(operator) = operator else {
        return refused(format!("operator {} is not accepted", Untrusted(&node.op_type).identifier(40)));
    };
    let numbers = node.attribute.iter().all(|a| a.g.is_none() && a.t.is_none() && a.graphs.is_empty());
    if !numbers {
        return refused("attributes with graphs or tensors are not accepted");
    }
    let unknown = |name: &&str| !operator.attributes.contains(name);
    if let Some(name) = node.attribute.iter().map(|attribute| attribute.name.as_str()).find(unknown) {
        let name = Untrusted(name).identifier(40);
        return refused(format!("operator {} is not accepted with the attribute {name}", operator.name));
    }
    Ok(())
}

/// A node may only read values that are defined before it, which also rules out cycles.
fn check_order(graph: &GraphProto) -> Result<(), ModelError> {
    let mut known: std::collections::HashSet<&str> =
        graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
    known.extend(graph.input.iter().map(|input| input.name.as_str()));
    for node in &graph.node {
        if !node.input.iter().all(|name| known.contains(name.as_str())) {
            return refused("a node reads a value that is not defined before it");
        }
        known.extend(node.output.iter().map(String::as_str));
    }
    Ok(())
}

fn check_tensor(tensor: &TensorProto) -> Result<(), ModelError> {
    if !tensor.external_data.is_empty() || tensor.data_location.is_some_and(|location| location != 0) {
        return refused("tensors in other files are not accepted");
    }
    let size = match DataType::try_from(tensor.data_type) {
        Ok(DataType::Float) => 4,
        Ok(DataType::Int64) => 8,
        _ => return refused("tensors must be of floats or 64-bit integers"),
    };
    let dims: Option<Vec<usize>> = tensor.dims.iter().map(|&dim| usize::try_from(dim).ok()).collect();
    let elements = dims.and_then(|dims| operators::shapes::elements(&dims));
    if elements.and_then(|elements| elements.checked_mul(size)) != Some(tensor.raw_data.len()) {
        return refused("a tensor's size is not that of its data");
    }
    let finite =
        size == 8 || tensor.raw_data.as_chunks().0.iter().all(|&bytes| f32::from_le_bytes(bytes).is_finite());
    if finite { Ok(()) } else { refused("a weight is not finite") }
}
