//! What operators make of shapes, and constants that say so.

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{NodeProto, TensorProto};

use super::Shape;

pub(crate) const FLOAT: i32 = DataType::Float as i32;
const WHOLE: i32 = DataType::Int64 as i32;

/// Whole numbers up to here are exact in single precision.
pub(crate) const EXACT: f64 = 16_777_216.0;

/// The largest value of a tensor of floats of which none is below 0.
pub(crate) fn most(tensor: &TensorProto) -> Option<f64> {
    let mut values = tensor.raw_data.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
    let most = values.try_fold(0.0_f32, |most, value| (value >= 0.0).then_some(most.max(value)));
    most.filter(|_| tensor.data_type == FLOAT).map(f64::from)
}

pub(crate) fn axis(node: &NodeProto, shape: &[usize]) -> Option<usize> {
    let axis =
        node.attribute.iter().find(|attribute| attribute.name == "axis").map_or(0, |attribute| attribute.i);
    usize::try_from(axis).ok().filter(|&axis| axis < shape.len())
}

/// The list of integers that an attribute holds.
pub(crate) fn ints<'a>(node: &'a NodeProto, name: &str) -> Option<&'a [i64]> {
    node.attribute.iter().find(|attribute| attribute.name == name).map(|attribute| attribute.ints.as_slice())
}

pub(crate) fn elements(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1_usize, |product, &dim| product.checked_mul(dim))
}

/// The axes in another order: turned around when none is given.
pub(crate) fn transpose(node: &NodeProto, shape: &[usize]) -> Option<Shape> {
    let Some(order) = ints(node, "perm") else { return Some(shape.iter().rev().copied().collect()) };
    let mut sorted = order.to_vec();
    sorted.sort_unstable();
    let all_once = sorted.iter().copied().eq(0..shape.len() as i64);
    all_once.then(|| order.iter().map(|&axis| shape[axis as usize]).collect())
}

/// Axes put into one value each; they stay with size 1.
pub(crate) fn reduce(node: &NodeProto, shape: &[usize], axes: &[i64]) -> Option<Shape> {
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

pub(crate) fn broadcast(a: &[usize], b: &[usize]) -> Option<Shape> {
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
pub(crate) fn integers(tensor: &TensorProto) -> Option<Vec<i64>> {
    let values = tensor.raw_data.chunks_exact(8).map(|bytes| {
        let mut eight = [0; 8];
        eight.copy_from_slice(bytes);
        i64::from_le_bytes(eight)
    });
    (tensor.data_type == WHOLE).then(|| values.collect())
}
