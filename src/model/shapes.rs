//! The shape of every value in a model's graph, before tract sees it.
//!
//! A few nodes can ask for any amount of memory (a tensor beside itself, beside
//! itself, …), and an index outside of a tensor makes a runtime panic. With the
//! batch's size known all shapes are, so both are found out here.

use std::collections::{HashMap, HashSet};

use tract_onnx::pb::{GraphProto, NodeProto, TensorProto};

use super::ModelError;

/// Most elements of one value, for one batch: 80 MB.
const MOST_ELEMENTS: usize = 20_000_000;

/// Most elements of all values together.
const MOST_ELEMENTS_TOGETHER: usize = 200_000_000;

/// Most elements of all values that are there at one time: 200 MB.
const MOST_ELEMENTS_AT_ONCE: usize = 50_000_000;

/// Most multiplications in all matrix products together: twice those of a model whose largest file is all
/// weights, each used once.
const MOST_PRODUCTS: usize = 4_000_000_000;

/// Most dimensions of a value that is given a new shape.
const MOST_DIMENSIONS: usize = 8;

const FLOAT: i32 = tract_onnx::pb::tensor_proto::DataType::Float as i32;

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
        values.begin(&input.name, vec![batch, features])?;
    }
    for (at, node) in graph.node.iter().enumerate() {
        values.bound(node);
        let shape = values.of(node).ok_or_else(|| {
            let op: String = node.op_type.chars().take(20).collect();
            ModelError::Refused(format!("the inputs of a node {op} do not fit each other"))
        })?;
        values.add(node, shape)?;
        values.end(node, at);
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
    /// For values that may become indices: none is below 0 or above this, or no number.
    most: HashMap<&'a str, f64>,
    /// Values that may be whole numbers, which some operators panic on.
    whole: HashSet<&'a str>,
    /// The last node that reads each value; none for what is an output.
    last_read: HashMap<&'a str, usize>,
    elements: usize,
    at_once: usize,
    products: usize,
}

impl<'a> Values<'a> {
    fn new(graph: &'a GraphProto) -> Self {
        let constants: HashMap<&str, &TensorProto> =
            graph.initializer.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect();
        // Sizes were compared with the data before.
        let shape = |tensor: &TensorProto| tensor.dims.iter().map(|&dim| dim.max(0) as usize).collect();
        let shapes = graph.initializer.iter().map(|tensor| (tensor.name.as_str(), shape(tensor))).collect();
        let mut last_read: HashMap<&str, usize> = HashMap::new();
        for (at, node) in graph.node.iter().enumerate() {
            last_read.extend(node.input.iter().map(|name| (name.as_str(), at)));
        }
        for output in &graph.output {
            last_read.remove(output.name.as_str());
        }
        let whole = constants.iter().filter(|(_, tensor)| tensor.data_type != FLOAT).map(|(name, _)| *name);
        let whole = whole.collect();
        Self {
            shapes,
            constants,
            most: HashMap::new(),
            whole,
            last_read,
            elements: 0,
            at_once: 0,
            products: 0,
        }
    }

    fn add(&mut self, node: &'a NodeProto, shape: Shape) -> Result<(), ModelError> {
        let [name] = node.output.as_slice() else {
            return Err(ModelError::Refused("a node has not exactly one output".to_owned()));
        };
        if self.is_whole(node) {
            if ["Div", "Pow"].contains(&node.op_type.as_str()) {
                return Err(ModelError::Refused("it divides whole numbers".to_owned()));
            }
            self.whole.insert(name);
        }
        if node.op_type == "MatMul" {
            let inner = self.input(node, 0).and_then(|shape| shape.last()).copied().unwrap_or(0);
            let products = elements(&shape).and_then(|elements| elements.checked_mul(inner));
            self.products = self.products.saturating_add(products.unwrap_or(usize::MAX));
        }
        if self.products > MOST_PRODUCTS {
            return Err(ModelError::Refused("it would take too much time to run".to_owned()));
        }
        self.begin(name, shape)
    }

    fn is_whole(&self, node: &NodeProto) -> bool {
        match node.op_type.as_str() {
            "ArgMax" => true,
            "Cast" => node.attribute.iter().any(|attribute| attribute.i != i64::from(FLOAT)),
            op => {
                // The others of these say where and not what.
                let values = match op {
                    "Reshape" | "Gather" | "Slice" | "ReduceSum" => node.input.get(..1),
                    "Where" => node.input.get(1..),
                    _ => Some(&*node.input),
                };
                values.into_iter().flatten().any(|name| self.whole.contains(name.as_str()))
            }
        }
    }

    /// A value is there from now on.
    fn begin(&mut self, name: &'a str, shape: Shape) -> Result<(), ModelError> {
        let elements = elements(&shape).unwrap_or(usize::MAX);
        self.elements = self.elements.saturating_add(elements);
        self.at_once = self.at_once.saturating_add(elements);
        let fits = elements <= MOST_ELEMENTS
            && self.elements <= MOST_ELEMENTS_TOGETHER
            && self.at_once <= MOST_ELEMENTS_AT_ONCE;
        if !fits {
            return Err(ModelError::Refused("it would take too much memory to run".to_owned()));
        }
        match self.shapes.insert(name, shape) {
            None => Ok(()),
            Some(_) => Err(ModelError::Refused("two values have one name".to_owned())),
        }
    }

    /// What nobody reads after a node is gone when it is done.
    fn end(&mut self, node: &NodeProto, at: usize) {
        let mut read: Vec<&str> = node.input.iter().map(String::as_str).collect();
        read.sort_unstable();
        read.dedup();
        for name in read {
            let gone = !self.constants.contains_key(name) && self.last_read.get(name) == Some(&at);
            if let Some(shape) = self.shapes.get(name).filter(|_| gone) {
                self.at_once = self.at_once.saturating_sub(elements(shape).unwrap_or(0));
            }
        }
    }

    /// The shape of a node's output; `None` when its inputs do not fit.
    fn of(&mut self, node: &'a NodeProto) -> Option<Shape> {
        match node.op_type.as_str() {
            "Identity" | "Cast" | "Clip" | "Cos" | "IsNaN" | "Relu" | "Abs" | "Erf" | "Exp" | "Floor"
            | "Log" | "Sigmoid" | "Sqrt" | "Tanh" => self.input(node, 0).cloned(),
            "Softmax" => {
                let shape = self.input(node, 0)?;
                axis(node, shape).map(|_| shape.clone())
            }
            "Add" | "Mul" | "Sub" | "Div" | "Pow" | "Max" | "Min" | "Greater" | "Equal" => {
                let both = broadcast(self.input(node, 0)?, self.input(node, 1)?);
                both.filter(|_| node.input.len() == 2)
            }
            "Where" => {
                let branches = broadcast(self.input(node, 1)?, self.input(node, 2)?)?;
                broadcast(self.input(node, 0)?, &branches)
            }
            "Transpose" => transpose(node, self.input(node, 0)?),
            "Reshape" => self.reshape(node),
            "ReduceSum" => {
                let axes = integers(self.constants.get(node.input.get(1)?.as_str())?)?;
                reduce(node, self.input(node, 0)?, &axes)
            }
            "ReduceMax" => reduce(node, self.input(node, 0)?, ints(node, "axes")?),
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

    /// Where all inputs of a node are bounded, so may be its output: leaves of trees are counted with
    /// these operators before they are looked up.
    fn bound(&mut self, node: &'a NodeProto) {
        let of = |at: usize| {
            let name = node.input.get(at)?.as_str();
            self.most.get(name).copied().or_else(|| most(self.constants.get(name)?))
        };
        let most = match node.op_type.as_str() {
            "Greater" | "Equal" | "IsNaN" => Some(1.0),
            "Cast" | "Gather" | "Identity" => of(0),
            "Add" => of(0).zip(of(1)).map(|(a, b)| a + b),
            "Mul" => of(0).zip(of(1)).map(|(a, b)| a * b),
            _ => None,
        };
        if let (Some(most), Some(name)) = (most.filter(|&most| most <= EXACT), node.output.first()) {
            self.most.insert(name, most);
        }
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
        let inside = match (self.constants.get(name), self.most.get(name)) {
            (Some(tensor), _) => integers(tensor)?.into_iter().all(|i| (0..data[axis] as i64).contains(&i)),
            (None, Some(&most)) => most < data[axis] as f64,
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

    /// A constant shape of sizes above 0, one of which may be -1: whatever is left.
    fn reshape(&self, node: &NodeProto) -> Option<Shape> {
        let elements = elements(self.input(node, 0)?)?;
        let target = integers(self.constants.get(node.input.get(1)?.as_str())?)?;
        let open = target.iter().filter(|&&size| size == -1).count();
        let fixed = target.iter().filter(|&&size| size != -1);
        let fixed = fixed.map(|&size| usize::try_from(size).ok().filter(|&size| size > 0));
        let fixed: Option<Shape> = fixed.collect();
        let known = self::elements(&fixed?)?;
        let left = elements.checked_div(known)?;
        let fits = left.checked_mul(known) == Some(elements) && elements > 0;
        let fits = fits && (open == 1 || (open == 0 && left == 1)) && target.len() <= MOST_DIMENSIONS;
        let shape = target.iter().map(|&size| usize::try_from(size).unwrap_or(left));
        (fits && node.attribute.is_empty()).then(|| shape.collect())
    }

    fn arg_max(&mut self, node: &'a NodeProto) -> Option<Shape> {
        let mut shape = self.input(node, 0)?.clone();
        let axis = axis(node, &shape)?;
        let removed = shape.remove(axis);
        let dropped = node.attribute.iter().any(|attribute| attribute.name == "keepdims" && attribute.i == 0);
        self.most.insert(node.output.first()?, removed.saturating_sub(1) as f64);
        (dropped && removed > 0).then_some(shape)
    }
}

/// Whole numbers up to here are exact in single precision.
const EXACT: f64 = 16_777_216.0;

/// The largest value of a tensor of floats of which none is below 0.
fn most(tensor: &TensorProto) -> Option<f64> {
    let float = tensor.data_type == tract_onnx::pb::tensor_proto::DataType::Float as i32;
    let mut values = tensor.raw_data.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
    let most = values.try_fold(0.0_f32, |most, value| (value >= 0.0).then_some(most.max(value)));
    most.filter(|_| float).map(f64::from)
}

fn axis(node: &NodeProto, shape: &[usize]) -> Option<usize> {
    let axis =
        node.attribute.iter().find(|attribute| attribute.name == "axis").map_or(0, |attribute| attribute.i);
    usize::try_from(axis).ok().filter(|&axis| axis < shape.len())
}

/// The list of integers that an attribute holds.
fn ints<'a>(node: &'a NodeProto, name: &str) -> Option<&'a [i64]> {
    node.attribute.iter().find(|attribute| attribute.name == name).map(|attribute| attribute.ints.as_slice())
}

fn elements(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1_usize, |product, &dim| product.checked_mul(dim))
}

/// The axes in another order: turned around when none is given.
fn transpose(node: &NodeProto, shape: &[usize]) -> Option<Shape> {
    let Some(order) = ints(node, "perm") else { return Some(shape.iter().rev().copied().collect()) };
    let mut sorted = order.to_vec();
    sorted.sort_unstable();
    let all_once = sorted.iter().copied().eq(0..shape.len() as i64);
    all_once.then(|| order.iter().map(|&axis| shape[axis as usize]).collect())
}

/// Axes put into one value each; they stay with size 1.
fn reduce(node: &NodeProto, shape: &[usize], axes: &[i64]) -> Option<Shape> {
    let kept = node.attribute.iter().all(|attribute| match attribute.name.as_str() {
        "keepdims" => attribute.i == 1,
        name => name == "axes",
    });
    let mut reduced = shape.to_vec();
    for &axis in axes {
        let size = reduced.get_mut(usize::try_from(axis).ok()?)?;
        if *size == 0 {
            return None;
        }
        *size = 1;
    }
    (kept && !axes.is_empty()).then_some(reduced)
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

    fn node(op: &str, inputs: &[&str], list: Option<(&str, &[i64])>) -> NodeProto {
        let attribute = list.map(|(name, ints)| AttributeProto {
            name: name.to_owned(),
            ints: ints.to_vec(),
            i: ints.first().copied().unwrap_or(0),
            r#type: 7,
            ..AttributeProto::default()
        });
        NodeProto {
            op_type: op.to_owned(),
            input: inputs.iter().map(|&input| input.to_owned()).collect(),
            output: vec!["more".to_owned()],
            attribute: attribute.into_iter().collect(),
            ..NodeProto::default()
        }
    }

    #[rstest::rstest]
    #[case::an_axis_twice(node("Transpose", &["features"], Some(("perm", &[0, 0]))), &[])]
    #[case::an_axis_too_few(node("Transpose", &["features"], Some(("perm", &[0]))), &[])]
    #[case::an_axis_outside(node("Transpose", &["features"], Some(("perm", &[1, 2]))), &[])]
    #[case::a_maximum_along_no_axis(node("ReduceMax", &["features"], None), &[])]
    #[case::a_maximum_outside(node("ReduceMax", &["features"], Some(("axes", &[2]))), &[])]
    #[case::a_maximum_from_behind(node("ReduceMax", &["features"], Some(("axes", &[-1]))), &[])]
    #[case::a_sum_outside(node("ReduceSum", &["features", "list"], None), &[7])]
    #[case::a_sum_along_what_is_computed(node("ReduceSum", &["features", "features"], None), &[])]
    #[case::a_sum_that_drops_its_axis(node("ReduceSum", &["features", "list"], Some(("keepdims", &[0]))), &[1])]
    #[case::two_open_sizes(node("Reshape", &["features", "list"], None), &[-1, -1])]
    #[case::a_size_of_nothing(node("Reshape", &["features", "list"], None), &[0, -1])]
    #[case::a_negative_size(node("Reshape", &["features", "list"], None), &[-2, -1])]
    #[case::a_size_that_does_not_fit(node("Reshape", &["features", "list"], None), &[256, 30])]
    #[case::sizes_that_overflow(node("Reshape", &["features", "list"], None), &[i64::MAX, i64::MAX, 2])]
    #[case::too_many_dimensions(node("Reshape", &["features", "list"], None), &[1, 1, 1, 1, 1, 1, 1, 1, -1])]
    #[case::shares_along_an_axis_outside(node("Softmax", &["features"], Some(("axis", &[2]))), &[])]
    #[case::three_of_two(node("Max", &["features", "features", "features"], None), &[])]
    #[case::one_of_two(node("Div", &["features"], None), &[])]
    fn a_node_whose_inputs_do_not_fit_is_refused(#[case] node: NodeProto, #[case] list: &[i64]) {
        let op = node.op_type.clone();
        let why = refusal(|graph| {
            graph.initializer.push(TensorProto {
                name: "list".to_owned(),
                dims: vec![list.len() as i64],
                data_type: tract_onnx::pb::tensor_proto::DataType::Int64 as i32,
                raw_data: list.iter().flat_map(|number| number.to_le_bytes()).collect(),
                ..TensorProto::default()
            });
            graph.node.insert(0, node);
        });
        assert!(why.contains(&format!("a node {op} do not fit")), "{why}");
    }
}
