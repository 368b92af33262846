//! Goes through a foreign graph, node by node, and writes what it computes in plain operators.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use tract_onnx::pb::tensor_shape_proto::dimension;
use tract_onnx::pb::{GraphProto, ModelProto, TensorProto, ValueInfoProto, type_proto};

use super::builder::{Emit, plain};
use super::node;
use super::node::Node;
use super::value::{Computed, Data, Dim, Value};
use super::{Done, MAX_DIMENSIONS, ml_ops, movement, operator, refused};
use crate::model::to_onnx::INPUT;

/// Most numbers that are read or calculated about shapes and positions: each takes several times its bytes in the
/// file.
const MAX_FOLDED: usize = 1 << 19;

/// A translation under way.
pub(crate) struct Translator<'a> {
    pub emit: Emit,
    values: HashMap<&'a str, Value>,
    /// Constants of the file that nobody has asked for yet.
    initializers: HashMap<&'a str, &'a TensorProto>,
    input: Computed,
    zeros: Option<Computed>,
    folded: usize,
}

/// Translates what the output called `output` is computed from. Missing cells are NaN, or `missing`.
pub(crate) fn translate<'a>(
    proto: &'a ModelProto,
    graph: &'a GraphProto,
    output: &str,
    width: usize,
    missing: Option<f32>,
) -> Done<(Translator<'a>, Computed)> {
    let mut t = Translator::new(graph, width, missing)?;
    let needed = needed(graph, output)?;
    let version = |domain: &str| {
        let set = proto.opset_import.iter().find(|set| plain_domain(&set.domain) == domain);
        set.map_or(1, |set| set.version)
    };
    let versions = HashMap::from([("", version("")), ("ai.onnx.ml", version("ai.onnx.ml"))]);
    for (at, proto) in graph.node.iter().enumerate() {
        if !needed.contains(&at) {
            continue;
        }
        let version = versions.get(plain_domain(&proto.domain)).copied().unwrap_or(1);
        t.node(Node { proto, version }).map_err(|error| operator(proto, error))?;
    }
    let answer = match t.named(output)? {
        Value::Computed(value) => value,
        Value::Known(_) => return refused(format!("its output {output} is a constant")),
    };
    Ok((t, answer))
}

fn plain_domain(domain: &str) -> &str {
    if domain == "ai.onnx" { "" } else { domain }
}

/// The nodes that an output is computed from.
fn needed(graph: &GraphProto, output: &str) -> Done<HashSet<usize>> {
    let mut made_by: HashMap<&str, usize> = HashMap::new();
    for (at, node) in graph.node.iter().enumerate() {
        for name in node.output.iter().filter(|name| !name.is_empty()) {
            if made_by.insert(name, at).is_some() {
                return refused("two values have one name");
            }
        }
    }
    let mut needed = HashSet::new();
    let mut open: Vec<usize> = made_by.get(output).copied().into_iter().collect();
    while let Some(at) = open.pop() {
        if needed.insert(at) {
            open.extend(graph.node[at].input.iter().filter_map(|name| made_by.get(name.as_str())));
        }
    }
    Ok(needed)
}

impl<'a> Translator<'a> {
    fn new(graph: &'a GraphProto, width: usize, missing: Option<f32>) -> Done<Self> {
        let mut emit = Emit::new();
        let name = emit.graph.input(INPUT, width);
        let rows = Dim { size: 1, batch: true };
        let raw = Computed { may_miss: true, ..plain(name, vec![rows, Dim::fixed(width)]) };
        let input = match missing {
            None => raw,
            Some(number) => {
                let flag = emit.is_missing(&raw)?;
                let number = emit.scalar(number)?;
                emit.choose(&flag, &number, &raw)?
            }
        };
        let initializers: HashMap<&str, &TensorProto> =
            graph.initializer.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect();
        let mut t = Self { emit, values: HashMap::new(), initializers, input, zeros: None, folded: 0 };
        t.inputs(graph, width)?;
        Ok(t)
    }

    /// The columns of the input are given to the graph's inputs, in their order.
    fn inputs(&mut self, graph: &'a GraphProto, width: usize) -> Done<()> {
        let inputs: Vec<&ValueInfoProto> =
            graph.input.iter().filter(|input| !self.initializers.contains_key(input.name.as_str())).collect();
        let mut from = 0;
        for input in &inputs {
            let alone = inputs.len() == 1;
            let columns = match columns_of(input)? {
                Some(columns) if !alone || columns == width => columns,
                Some(columns) => {
                    return refused(format!(
                        "its input has {columns} columns, but model.json names {width} features"
                    ));
                }
                None if alone => width,
                None => return refused("one of its inputs has an unknown number of columns"),
            };
            let to = from + columns;
            if to > width || columns == 0 {
                return refused(format!(
                    "its inputs have other columns than the {width} that model.json names"
                ));
            }
            let places: Vec<usize> = (from..to).collect();
            let value = self.emit.take(&self.input.clone(), 1, &places)?;
            if self.values.insert(&input.name, Value::Computed(value)).is_some() {
                return refused("two inputs have one name");
            }
            from = to;
        }
        if from == width {
            Ok(())
        } else {
            refused(format!("its inputs have other columns than the {width} that model.json names"))
        }
    }

    /// A value by its name.
    fn named(&mut self, name: &str) -> Done<Value> {
        if let Some(value) = self.values.get(name) {
            return Ok(value.clone());
        }
        let Some((&name, &proto)) = self.initializers.get_key_value(name) else {
            return refused("it reads a value that is not there before it, or a class label");
        };
        let value = self.known(proto)?;
        self.values.insert(name, value.clone());
        Ok(value)
    }

    /// A constant of the file as a value.
    pub(crate) fn known(&mut self, proto: &TensorProto) -> Done<Value> {
        let tensor = node::tensor(proto)?;
        if matches!(tensor.data, Data::Whole(_)) {
            self.fold(tensor.len())?;
        }
        Ok(Value::Known(Rc::new(tensor)))
    }

    /// An input of a node.
    pub(crate) fn value(&self, node: Node, at: usize) -> Done<Value> {
        let Some(name) = node.proto.input.get(at).filter(|name| !name.is_empty()) else {
            return refused("one of its inputs is absent");
        };
        match self.values.get(name.as_str()) {
            Some(value) => Ok(value.clone()),
            None => refused("it reads a value that is not there before it, or a class label"),
        }
    }

    /// An input of a node as a value of the translated graph.
    pub(crate) fn computed(&mut self, node: Node, at: usize) -> Done<Computed> {
        let value = self.value(node, at)?;
        self.emit.computed(&value)
    }

    /// An input of a node that is constant whole numbers.
    pub(crate) fn integers(&self, node: Node, at: usize) -> Done<Vec<i64>> {
        match self.value(node, at)? {
            Value::Known(tensor) => tensor.integers(),
            Value::Computed(_) => refused("a position or an axis is computed"),
        }
    }

    /// Counts what is calculated here and not by the translated graph.
    pub(crate) fn fold(&mut self, numbers: usize) -> Done<()> {
        self.folded = self.folded.saturating_add(numbers);
        if self.folded > MAX_FOLDED { refused("it calculates too much about shapes") } else { Ok(()) }
    }

    /// A zero for each sample: rows × 1.
    pub(crate) fn zeros(&mut self) -> Done<Computed> {
        if let Some(zeros) = &self.zeros {
            return Ok(zeros.clone());
        }
        let first = self.emit.take(&self.input.clone(), 1, &[0])?;
        let missing = self.emit.is_missing(&first)?;
        let zeros = self.emit.with_number("Mul", &missing, 0.0)?;
        self.zeros = Some(zeros.clone());
        Ok(zeros)
    }

    fn node(&mut self, node: Node<'a>) -> Done<()> {
        for name in node.proto.input.iter().filter(|name| !name.is_empty()) {
            self.named(name)?;
        }
        let domain = plain_domain(&node.proto.domain);
        let done = match domain {
            "" => match movement::translate(self, node)? {
                Some(values) => Some(values.into_iter().map(Some).collect()),
                None => match super::reduce::translate(self, node)? {
                    Some(value) => Some(vec![Some(Value::Computed(value))]),
                    None => super::elementwise::translate(self, node)?
                        .map(|value| vec![Some(Value::Computed(value))]),
                },
            },
            "ai.onnx.ml" => ml_ops::translate(self, node)?,
            _ => None,
        };
        let Some(values) = done else { return refused("it is not understood") };
        for (name, value) in node.proto.output.iter().zip(values) {
            let Some(value) = value.filter(|_| !name.is_empty()) else { continue };
            let shape = value.shape();
            if shape.len() > MAX_DIMENSIONS || shape.iter().filter(|dim| dim.batch).count() > 1 {
                return refused("it mixes samples, or makes too many dimensions");
            }
            if self.values.insert(name, value).is_some() {
                return refused("two values have one name");
            }
        }
        Ok(())
    }
}

/// How many columns an input says it has.
fn columns_of(input: &ValueInfoProto) -> Done<Option<usize>> {
    let tensor = input.r#type.as_ref().and_then(|kind| kind.value.as_ref());
    let Some(type_proto::Value::TensorType(tensor)) = tensor else { return Ok(None) };
    let Some(shape) = &tensor.shape else { return Ok(None) };
    match shape.dim.as_slice() {
        [] => Ok(None),
        [_, columns] => match columns.value {
            Some(dimension::Value::DimValue(columns)) if columns > 0 => Ok(usize::try_from(columns).ok()),
            _ => Ok(None),
        },
        _ => refused("its input is not of rows and columns"),
    }
}
