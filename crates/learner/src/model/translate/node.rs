//! Reads the attributes of nodes and constant tensors.
//!
//! Owns the checks of their types and sizes: a file may hold anything. Must not know operators.

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{AttributeProto, NodeProto, TensorProto};

use super::error::{Result, refused};
use super::value::{Data, Integer, MAX_DIMENSIONS, Tensor};
use crate::model::operators::shapes;

/// The maximum number of elements of a constant of integers: shapes, axes, indices.
const MAX_INTEGERS: usize = 1 << 18;

/// The refusal of weights that were rounded to about three digits.
pub(crate) const HALF_PRECISION: &str = "it has half precision (float16), with which probabilities differ from the \
    library's by up to a thousandth; export the model in single precision (float32)";

/// A node with its attributes by name.
#[derive(Clone, Copy)]
pub(crate) struct Node<'a> {
    pub proto: &'a NodeProto,
    /// The version of the operator set that it belongs to.
    pub version: i64,
}

impl<'a> Node<'a> {
    fn attribute(self, name: &str) -> Option<&'a AttributeProto> {
        self.proto.attribute.iter().find(|attribute| attribute.name == name)
    }

    pub(crate) fn has(self, name: &str) -> bool {
        self.attribute(name).is_some()
    }

    pub(crate) fn int(self, name: &str, default: i64) -> i64 {
        self.attribute(name).map_or(default, |attribute| attribute.i)
    }

    pub(crate) fn float(self, name: &str, default: f32) -> Result<f32> {
        let value = self.attribute(name).map_or(default, |attribute| attribute.f);
        if value.is_finite() { Ok(value) } else { refused(format!("its attribute {name} is not finite")) }
    }

    /// A number, possibly NaN or infinite.
    pub(crate) fn number(self, name: &str, default: f32) -> f32 {
        self.attribute(name).map_or(default, |attribute| attribute.f)
    }

    pub(crate) fn ints(self, name: &str) -> &'a [i64] {
        self.attribute(name).map_or(&[], |attribute| &attribute.ints)
    }

    pub(crate) fn floats(self, name: &str) -> Result<&'a [f32]> {
        let values = self.any_floats(name);
        let finite = values.iter().all(|value| value.is_finite());
        if finite {
            Ok(values)
        } else {
            refused(format!("its attribute {name} holds a number that is not finite"))
        }
    }

    /// Numbers, possibly NaN or infinite.
    pub(crate) fn any_floats(self, name: &str) -> &'a [f32] {
        self.attribute(name).map_or(&[], |attribute| &attribute.floats)
    }

    pub(crate) fn strings(self, name: &str) -> &'a [Vec<u8>] {
        self.attribute(name).map_or(&[], |attribute| &attribute.strings)
    }

    pub(crate) fn text(self, name: &str) -> &'a str {
        self.attribute(name).and_then(|attribute| std::str::from_utf8(&attribute.s).ok()).unwrap_or_default()
    }

    pub(crate) fn tensor(self, name: &str) -> Option<&'a TensorProto> {
        self.attribute(name)?.t.as_ref()
    }

    /// The number of inputs; omitted ones have empty names.
    pub(crate) fn inputs(self) -> usize {
        self.proto.input.iter().rposition(|name| !name.is_empty()).map_or(0, |last| last + 1)
    }

    pub(crate) fn has_input(self, at: usize) -> bool {
        self.proto.input.get(at).is_some_and(|name| !name.is_empty())
    }
}

/// A constant of the file.
pub(crate) fn tensor(proto: &TensorProto) -> Result<Tensor> {
    let tensor = any_tensor(proto)?;
    match &tensor.data {
        Data::Floats(values) if !values.iter().all(|value| value.is_finite()) => {
            refused("a weight is not finite")
        }
        _ => Ok(tensor),
    }
}

/// A constant whose numbers may be NaN or infinite.
pub(crate) fn any_tensor(proto: &TensorProto) -> Result<Tensor> {
    if !proto.external_data.is_empty()
        || proto.data_location.is_some_and(|location| location != 0)
        || proto.segment.is_some()
    {
        return refused("a tensor is in another file; save the model as one file");
    }
    let dims: Option<Vec<usize>> = proto.dims.iter().map(|&dim| usize::try_from(dim).ok()).collect();
    let Some((elements, dims)) = dims.and_then(|dims| Some((shapes::elements(&dims)?, dims))) else {
        return refused("a tensor has an impossible size");
    };
    if dims.len() > MAX_DIMENSIONS {
        return refused("a tensor has too many dimensions");
    }
    let data = data(proto)?;
    let tensor = Tensor { dims, data };
    if tensor.len() != elements {
        return refused("a tensor's size is not that of its data");
    }
    Ok(tensor)
}

/// The numbers of a list of bytes.
pub(crate) fn bytes(proto: &TensorProto) -> Result<Vec<i64>> {
    if DataType::try_from(proto.data_type) != Ok(DataType::Uint8) {
        return refused("a list of modes is not of bytes");
    }
    if proto.raw_data.is_empty() {
        return Ok(proto.int32_data.iter().map(|&byte| i64::from(byte)).collect());
    }
    Ok(proto.raw_data.iter().map(|&byte| i64::from(byte)).collect())
}

fn data(proto: &TensorProto) -> Result<Data> {
    let raw = &proto.raw_data;
    let integers = |values: Vec<i64>| {
        if values.len() > MAX_INTEGERS {
            return refused("a tensor of integers is too large");
        }
        Ok(Data::Integers(values.into_iter().map(|number| Integer { number, batch: false }).collect()))
    };
    let not_raw = raw.is_empty();
    match DataType::try_from(proto.data_type) {
        Ok(DataType::Float) if not_raw => Ok(Data::Floats(proto.float_data.clone())),
        Ok(DataType::Float) => Ok(Data::Floats(chunks(raw, f32::from_le_bytes)?)),
        Ok(DataType::Double) if not_raw => {
            Ok(Data::Floats(proto.double_data.iter().map(|&value| value as f32).collect()))
        }
        Ok(DataType::Double) => Ok(Data::Floats(chunks(raw, |bytes| f64::from_le_bytes(bytes) as f32)?)),
        // The library's probabilities cannot be reached: they were calculated with other weights.
        Ok(DataType::Float16 | DataType::Bfloat16) => refused(HALF_PRECISION),
        Ok(DataType::Int64) if not_raw => integers(proto.int64_data.clone()),
        Ok(DataType::Int64) => integers(chunks(raw, i64::from_le_bytes)?),
        Ok(DataType::Int32 | DataType::Bool) if not_raw => {
            integers(proto.int32_data.iter().map(|&value| i64::from(value)).collect())
        }
        Ok(DataType::Int32) => integers(chunks(raw, |bytes| i64::from(i32::from_le_bytes(bytes)))?),
        Ok(DataType::Bool) => integers(raw.iter().map(|&byte| i64::from(byte != 0)).collect()),
        _ => refused("a tensor is neither of floats, doubles, integers nor booleans"),
    }
}

fn chunks<const N: usize, T>(raw: &[u8], read: impl Fn([u8; N]) -> T) -> Result<Vec<T>> {
    match raw.as_chunks() {
        (values, []) => Ok(values.iter().map(|&bytes| read(bytes)).collect()),
        _ => refused("a tensor's size is not that of its data"),
    }
}
