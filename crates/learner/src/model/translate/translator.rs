//! The state of a translation: the values of the other tool's graph so far, and the graph under construction.
//!
//! Owns the inputs of the graph, the look-up of values by name, and the limit on what is calculated while translating.
//! Must not know single operators, nor the order of nodes.

use std::collections::HashMap;
use std::rc::Rc;

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::dimension;
use tract_onnx::pb::{GraphProto, TensorProto, ValueInfoProto, type_proto};

use super::builder::Builder;
use super::error::{Result, refused};
use super::node;
use super::node::Node;
use super::value::{Computed, Data, Dim, MAX_DIMENSIONS, Value};
use crate::model::to_onnx::INPUT;
use crate::text::Untrusted;

/// Longer names are cut in messages.
const MAX_NAME_CHARS: usize = 80;

/// The maximum number of numbers that are read or calculated about shapes and positions: each takes several times its
/// bytes in the file.
const MAX_FOLDED: usize = 1 << 19;

/// The refusal of a value that is missing.
const READS_A_LABEL: &str = "it reads classes that other classifiers predict, as OneVsOneClassifier and voting=\"hard\" \
    do, which give no probabilities (use OneVsRestClassifier or voting=\"soft\"), or a value that is not defined before it";

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
        let names = || inputs.iter().take(4).map(|input| Untrusted(&input.name).quoted(MAX_NAME_CHARS));
        let mismatch = || {
            refused(format!(
                "its {} inputs ({}…) have not the {width} columns that model.json names together",
                inputs.len(),
                names().collect::<Vec<_>>().join(", ")
            ))
        };
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
                None => {
                    let name = Untrusted(&input.name).quoted(MAX_NAME_CHARS);
                    return refused(format!("its input {name} has an unknown number of columns"));
                }
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
            return refused(READS_A_LABEL);
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
            None => refused(READS_A_LABEL),
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

/// The declared shape of an input or output.
fn tensor_type(value: &ValueInfoProto) -> Option<&type_proto::Tensor> {
    let type_proto::Value::TensorType(tensor) = value.r#type.as_ref()?.value.as_ref()?;
    Some(tensor)
}

/// The declared type of the elements of an input or output.
pub(crate) fn element_type(value: &ValueInfoProto) -> Option<i32> {
    tensor_type(value).map(|tensor| tensor.elem_type)
}

/// The declared dimensions of an input or output; `None` for one whose size is not fixed.
pub(crate) fn sizes(value: &ValueInfoProto) -> Option<Vec<Option<usize>>> {
    let size = |dim: &tract_onnx::pb::tensor_shape_proto::Dimension| match dim.value {
        Some(dimension::Value::DimValue(size)) if size > 0 => usize::try_from(size).ok(),
        _ => None,
    };
    Some(tensor_type(value)?.shape.as_ref()?.dim.iter().map(size).collect())
}

/// The declared number of rows, if it is fixed.
pub(crate) fn first_size(value: &ValueInfoProto) -> Option<usize> {
    sizes(value)?.first().copied().flatten()
}

/// The number of columns of an input; `None` when the file does not declare it.
pub(crate) fn columns_of(input: &ValueInfoProto) -> Result<Option<usize>> {
    if element_type(input) == Some(DataType::String as i32) {
        return refused(format!(
            "its input {} is of text, but indicators are numbers",
            Untrusted(&input.name).quoted(MAX_NAME_CHARS)
        ));
    }
    match sizes(input).as_deref() {
        None | Some([]) => Ok(None),
        Some([_, columns]) => Ok(*columns),
        Some(_) => refused(format!(
            "its input {} is not of rows and columns",
            Untrusted(&input.name).quoted(MAX_NAME_CHARS)
        )),
    }
}
