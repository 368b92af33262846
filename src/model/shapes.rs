//! The shape of every value in a model's graph, before tract sees it.
//!
//! A few nodes can ask for any amount of memory (a tensor beside itself, beside
//! itself, …), and an index outside of a tensor makes a runtime panic. With the
//! batch's size known all shapes are, so both are found out here.

use std::collections::HashMap;

use tract_onnx::pb::{GraphProto, NodeProto, TensorProto};

use super::ModelError;

/// Most elements of one value, for one batch: 80 MB.
const MOST_ELEMENTS: usize = 20_000_000;

/// Most elements of all values together.
const MOST_ELEMENTS_TOGETHER: usize = 200_000_000;

type Shape = Vec<usize>;

/// Infers all shapes for an input of `batch` × `features`; gives that of the output called `output`.
///
/// # Errors
/// [`ModelError::Refused`] where shapes or indices do not fit, or ask for too much memory.
pub(super) fn infer(
    graph: &GraphProto,
    batch: usize,
    features: usize,
    output: &str,
) -> Result<Shape, ModelError> {
    let mut values = Values::new(graph);
    for input in &graph.input {
        values.shapes.insert(&input.name, vec![batch, features]);
    }
    for node in &graph.node {
        let shape = values.of(node).ok_or_else(|| {
            let op: String = node.op_type.chars().take(20).collect();
            ModelError::Refused(format!("the inputs of a node {op} do not fit each other"))
        })?;
        values.add(node, shape)?;
    }
    let known = |name: &str| values.shapes.contains_key(name);
    if !graph.output.iter().all(|output| known(&output.name)) {
        return Err(ModelError::Refused("an output is not computed by any node".to_owned()));
    }
    let shape = values.shapes.get(output).cloned();
    shape.ok_or_else(|| ModelError::Refused(format!("it has no output called {output}")))
}

struct Values<'a> {
    shapes: HashMap<&'a str, Shape>,
    constants: HashMap<&'a str, &'a TensorProto>,
    /// For values that are indices: all are below this.
    below: HashMap<&'a str, usize>,
    elements: usize,
}

impl<'a> Values<'a> {
    fn new(graph: &'a GraphProto) -> Self {
        let constants: HashMap<&str, &TensorProto> =
            graph.initializer.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect();
        // Sizes were compared with the data before.
        let shape = |tensor: &TensorProto| tensor.dims.iter().map(|&dim| dim.max(0) as usize).collect();
        let shapes = graph.initializer.iter().map(|tensor| (tensor.name.as_str(), shape(tensor))).collect();
        Self { shapes, constants, below: HashMap::new(), elements: 0 }
    }

    fn add(&mut self, node: &'a NodeProto, shape: Shape) -> Result<(), ModelError> {
        let elements = shape.iter().try_fold(1_usize, |product, &dim| product.checked_mul(dim));
        let elements = elements.filter(|&elements| elements <= MOST_ELEMENTS);
        self.elements = self.elements.saturating_add(elements.unwrap_or(usize::MAX));
        if self.elements > MOST_ELEMENTS_TOGETHER {
            return Err(ModelError::Refused("it would take too much memory to run".to_owned()));
        }
        let [name] = node.output.as_slice() else {
            return Err(ModelError::Refused("a node has not exactly one output".to_owned()));
        };
        match self.shapes.insert(name, shape) {
            None => Ok(()),
            Some(_) => Err(ModelError::Refused("two values have one name".to_owned())),
        }
    }

    /// The shape of a node's output; `None` when its inputs do not fit.
    fn of(&mut self, node: &'a NodeProto) -> Option<Shape> {
        match node.op_type.as_str() {
            "Identity" | "Cast" | "Clip" | "Cos" | "IsNaN" | "Relu" | "Softmax" => {
                self.input(node, 0).cloned()
            }
            "Add" | "Mul" | "Sub" | "Greater" => broadcast(self.input(node, 0)?, self.input(node, 1)?),
            "Where" => {
                let branches = broadcast(self.input(node, 1)?, self.input(node, 2)?)?;
                broadcast(self.input(node, 0)?, &branches)
            }
            "Transpose" => Some(self.input(node, 0)?.iter().rev().copied().collect()),
            "MatMul" => match (self.input(node, 0)?.as_slice(), self.input(node, 1)?.as_slice()) {
                ([rows, inner], [other, columns]) if inner == other => Some(vec![*rows, *columns]),
                _ => None,
            },
            "Concat" => self.concat(node),
            "Gather" => self.gather(node),
            "Slice" => self.slice(node),
            "ArgMax" => self.arg_max(node),
            _ => None,
        }
    }

    fn input(&self, node: &NodeProto, at: usize) -> Option<&Shape> {
        self.shapes.get(node.input.get(at)?.as_str())
    }

    fn concat(&self, node: &NodeProto) -> Option<Shape> {
        let mut shape = self.input(node, 0)?.clone();
        let axis = axis(node, &shape)?;
        for at in 1..node.input.len() {
            let next = self.input(node, at)?;
            let fits = next.len() == shape.len()
                && next.iter().zip(&shape).enumerate().all(|(at, (a, b))| at == axis || a == b);
            if !fits {
                return None;
            }
            shape[axis] = shape[axis].checked_add(next[axis])?;
        }
        Some(shape)
    }

    fn gather(&self, node: &NodeProto) -> Option<Shape> {
        let data = self.input(node, 0)?;
        let axis = axis(node, data)?;
        let name = node.input.get(1)?.as_str();
        let inside = match (self.constants.get(name), self.below.get(name)) {
            (Some(tensor), _) => integers(tensor)?.into_iter().all(|i| (0..data[axis] as i64).contains(&i)),
            (None, Some(&below)) => below <= data[axis],
            (None, None) => false,
        };
        let mut shape = data[..axis].to_vec();
        shape.extend(self.input(node, 1)?);
        shape.extend(&data[axis + 1..]);
        inside.then_some(shape)
    }

    fn slice(&self, node: &NodeProto) -> Option<Shape> {
        let mut shape = self.input(node, 0)?.clone();
        let number = |at: usize| match integers(self.constants.get(node.input.get(at)?.as_str())?)?.as_slice()
        {
            [one] => usize::try_from(*one).ok(),
            _ => None,
        };
        let (from, to, axis) = (number(1)?, number(2)?, number(3)?);
        let fits = node.input.len() == 4 && from < to && to <= *shape.get(axis)?;
        shape[axis] = to.checked_sub(from)?;
        fits.then_some(shape)
    }

    fn arg_max(&mut self, node: &'a NodeProto) -> Option<Shape> {
        let mut shape = self.input(node, 0)?.clone();
        let axis = axis(node, &shape)?;
        let removed = shape.remove(axis);
        let dropped = node.attribute.iter().any(|attribute| attribute.name == "keepdims" && attribute.i == 0);
        self.below.insert(node.output.first()?, removed);
        (dropped && removed > 0).then_some(shape)
    }
}

fn axis(node: &NodeProto, shape: &[usize]) -> Option<usize> {
    let axis =
        node.attribute.iter().find(|attribute| attribute.name == "axis").map_or(0, |attribute| attribute.i);
    usize::try_from(axis).ok().filter(|&axis| axis < shape.len())
}

fn broadcast(a: &[usize], b: &[usize]) -> Option<Shape> {
    let rank = a.len().max(b.len());
    let dim = |shape: &[usize], at: usize| (at + shape.len()).checked_sub(rank).map_or(1, |at| shape[at]);
    (0..rank)
        .map(|at| match (dim(a, at), dim(b, at)) {
            (x, y) if x == y => Some(x),
            (1, x) | (x, 1) => Some(x),
            _ => None,
        })
        .collect()
}

/// The values of a tensor of 64-bit integers.
fn integers(tensor: &TensorProto) -> Option<Vec<i64>> {
    let whole = tensor.data_type == tract_onnx::pb::tensor_proto::DataType::Int64 as i32;
    let values = tensor.raw_data.chunks_exact(8).map(|bytes| {
        let mut eight = [0; 8];
        eight.copy_from_slice(bytes);
        i64::from_le_bytes(eight)
    });
    whole.then(|| values.collect())
}

#[cfg(test)]
mod tests {
    use prost::Message;
    use tract_onnx::pb::{AttributeProto, ModelProto};

    use super::super::Model;
    use super::*;

    const OURS: &[u8] = include_bytes!("../../models/ours/model.onnx");

    fn refusal(spoil: impl FnOnce(&mut GraphProto)) -> String {
        let mut proto = ModelProto::decode(OURS).expect("a model");
        spoil(proto.graph.as_mut().expect("a graph"));
        match Model::load(&proto.encode_to_vec()) {
            Err(ModelError::Refused(why)) => why,
            other => panic!("{other:?}"),
        }
    }

    fn beside_itself(input: String, output: String) -> NodeProto {
        let axis = AttributeProto { name: "axis".to_owned(), i: 1, r#type: 2, ..AttributeProto::default() };
        NodeProto {
            op_type: "Concat".to_owned(),
            input: vec![input.clone(), input],
            output: vec![output],
            attribute: vec![axis],
            ..NodeProto::default()
        }
    }

    #[test]
    fn our_own_model_fits() {
        assert!(Model::load(OURS).is_ok());
    }

    #[test]
    fn a_graph_that_doubles_a_tensor_again_and_again_is_refused() {
        let why = refusal(|graph| {
            let name = |at: usize| if at == 0 { "features".to_owned() } else { format!("double_{at}") };
            graph.node.splice(0..0, (0..40).map(|at| beside_itself(name(at), name(at + 1))));
        });
        assert!(why.contains("too much memory"), "{why}");
    }

    #[test]
    fn an_index_outside_of_its_tensor_is_refused() {
        let why = refusal(|graph| {
            let gather = graph.node.iter().find(|node| node.op_type == "Gather").expect("a gather").clone();
            let indices = graph.initializer.iter_mut().find(|tensor| tensor.name == gather.input[1]);
            let indices = indices.expect("constant indices");
            indices.raw_data[..8].copy_from_slice(&1_000_i64.to_le_bytes());
        });
        assert!(why.contains("Gather"), "{why}");
    }

    #[test]
    fn a_graph_without_nodes_is_refused() {
        let why = refusal(|graph| graph.node.clear());
        assert!(why.contains("not computed"), "{why}");
    }
}
