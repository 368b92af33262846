//! Operators that calculate with shapes or change the shape of a value.
//!
//! Owns their translation; shapes are calculated now, and not by the translated graph. Must not mix samples: the builder
//! refuses it.

use super::error::{Result, refused};
use super::node;
use super::node::Node;
use super::translator::Translator;
use super::value::{Computed, Data, Dim, Integer, MAX_DIMENSIONS, Shape, Tensor, Value, axis_of, elements};

pub(crate) fn shape(translator: &mut Translator, node: Node) -> Result<Value> {
    let shape = translator.value(node, 0)?.shape();
    let bound = |name, default: usize| {
        let at = node.int(name, default as i64);
        let at = if at < 0 { at.saturating_add(shape.len() as i64) } else { at };
        at.clamp(0, shape.len() as i64) as usize
    };
    let (from, to) = (bound("start", 0), bound("end", shape.len()));
    let size = |dim: &Dim| Integer { number: dim.size as i64, batch: dim.batch };
    let sizes: Vec<Integer> = shape.get(from..to).unwrap_or_default().iter().map(size).collect();
    Ok(Tensor::integers_of(vec![sizes.len()], sizes))
}

/// The dimensions in a constant input.
fn dims(translator: &Translator, node: Node, at: usize) -> Result<Shape> {
    let Value::Known(tensor) = translator.value(node, at)? else { return refused("a shape is not constant") };
    let Data::Integers(values) = &tensor.data else { return refused("a shape is not of integers") };
    let dims = values.iter().map(|value| match usize::try_from(value.number) {
        Ok(size) => Ok(Dim { size, batch: value.batch }),
        Err(_) => refused("a shape has a negative size"),
    });
    dims.collect()
}

pub(crate) fn constant_of_shape(translator: &mut Translator, node: Node) -> Result<Value> {
    let shape = dims(translator, node, 0)?;
    let (number, integers) = match node.tensor("value").map(node::tensor).transpose()? {
        None => (0.0, false),
        Some(tensor) => match tensor.numbers()?.as_slice() {
            [number] => (*number, matches!(tensor.data, Data::Integers(_))),
            _ => return refused("its value is not one number"),
        },
    };
    if integers && !shape.iter().any(|dim| dim.batch) {
        let Some(size) = elements(&shape).filter(|&size| size <= 1 << 16) else {
            return refused("it makes a value of an impossible size");
        };
        translator.fold(size)?;
        let dims = shape.iter().map(|dim| dim.size).collect();
        return Ok(Tensor::integers_of(dims, vec![Integer { number: number as i64, batch: false }; size]));
    }
    filled(translator, shape, number).map(|value| Value::Computed(Computed { integers, ..value }))
}

fn filled(translator: &mut Translator, shape: Shape, number: f32) -> Result<Computed> {
    let Some(size) = elements(&shape).filter(|size| (1..=1 << 20).contains(size)) else {
        return refused("it makes a value of an impossible size");
    };
    let fixed = translator.builder.row(&vec![number; size])?;
    if !shape.iter().any(|dim| dim.batch) {
        return translator.builder.reshape(&fixed, shape);
    }
    let zeros = translator.zeros()?;
    let rows = translator.builder.binary("Add", &zeros, &fixed)?;
    translator.builder.reshape(&rows, shape)
}

pub(crate) fn expand(translator: &mut Translator, node: Node) -> Result<Value> {
    let shape = dims(translator, node, 1)?;
    let x = translator.computed(node, 0)?;
    let zeros = filled(translator, shape, 0.0)?;
    let done = translator.builder.binary("Add", &x, &zeros)?;
    Ok(Value::Computed(Computed { integers: x.integers, flags_missing: x.flags_missing, ..done }))
}

/// The same values in the shape that a `Reshape`, `Flatten`, `Squeeze` or `Unsqueeze` gives them.
pub(crate) fn reshape(translator: &mut Translator, node: Node) -> Result<Value> {
    let value = translator.value(node, 0)?;
    let shape = new_shape(translator, node, &value.shape())?;
    if shape.len() > MAX_DIMENSIONS {
        return refused("it has too many dimensions");
    }
    if let Value::Known(tensor) = &value
        && let Data::Integers(values) = &tensor.data
    {
        translator.fold(values.len())?;
        return Ok(Tensor::integers_of(shape.iter().map(|dim| dim.size).collect(), values.clone()));
    }
    let value = translator.builder.computed(&value)?;
    translator.builder.reshape(&value, shape).map(Value::Computed)
}

fn new_shape(translator: &Translator, node: Node, old: &[Dim]) -> Result<Shape> {
    match node.proto.op_type.as_str() {
        "Reshape" => {
            let given = if node.has_input(1) {
                let Value::Known(tensor) = translator.value(node, 1)? else {
                    return refused("its shape is not constant");
                };
                let Data::Integers(values) = &tensor.data else {
                    return refused("a shape is not of integers");
                };
                values.clone()
            } else {
                node.ints("shape").iter().map(|&number| Integer { number, batch: false }).collect()
            };
            filled_in(&given, old, node.int("allowzero", 0) != 0)
        }
        "Flatten" => {
            let axis = node.int("axis", 1);
            let axis = if axis == old.len() as i64 { old.len() } else { axis_of(axis, old.len())? };
            Ok(vec![product(&old[..axis])?, product(&old[axis..])?])
        }
        "Squeeze" => {
            let axes = listed_axes(translator, node, old.len())?;
            let gone = |at: usize| {
                if axes.is_empty() { old[at] == Dim::ONE } else { axes.contains(&at) }
            };
            if axes.iter().any(|&axis| old[axis] != Dim::ONE) {
                return refused("it removes a dimension that is not 1");
            }
            Ok(old.iter().enumerate().filter(|(at, _)| !gone(*at)).map(|(_, dim)| *dim).collect())
        }
        _ => {
            let count = translator.integers(node, 1, "axes")?.len();
            let rank = (old.len() + count).min(MAX_DIMENSIONS + 1);
            let axes = listed_axes(translator, node, rank)?;
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

fn listed_axes(translator: &Translator, node: Node, rank: usize) -> Result<Vec<usize>> {
    translator.integers(node, 1, "axes")?.into_iter().map(|axis| axis_of(axis, rank)).collect()
}

fn product(dims: &[Dim]) -> Result<Dim> {
    match (elements(dims), dims.iter().filter(|dim| dim.batch).count()) {
        (Some(size), batches @ (0 | 1)) => Ok(Dim { size, batch: batches == 1 }),
        _ => refused("it makes a value of an impossible size"),
    }
}

/// The shape in `given`: 0 is the old dimension, −1 the remaining elements.
fn filled_in(given: &[Integer], old: &[Dim], zero_is_zero: bool) -> Result<Shape> {
    let all = product(old)?;
    let mut shape = Vec::with_capacity(given.len());
    let mut open = None;
    for (at, given) in given.iter().enumerate() {
        shape.push(match (given.number, usize::try_from(given.number)) {
            (-1, _) if open.is_none() => {
                open = Some(at);
                Dim::ONE
            }
            (0, _) if !zero_is_zero => match old.get(at) {
                Some(dim) => *dim,
                None => return refused("it keeps a dimension that is not there"),
            },
            (1.., Ok(size)) => Dim { size, batch: given.batch },
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
