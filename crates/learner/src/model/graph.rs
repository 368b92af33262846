//! Builds an ONNX graph node by node.
//!
//! Owns the names of values and nodes. Must not know what a graph computes, nor check that shapes fit.

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};
use tract_onnx::pb::{
    AttributeProto, GraphProto, NodeProto, TensorProto, TensorShapeProto, TypeProto, ValueInfoProto,
    attribute_proto::AttributeType, type_proto,
};

use super::tree_ensemble::{self, TreeEnsemble};

/// The name of a value in the graph.
pub(super) type ValueName = String;

/// A graph under construction. Every value gets its own name.
#[derive(Debug, Default)]
pub(super) struct Graph {
    proto: GraphProto,
    values: usize,
}

impl Graph {
    pub(super) fn new(name: &str) -> Self {
        Self { proto: GraphProto { name: name.to_owned(), ..GraphProto::default() }, values: 0 }
    }

    /// An input of rows × `columns` floats.
    pub(super) fn input(&mut self, name: &str, columns: usize) -> ValueName {
        self.proto.input.push(value_info(name, DataType::Float, Some(columns)));
        name.to_owned()
    }

    /// An output: rows × `columns`, or one value per row.
    pub(super) fn output(&mut self, name: &str, value: &ValueName, kind: DataType, columns: Option<usize>) {
        self.node_into("Identity", &[value], Vec::new(), name.to_owned());
        self.proto.output.push(value_info(name, kind, columns));
    }

    /// A constant of floats.
    pub(super) fn floats(&mut self, dims: &[usize], values: &[f32]) -> ValueName {
        debug_assert_eq!(dims.iter().product::<usize>(), values.len());
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(dims, DataType::Float, bytes)
    }

    /// A constant of integers.
    pub(super) fn integers(&mut self, values: impl IntoIterator<Item = i64>) -> ValueName {
        let bytes: Vec<u8> = values.into_iter().flat_map(i64::to_le_bytes).collect();
        self.constant(&[bytes.len() / size_of::<i64>()], DataType::Int64, bytes)
    }

    /// A constant of indices.
    pub(super) fn indices(&mut self, values: impl IntoIterator<Item = usize>) -> ValueName {
        self.integers(values.into_iter().map(|value| value as i64))
    }

    /// A single float.
    pub(super) fn scalar(&mut self, value: f32) -> ValueName {
        self.constant(&[], DataType::Float, value.to_le_bytes().to_vec())
    }

    /// The result of an operator.
    pub(super) fn op(&mut self, op: &str, inputs: &[&ValueName]) -> ValueName {
        self.op_with(op, inputs, &[])
    }

    /// The result of an operator with integer attributes.
    pub(super) fn op_with(
        &mut self,
        op: &str,
        inputs: &[&ValueName],
        attributes: &[(&str, i64)],
    ) -> ValueName {
        let integer = |&(name, i): &(&str, i64)| AttributeProto { i, ..attribute(name, AttributeType::Int) };
        self.node(op, inputs, attributes.iter().map(integer).collect())
    }

    /// The result of an operator with an attribute that is a list of integers.
    pub(super) fn op_with_list(
        &mut self,
        op: &str,
        inputs: &[&ValueName],
        name: &str,
        ints: &[i64],
    ) -> ValueName {
        let list = AttributeProto { ints: ints.to_vec(), ..attribute(name, AttributeType::Ints) };
        self.node(op, inputs, vec![list])
    }

    /// The scores of an ensemble of trees for rows × columns.
    pub(super) fn trees(&mut self, input: &ValueName, ensemble: &TreeEnsemble) -> ValueName {
        let output = self.node(tree_ensemble::OPERATOR, &[input], ensemble.attributes());
        if let Some(node) = self.proto.node.last_mut() {
            tree_ensemble::DOMAIN.clone_into(&mut node.domain);
        }
        output
    }

    /// Some columns of a rows × columns value.
    pub(super) fn columns(&mut self, from: &ValueName, which: impl IntoIterator<Item = usize>) -> ValueName {
        let which = self.indices(which);
        self.op_with("Gather", &[from, &which], &[("axis", 1)])
    }

    /// A zero for every row of an input: zero times a flag of its first column, because a missing value times zero
    /// is NaN.
    pub(super) fn zeros(&mut self, input: &ValueName) -> ValueName {
        let first = self.columns(input, [0]);
        let missing = self.op("IsNaN", &[&first]);
        let numbers = self.op_with("Cast", &[&missing], &[("to", DataType::Float as i64)]);
        let none = self.scalar(0.0);
        self.op("Mul", &[&numbers, &none])
    }

    /// Values concatenated along the columns.
    pub(super) fn concat_columns(&mut self, values: &[ValueName]) -> ValueName {
        match values {
            [only] => only.clone(),
            _ => self.op_with("Concat", &values.iter().collect::<Vec<_>>(), &[("axis", 1)]),
        }
    }

    pub(super) fn finish(self) -> GraphProto {
        self.proto
    }

    fn new_name(&mut self, prefix: &str) -> ValueName {
        self.values += 1;
        format!("{}_{}", prefix.to_lowercase(), self.values)
    }

    fn constant(&mut self, dims: &[usize], kind: DataType, raw_data: Vec<u8>) -> ValueName {
        let name = self.new_name("constant");
        self.proto.initializer.push(TensorProto {
            name: name.clone(),
            dims: dims.iter().map(|&dim| dim as i64).collect(),
            data_type: kind as i32,
            raw_data,
            ..TensorProto::default()
        });
        name
    }

    fn node(&mut self, op: &str, inputs: &[&ValueName], attributes: Vec<AttributeProto>) -> ValueName {
        let output = self.new_name(op);
        self.node_into(op, inputs, attributes, output.clone());
        output
    }

    fn node_into(
        &mut self,
        op: &str,
        inputs: &[&ValueName],
        attribute: Vec<AttributeProto>,
        output: ValueName,
    ) {
        self.proto.node.push(NodeProto {
            name: format!("node_{output}"),
            op_type: op.to_owned(),
            input: inputs.iter().map(|&input| input.clone()).collect(),
            output: vec![output],
            attribute,
            ..NodeProto::default()
        });
    }
}

fn attribute(name: &str, kind: AttributeType) -> AttributeProto {
    AttributeProto { name: name.to_owned(), r#type: kind as i32, ..AttributeProto::default() }
}

fn value_info(name: &str, kind: DataType, columns: Option<usize>) -> ValueInfoProto {
    let dim = |value| Dimension { value: Some(value), ..Dimension::default() };
    let mut dims = vec![dim(dimension::Value::DimParam("N".to_owned()))];
    dims.extend(columns.map(|columns| dim(dimension::Value::DimValue(columns as i64))));
    let tensor = type_proto::Tensor { elem_type: kind as i32, shape: Some(TensorShapeProto { dim: dims }) };
    let r#type = TypeProto { value: Some(type_proto::Value::TensorType(tensor)), ..TypeProto::default() };
    ValueInfoProto { name: name.to_owned(), r#type: Some(r#type), ..ValueInfoProto::default() }
}
