//! What is calculated about shapes, and what gives values another one.

use super::graph_walk::Translator;
use super::node;
use super::node::Node;
use super::value::{Computed, Data, Dim, Shape, Tensor, Value, Whole, axis_of};
use super::{Done, refused};

pub(crate) fn shape(t: &mut Translator, node: Node) -> Done<Value> {
    let shape = t.value(node, 0)?.shape();
    let bound = |name, default: usize| {
        let at = node.int(name, default as i64);
        let at = if at < 0 { at.saturating_add(shape.len() as i64) } else { at };
        at.clamp(0, shape.len() as i64) as usize
    };
    let (from, to) = (bound("start", 0), bound("end", shape.len()));
    let sizes: Vec<Whole> = shape
        .get(from..to)
        .unwrap_or_default()
        .iter()
        .map(|dim| Whole { number: dim.size as i64, batch: dim.batch })
        .collect();
    Ok(Tensor::whole(vec![sizes.len()], sizes))
}

/// The dimensions that a constant names.
fn dims(t: &Translator, node: Node, at: usize) -> Done<Shape> {
    let Value::Known(tensor) = t.value(node, at)? else { return refused("a shape is not constant") };
    let Data::Whole(values) = &tensor.data else { return refused("a shape is not of whole numbers") };
    let dims = values.iter().map(|value| match usize::try_from(value.number) {
        Ok(size) => Ok(Dim { size, batch: value.batch }),
        Err(_) => refused("a shape has a negative size"),
    });
    dims.collect()
}

pub(crate) fn constant_of_shape(t: &mut Translator, node: Node) -> Done<Value> {
    let shape = dims(t, node, 0)?;
    let (number, whole) = match node.tensor("value").map(node::tensor).transpose()? {
        None => (0.0, false),
        Some(tensor) => match tensor.numbers()?.as_slice() {
            [number] => (*number, matches!(tensor.data, Data::Whole(_))),
            _ => return refused("its value is not one number"),
        },
    };
    if whole && !shape.iter().any(|dim| dim.batch) {
        let size: Option<usize> =
            shape.iter().try_fold(1_usize, |product, dim| product.checked_mul(dim.size));
        let size = size.filter(|&size| size <= 1 << 16);
        let Some(size) = size else { return refused("it makes a value of an impossible size") };
        t.fold(size)?;
        let dims = shape.iter().map(|dim| dim.size).collect();
        return Ok(Tensor::whole(dims, vec![Whole { number: number as i64, batch: false }; size]));
    }
    filled(t, shape, number).map(|value| Value::Computed(Computed { whole, ..value }))
}

fn filled(t: &mut Translator, shape: Shape, number: f32) -> Done<Computed> {
    let elements = shape.iter().try_fold(1_usize, |product, dim| product.checked_mul(dim.size));
    let Some(elements) = elements.filter(|&elements| (1..=1 << 20).contains(&elements)) else {
        return refused("it makes a value of an impossible size");
    };
    let fixed = t.emit.row(&vec![number; elements])?;
    if !shape.iter().any(|dim| dim.batch) {
        return t.emit.reshape(&fixed, shape);
    }
    let zeros = t.zeros()?;
    let rows = t.emit.binary("Add", &zeros, &fixed)?;
    t.emit.reshape(&rows, shape)
}

pub(crate) fn expand(t: &mut Translator, node: Node) -> Done<Value> {
    let shape = dims(t, node, 1)?;
    let x = t.computed(node, 0)?;
    let zeros = filled(t, shape, 0.0)?;
    let done = t.emit.binary("Add", &x, &zeros)?;
    Ok(Value::Computed(Computed { whole: x.whole, tells_missing: x.tells_missing, ..done }))
}

/// The same values in the shape that a `Reshape`, `Flatten`, `Squeeze` or `Unsqueeze` gives them.
pub(crate) fn reshape(t: &mut Translator, node: Node) -> Done<Value> {
    let value = t.value(node, 0)?;
    let shape = new_shape(t, node, &value.shape())?;
    if shape.len() > super::MAX_DIMENSIONS {
        return refused("it has too many dimensions");
    }
    if let Value::Known(tensor) = &value
        && let Data::Whole(values) = &tensor.data
    {
        t.fold(values.len())?;
        return Ok(Tensor::whole(shape.iter().map(|dim| dim.size).collect(), values.clone()));
    }
    let value = t.emit.computed(&value)?;
    t.emit.reshape(&value, shape).map(Value::Computed)
}

fn new_shape(t: &Translator, node: Node, old: &[Dim]) -> Done<Shape> {
    match node.proto.op_type.as_str() {
        "Reshape" => {
            let given = if node.has_input(1) {
                let Value::Known(tensor) = t.value(node, 1)? else {
                    return refused("the shape it makes is not constant");
                };
                let Data::Whole(values) = &tensor.data else {
                    return refused("a shape is not of whole numbers");
                };
                values.clone()
            } else {
                node.ints("shape").iter().map(|&number| Whole { number, batch: false }).collect()
            };
            filled_in(&given, old, node.int("allowzero", 0) != 0)
        }
        "Flatten" => {
            let axis = node.int("axis", 1);
            let axis = if axis == old.len() as i64 { old.len() } else { axis_of(axis, old.len())? };
            Ok(vec![product(&old[..axis])?, product(&old[axis..])?])
        }
        "Squeeze" => {
            let axes = listed_axes(t, node, old.len())?;
            let gone = |at: usize| {
                if axes.is_empty() { old[at] == Dim::ONE } else { axes.contains(&at) }
            };
            if axes.iter().any(|&axis| old[axis] != Dim::ONE) {
                return refused("it removes a dimension that is not 1");
            }
            Ok(old.iter().enumerate().filter(|(at, _)| !gone(*at)).map(|(_, dim)| *dim).collect())
        }
        _ => {
            let count = if node.has_input(1) { t.integers(node, 1)?.len() } else { node.ints("axes").len() };
            let rank = (old.len() + count).min(super::MAX_DIMENSIONS + 1);
            let axes = listed_axes(t, node, rank)?;
            let mut rest = old.iter();
            let shape: Option<Shape> = (0..rank)
                .map(|at| if axes.contains(&at) { Some(Dim::ONE) } else { rest.next().copied() })
                .collect();
            match shape {
                Some(shape) if rest.next().is_none() => Ok(shape),
                _ => refused("it adds impossible dimensions"),
            }
        }
    }
}

fn listed_axes(t: &Translator, node: Node, rank: usize) -> Done<Vec<usize>> {
    let given = if node.has_input(1) { t.integers(node, 1)? } else { node.ints("axes").to_vec() };
    given.into_iter().map(|axis| axis_of(axis, rank)).collect()
}

fn product(dims: &[Dim]) -> Done<Dim> {
    let size = dims.iter().try_fold(1_usize, |product, dim| product.checked_mul(dim.size));
    match (size, dims.iter().filter(|dim| dim.batch).count()) {
        (Some(size), batches @ (0 | 1)) => Ok(Dim { size, batch: batches == 1 }),
        _ => refused("it makes a value of an impossible size"),
    }
}

/// The shape that `given` asks for: 0 is the old dimension, −1 whatever is left.
fn filled_in(given: &[Whole], old: &[Dim], zero_is_zero: bool) -> Done<Shape> {
    let all = product(old)?;
    let mut shape = Vec::with_capacity(given.len());
    let mut open = None;
    for (at, whole) in given.iter().enumerate() {
        shape.push(match (whole.number, usize::try_from(whole.number)) {
            (-1, _) if open.is_none() => {
                open = Some(at);
                Dim::ONE
            }
            (0, _) if !zero_is_zero => match old.get(at) {
                Some(dim) => *dim,
                None => return refused("it keeps a dimension that is not there"),
            },
            (1.., Ok(size)) => Dim { size, batch: whole.batch },
            _ => return refused("it makes an impossible shape"),
        });
    }
    let rest = product(&shape)?;
    if let Some(open) = open {
        if rest.size == 0 || !all.size.is_multiple_of(rest.size) || (rest.batch && !all.batch) {
            return refused("it makes an impossible shape");
        }
        shape[open] = Dim { size: all.size / rest.size, batch: all.batch && !rest.batch };
    } else if rest != all {
        return refused(
            "it gives the number of samples a fixed value; export the model with a variable number of rows",
        );
    }
    Ok(shape)
}
