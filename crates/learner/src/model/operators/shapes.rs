//! The shape of an operator's output, from the shapes of its inputs and from constants among them.
//!
//! Owns one rule for each kind of operator; a rule returns `None` when the inputs do not fit. Must not know the graph:
//! it reads one node through [`Inputs`].

use std::collections::HashMap;

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{AttributeProto, NodeProto, TensorProto};

/// The sizes of a value's dimensions.
pub(crate) type Shape = Vec<usize>;

pub(crate) const FLOAT: i32 = DataType::Float as i32;

/// The maximum number of dimensions that a `Reshape` may make.
const MAX_DIMENSIONS: usize = 8;

/// A node and what is known about the values before it.
pub(crate) struct Inputs<'a> {
    pub node: &'a NodeProto,
    pub shapes: &'a HashMap<&'a str, Shape>,
    pub constants: &'a HashMap<&'a str, &'a TensorProto>,
    /// Upper bounds of computed values that are neither negative nor NaN.
    pub max: &'a HashMap<&'a str, f64>,
}

impl<'a> Inputs<'a> {
    fn name(&self, at: usize) -> Option<&'a str> {
        self.node.input.get(at).map(String::as_str)
    }

    pub(crate) fn shape(&self, at: usize) -> Option<&'a Shape> {
        self.shapes.get(self.name(at)?)
    }

    /// An upper bound of an input, when none of its values is negative or NaN.
    pub(crate) fn max(&self, at: usize) -> Option<f64> {
        let name = self.name(at)?;
        self.max.get(name).copied().or_else(|| max_of(self.constants.get(name)?))
    }

    /// An input that is a constant of integers.
    pub(crate) fn integers(&self, at: usize) -> Option<Vec<i64>> {
        integers(self.constants.get(self.name(at)?)?)
    }

    /// An input that is one constant index or size.
    fn index(&self, at: usize) -> Option<usize> {
        let [index] = self.integers(at)?[..] else { return None };
        usize::try_from(index).ok()
    }

    /// The attribute `axis` as an axis of `shape`, 0 when it is absent.
    fn axis(&self, shape: &[usize]) -> Option<usize> {
        let axis = self.attribute("axis");
        usize::try_from(axis.map_or(0, |attribute| attribute.i)).ok().filter(|&axis| axis < shape.len())
    }

    /// The list of integers that an attribute holds.
    pub(crate) fn ints(&self, name: &str) -> Option<&'a [i64]> {
        self.attribute(name).map(|attribute| attribute.ints.as_slice())
    }

    fn attribute(&self, name: &str) -> Option<&'a AttributeProto> {
        self.node.attribute.iter().find(|attribute| attribute.name == name)
    }
}

pub(crate) fn same(inputs: &Inputs<'_>) -> Option<Shape> {
    inputs.shape(0).cloned()
}

pub(crate) fn softmax(inputs: &Inputs<'_>) -> Option<Shape> {
    let shape = inputs.shape(0)?;
    inputs.axis(shape).map(|_| shape.clone())
}

pub(crate) fn binary(inputs: &Inputs<'_>) -> Option<Shape> {
    broadcast(inputs.shape(0)?, inputs.shape(1)?, 1)
}

/// `Where`: a condition and two branches.
pub(crate) fn choose(inputs: &Inputs<'_>) -> Option<Shape> {
    broadcast(inputs.shape(0)?, &broadcast(inputs.shape(1)?, inputs.shape(2)?, 1)?, 1)
}

pub(crate) fn mat_mul(inputs: &Inputs<'_>) -> Option<Shape> {
    match (inputs.shape(0)?.as_slice(), inputs.shape(1)?.as_slice()) {
        ([rows, inner], [other, columns]) if inner == other => Some(vec![*rows, *columns]),
        _ => None,
    }
}

/// The axes in the order of `perm`; reversed when it is absent.
pub(crate) fn transpose(inputs: &Inputs<'_>) -> Option<Shape> {
    let shape = inputs.shape(0)?;
    let Some(order) = inputs.ints("perm") else { return Some(shape.iter().rev().copied().collect()) };
    let mut sorted = order.to_vec();
    sorted.sort_unstable();
    let all_once = sorted.iter().copied().eq(0..shape.len() as i64);
    all_once.then(|| order.iter().map(|&axis| shape[axis as usize]).collect())
}

/// The reduced axes stay with size 1.
pub(crate) fn reduce(inputs: &Inputs<'_>, axes: &[i64]) -> Option<Shape> {
    let kept = inputs.node.attribute.iter().all(|attribute| attribute.name != "keepdims" || attribute.i == 1);
    let mut reduced = inputs.shape(0)?.clone();
    for &axis in axes {
        let size = reduced.get_mut(usize::try_from(axis).ok()?)?;
        if *size == 0 {
            return None;
        }
        *size = 1;
    }
    (kept && !axes.is_empty()).then_some(reduced)
}

pub(crate) fn concat(inputs: &Inputs<'_>) -> Option<Shape> {
    let mut shape = inputs.shape(0)?.clone();
    let axis = inputs.axis(&shape)?;
    for at in 1..inputs.node.input.len() {
        let next = inputs.shape(at)?;
        let fits = next.len() == shape.len()
            && next.iter().zip(&shape).enumerate().all(|(at, (a, b))| at == axis || a == b);
        if !fits {
            return None;
        }
        shape[axis] = shape[axis].checked_add(next[axis])?;
    }
    Some(shape)
}

/// An index outside of the tensor makes the runtime panic, so the indices must be constants or have an upper bound.
pub(crate) fn gather(inputs: &Inputs<'_>) -> Option<Shape> {
    let data = inputs.shape(0)?;
    let axis = inputs.axis(data)?;
    let name = inputs.name(1)?;
    let inside = match (inputs.constants.get(name), inputs.max.get(name)) {
        (Some(tensor), _) => integers(tensor)?.into_iter().all(|i| (0..data[axis] as i64).contains(&i)),
        (None, Some(&max)) => max < data[axis] as f64,
        (None, None) => false,
    };
    let mut shape = data[..axis].to_vec();
    shape.extend(inputs.shape(1)?);
    shape.extend(&data[axis + 1..]);
    inside.then_some(shape)
}

pub(crate) fn slice(inputs: &Inputs<'_>) -> Option<Shape> {
    let mut shape = inputs.shape(0)?.clone();
    let (from, to, axis) = (inputs.index(1)?, inputs.index(2)?, inputs.index(3)?);
    let fits = from < to && to <= *shape.get(axis)?;
    shape[axis] = to.checked_sub(from)?;
    fits.then_some(shape)
}

/// A constant shape of positive sizes, one of which may be -1: the remaining elements.
pub(crate) fn reshape(inputs: &Inputs<'_>) -> Option<Shape> {
    let all = elements(inputs.shape(0)?)?;
    let target = inputs.integers(1)?;
    let open = target.iter().filter(|&&size| size == -1).count();
    let fixed = target.iter().filter(|&&size| size != -1);
    let fixed = fixed.map(|&size| usize::try_from(size).ok().filter(|&size| size > 0));
    let fixed: Option<Shape> = fixed.collect();
    let known = elements(&fixed?)?;
    let left = all.checked_div(known)?;
    let fits = left.checked_mul(known) == Some(all) && all > 0;
    let fits = fits && (open == 1 || (open == 0 && left == 1)) && target.len() <= MAX_DIMENSIONS;
    let shape = target.iter().map(|&size| usize::try_from(size).unwrap_or(left));
    fits.then(|| shape.collect())
}

pub(crate) fn arg_max(inputs: &Inputs<'_>) -> Option<Shape> {
    let mut shape = inputs.shape(0)?.clone();
    let axis = inputs.axis(&shape)?;
    let removed = shape.remove(axis);
    let dropped =
        inputs.node.attribute.iter().any(|attribute| attribute.name == "keepdims" && attribute.i == 0);
    (dropped && removed > 0).then_some(shape)
}

/// The largest index along the axis of an `ArgMax`.
pub(crate) fn last_index(inputs: &Inputs<'_>) -> Option<f64> {
    let shape = inputs.shape(0)?;
    Some(shape[inputs.axis(shape)?].saturating_sub(1) as f64)
}

/// The number of elements of a shape; `None` when it overflows.
pub(crate) fn elements(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1_usize, |product, &dim| product.checked_mul(dim))
}

/// The shape of two broadcast values: a dimension of `one` is repeated to the size of the other, and dimensions that one
/// of the values lacks in front are `one`.
pub(crate) fn broadcast<D: Copy + PartialEq>(a: &[D], b: &[D], one: D) -> Option<Vec<D>> {
    let rank = a.len().max(b.len());
    let dim = |shape: &[D], at: usize| (at + shape.len()).checked_sub(rank).map_or(one, |at| shape[at]);
    let common = |(a, b): (D, D)| if a == b || b == one { Some(a) } else { (a == one).then_some(b) };
    (0..rank).map(|at| common((dim(a, at), dim(b, at)))).collect()
}

/// The largest value of a tensor of floats; `None` when one is negative or NaN.
fn max_of(tensor: &TensorProto) -> Option<f64> {
    let mut values = tensor.raw_data.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes));
    let max = values.try_fold(0.0_f32, |max, value| (value >= 0.0).then_some(max.max(value)));
    max.filter(|_| tensor.data_type == FLOAT).map(f64::from)
}

/// The values of a tensor of 64-bit integers.
fn integers(tensor: &TensorProto) -> Option<Vec<i64>> {
    let values = tensor.raw_data.as_chunks().0.iter().map(|&bytes| i64::from_le_bytes(bytes));
    (tensor.data_type == DataType::Int64 as i32).then(|| values.collect())
}
