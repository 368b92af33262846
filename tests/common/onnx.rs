//! Parts of ONNX files, for models that no tool would write.

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};
use tract_onnx::pb::{
    AttributeProto, GraphProto, NodeProto, TensorProto, TensorShapeProto, TypeProto, ValueInfoProto,
    type_proto,
};

/// A node with one output.
pub fn op(op: &str, inputs: &[&str], output: &str) -> NodeProto {
    let input = inputs.iter().map(|&name| name.to_owned()).collect();
    NodeProto { op_type: op.to_owned(), input, output: vec![output.to_owned()], ..NodeProto::default() }
}

/// A node with an attribute: one integer, or a list of them.
pub fn with(mut node: NodeProto, name: &str, ints: &[i64]) -> NodeProto {
    let is_one = ["axis", "to", "keepdims"].contains(&name);
    node.attribute.push(AttributeProto {
        name: name.to_owned(),
        r#type: if is_one { 2 } else { 7 },
        ints: if is_one { Vec::new() } else { ints.to_vec() },
        i: ints.first().copied().unwrap_or(0),
        ..AttributeProto::default()
    });
    node
}

/// A node with an attribute that is one number.
pub fn with_float(mut node: NodeProto, name: &str, f: f32) -> NodeProto {
    node.attribute.push(AttributeProto { name: name.to_owned(), r#type: 1, f, ..AttributeProto::default() });
    node
}

pub fn floats(name: &str, dims: &[usize], values: &[f32]) -> TensorProto {
    let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    tensor(name, dims, DataType::Float, bytes)
}

/// A list of 64-bit integers.
pub fn integers(name: &str, values: &[i64]) -> TensorProto {
    let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    tensor(name, &[values.len()], DataType::Int64, bytes)
}

pub fn tensor(name: &str, dims: &[usize], kind: DataType, bytes: Vec<u8>) -> TensorProto {
    TensorProto {
        name: name.to_owned(),
        dims: dims.iter().map(|&dim| dim as i64).collect(),
        data_type: kind as i32,
        raw_data: bytes,
        ..TensorProto::default()
    }
}

/// An input or output of floats, of any number of rows and some columns.
pub fn port(name: &str, columns: usize) -> ValueInfoProto {
    port_of(name, DataType::Float, &[None, Some(columns as i64)])
}

/// An input or output of this type and these sizes.
pub fn port_of(name: &str, kind: DataType, sizes: &[Option<i64>]) -> ValueInfoProto {
    let dim = |size: &Option<i64>| Dimension {
        value: size.map(dimension::Value::DimValue),
        ..Dimension::default()
    };
    let shape = Some(TensorShapeProto { dim: sizes.iter().map(dim).collect() });
    let tensor = type_proto::Tensor { elem_type: kind as i32, shape };
    let kind = TypeProto { value: Some(type_proto::Value::TensorType(tensor)), ..TypeProto::default() };
    ValueInfoProto { name: name.to_owned(), r#type: Some(kind), ..ValueInfoProto::default() }
}

/// A graph from `input` to `output`, both of any number of rows and two columns.
pub fn graph(input: &str, output: &str, node: Vec<NodeProto>, initializer: Vec<TensorProto>) -> GraphProto {
    let (input, output) = (vec![port(input, 2)], vec![port(output, 2)]);
    GraphProto { name: "g".to_owned(), node, initializer, input, output, ..GraphProto::default() }
}
