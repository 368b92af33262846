//! The state of a translation: the values of the other tool's graph so far, and the graph under construction.
//!
//! Owns the inputs of the graph, the look-up of values by name, and the limit on what is calculated while translating.
//! Must not know single operators, nor the order of nodes.

use std::collections::HashMap;
use std::rc::Rc;

use tract_onnx::pb::tensor_shape_proto::dimension;
use tract_onnx::pb::{GraphProto, TensorProto, ValueInfoProto, type_proto};

use super::builder::Builder;
use super::error::{Result, refused};
use super::node;
use super::node::Node;
use super::value::{Computed, Data, Dim, MAX_DIMENSIONS, Value};
use crate::model::to_onnx::INPUT;

/// The maximum number of numbers that are read or calculated about shapes and positions: each takes several times its
/// bytes in the file.
const MAX_FOLDED: usize = 1 << 19;

/// A translation in progress.
pub(crate) struct Translator<'a> {
    pub builder: Builder,
    values: HashMap<&'a str, Value>,
    /// Constants of the file that no node has read yet.
    initializers: HashMap<&'a str, &'a TensorProto>,
    input: Computed,
    zeros: Option<Computed>,
    folded: usize,
}

impl<'a> Translator<'a> {
    pub(crate) fn new(graph: &'a GraphProto, width: usize, missing: Option<f32>) -> Result<Self> {
        let mut builder = Builder::new();
        let name = builder.graph.input(INPUT, width);
        let rows = Dim { size: 1, batch: true };
        let raw = Computed { may_be_missing: true, ..Computed::new(name, vec![rows, Dim::fixed(width)]) };
        let input = match missing {
            None => raw,
            Some(number) => {
                let flag = builder.is_missing(&raw)?;
                let number = builder.scalar(number)?;
                builder.choose(&flag, &number, &raw)?
            }
        };
        let initializers: HashMap<&str, &TensorProto> =
            graph.initializer.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect();
        let mut translator =
            Self { builder, values: HashMap::new(), initializers, input, zeros: None, folded: 0 };
        translator.inputs(graph, width)?;
        Ok(translator)
    }

    /// Assigns the columns of the input to the graph's inputs, in their order.
    fn inputs(&mut self, graph: &'a GraphProto, width: usize) -> Result<()> {
        let inputs: Vec<&ValueInfoProto> =
            graph.input.iter().filter(|input| !self.initializers.contains_key(input.name.as_str())).collect();
        let mismatch = || refused(format!("its inputs have not the {width} columns that model.json names"));
        let mut from = 0;
        for input in &inputs {
            let single = inputs.len() == 1;
            let columns = match columns_of(input)? {
                Some(columns) if !single || columns == width => columns,
                Some(columns) => {
                    return refused(format!(
                        "its input has {columns} columns, but model.json names {width} features"
                    ));
                }
                None if single => width,
                None => return refused("one of its inputs has an unknown number of columns"),
            };
            let to = from + columns;
            if to > width || columns == 0 {
                return mismatch();
            }
            let positions: Vec<usize> = (from..to).collect();
            let value = self.builder.take(&self.input.clone(), 1, &positions)?;
            if self.values.insert(&input.name, Value::Computed(value)).is_some() {
                return refused("two inputs have one name");
            }
            from = to;
        }
        if from == width { Ok(()) } else { mismatch() }
    }

    /// A value by its name.
    pub(crate) fn named(&mut self, name: &str) -> Result<Value> {
        if let Some(value) = self.values.get(name) {
            return Ok(value.clone());
        }
        let Some((&name, &proto)) = self.initializers.get_key_value(name) else {
            return refused("it reads a value that is not defined before it, or a class label");
        };
        let value = self.known(proto)?;
        self.values.insert(name, value.clone());
        Ok(value)
    }

    /// A constant of the file as a value.
    pub(crate) fn known(&mut self, proto: &TensorProto) -> Result<Value> {
        let tensor = node::tensor(proto)?;
        if matches!(tensor.data, Data::Integers(_)) {
            self.fold(tensor.len())?;
        }
        Ok(Value::Known(Rc::new(tensor)))
    }

    /// An input of a node.
    pub(crate) fn value(&self, node: Node, at: usize) -> Result<Value> {
        let Some(name) = node.proto.input.get(at).filter(|name| !name.is_empty()) else {
            return refused("one of its inputs is absent");
        };
        match self.values.get(name.as_str()) {
            Some(value) => Ok(value.clone()),
            None => refused("it reads a value that is not defined before it, or a class label"),
        }
    }

    /// An input of a node as a value of the translated graph.
    pub(crate) fn computed(&mut self, node: Node, at: usize) -> Result<Computed> {
        let value = self.value(node, at)?;
        self.builder.computed(&value)
    }

    /// A list of constant integers: an input of a node in new operator sets, an attribute in old ones.
    pub(crate) fn integers(&self, node: Node, at: usize, attribute: &str) -> Result<Vec<i64>> {
        if !node.has_input(at) {
            return Ok(node.ints(attribute).to_vec());
        }
        match self.value(node, at)? {
            Value::Known(tensor) => tensor.integers(),
            Value::Computed(_) => refused("a position or an axis is computed"),
        }
    }

    /// Counts numbers that are calculated now and not by the translated graph.
    pub(crate) fn fold(&mut self, numbers: usize) -> Result<()> {
        self.folded = self.folded.saturating_add(numbers);
        if self.folded > MAX_FOLDED { refused("it calculates too much about shapes") } else { Ok(()) }
    }

    /// A zero for each sample: rows × 1.
    pub(crate) fn zeros(&mut self) -> Result<Computed> {
        if let Some(zeros) = &self.zeros {
            return Ok(zeros.clone());
        }
        let first = self.builder.take(&self.input.clone(), 1, &[0])?;
        let missing = self.builder.is_missing(&first)?;
        let zeros = self.builder.with_number("Mul", &missing, 0.0)?;
        self.zeros = Some(zeros.clone());
        Ok(zeros)
    }

    /// Adds an output of a node.
    pub(crate) fn define(&mut self, name: &'a str, value: Value) -> Result<()> {
        let shape = value.shape();
        if shape.len() > MAX_DIMENSIONS || shape.iter().filter(|dim| dim.batch).count() > 1 {
            return refused("it mixes samples, or makes too many dimensions");
        }
        match self.values.insert(name, value) {
            None => Ok(()),
            Some(_) => refused("two values have one name"),
        }
    }
}

/// The number of columns of an input; `None` when the file does not declare it.
fn columns_of(input: &ValueInfoProto) -> Result<Option<usize>> {
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
