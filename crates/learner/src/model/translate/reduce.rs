//! Plain operators that put several values of a sample into one.

use super::graph_walk::Translator;
use super::node::Node;
use super::value::{Computed, axis_of};
use super::{Done, refused};

/// A product over more factors is no product of features any more.
const MAX_FACTORS: usize = 64;

/// The result of such an operator; `None` for another.
pub(crate) fn translate(t: &mut Translator, node: Node) -> Done<Option<Computed>> {
    let op = node.proto.op_type.as_str();
    let done = match op {
        "Softmax" | "LogSoftmax" => softmax(t, node)?,
        "ArgMax" | "ArgMin" => arg_max(t, node)?,
        _ if op.starts_with("Reduce") => {
            let x = t.computed(node, 0)?;
            let axes = axes(t, node, x.shape.len())?;
            let Some(kept) = reduce(t, op, &x, &axes)? else { return Ok(None) };
            if node.int("keepdims", 1) != 0 {
                kept
            } else {
                let shape = kept.shape.iter().enumerate().filter(|(at, _)| !axes.contains(at));
                let shape = shape.map(|(_, dim)| *dim).collect();
                t.emit.reshape(&kept, shape)?
            }
        }
        _ => return Ok(None),
    };
    Ok(Some(done))
}

fn reduce(t: &mut Translator, op: &str, x: &Computed, axes: &[usize]) -> Done<Option<Computed>> {
    let emit = &mut t.emit;
    let done = match op {
        "ReduceSum" | "ReduceMax" => emit.reduce(op, x, axes)?,
        "ReduceMean" => {
            let sum = emit.reduce("ReduceSum", x, axes)?;
            let count: f32 = axes.iter().map(|&axis| x.shape[axis].size as f32).product();
            emit.with_number("Mul", &sum, 1.0 / count)?
        }
        "ReduceMin" => {
            let turned = emit.with_number("Mul", x, -1.0)?;
            let most = emit.reduce("ReduceMax", &turned, axes)?;
            emit.with_number("Mul", &most, -1.0)?
        }
        "ReduceL1" => {
            let sizes = emit.unary("Abs", x)?;
            emit.reduce("ReduceSum", &sizes, axes)?
        }
        "ReduceL2" | "ReduceSumSquare" => {
            let squares = emit.binary("Mul", x, x)?;
            let sum = emit.reduce("ReduceSum", &squares, axes)?;
            if op == "ReduceL2" { emit.unary("Sqrt", &sum)? } else { sum }
        }
        "ReduceLogSum" => {
            let sum = emit.reduce("ReduceSum", x, axes)?;
            emit.unary("Log", &sum)?
        }
        "ReduceLogSumExp" => log_sum_exp(t, x, axes)?,
        "ReduceProd" => product(t, x, axes)?,
        _ => return Ok(None),
    };
    Ok(Some(done))
}

fn log_sum_exp(t: &mut Translator, x: &Computed, axes: &[usize]) -> Done<Computed> {
    let most = t.emit.reduce("ReduceMax", x, axes)?;
    let below = t.emit.binary("Sub", x, &most)?;
    let grown = t.emit.unary("Exp", &below)?;
    let sum = t.emit.reduce("ReduceSum", &grown, axes)?;
    let log = t.emit.unary("Log", &sum)?;
    t.emit.binary("Add", &most, &log)
}

fn product(t: &mut Translator, x: &Computed, axes: &[usize]) -> Done<Computed> {
    let [axis] = axes else { return refused("it multiplies along several axes") };
    let dim = x.shape[*axis];
    if dim.batch || !(1..=MAX_FACTORS).contains(&dim.size) {
        return refused("it multiplies different samples, or too many values");
    }
    let mut product = t.emit.take(x, *axis, &[0])?;
    for at in 1..dim.size {
        let next = t.emit.take(x, *axis, &[at])?;
        product = t.emit.binary("Mul", &product, &next)?;
    }
    Ok(product)
}

/// The axes of a reduction: an attribute in old operator sets, an input in new ones, all when absent.
fn axes(t: &Translator, node: Node, rank: usize) -> Done<Vec<usize>> {
    let given = if node.has_input(1) { t.integers(node, 1)? } else { node.ints("axes").to_vec() };
    if given.is_empty() {
        return if node.int("noop_with_empty_axes", 0) != 0 {
            Ok(Vec::new())
        } else {
            Ok((0..rank).collect())
        };
    }
    let mut axes: Vec<usize> = given.into_iter().map(|axis| axis_of(axis, rank)).collect::<Done<_>>()?;
    axes.sort_unstable();
    axes.dedup();
    Ok(axes)
}

fn softmax(t: &mut Translator, node: Node) -> Done<Computed> {
    let x = t.computed(node, 0)?;
    let rank = x.shape.len();
    let old = node.version < 13;
    let axis = axis_of(node.int("axis", if old { 1 } else { -1 }), rank)?;
    if old && axis + 1 != rank {
        return refused("it works along several axes at once");
    }
    if node.proto.op_type == "Softmax" {
        return t.emit.softmax(&x, axis);
    }
    let sum = log_sum_exp(t, &x, &[axis])?;
    t.emit.binary("Sub", &x, &sum)
}

fn arg_max(t: &mut Translator, node: Node) -> Done<Computed> {
    let mut x = t.computed(node, 0)?;
    let axis = axis_of(node.int("axis", 0), x.shape.len())?;
    if node.int("select_last_index", 0) != 0 {
        return refused("it prefers the last of equals");
    }
    if node.proto.op_type == "ArgMin" {
        x = t.emit.with_number("Mul", &x, -1.0)?;
    }
    let best = t.emit.arg_max(&x, axis)?;
    if node.int("keepdims", 1) == 0 {
        return Ok(best);
    }
    let mut shape = best.shape.clone();
    shape.insert(axis, super::value::Dim::ONE);
    t.emit.reshape(&best, shape)
}
