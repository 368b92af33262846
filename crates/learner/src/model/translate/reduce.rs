//! Operators that reduce several values of a sample to one.
//!
//! Owns their translation into sums and maxima. Must not reduce over samples: the builder refuses it.

use super::builder::Builder;
use super::error::{Result, refused};
use super::node::Node;
use super::translator::Translator;
use super::value::{Computed, Dim, axis_of};

/// The maximum number of factors of a product: each is a node.
const MAX_FACTORS: usize = 64;

pub(crate) fn reduce(translator: &mut Translator, node: Node) -> Result<Computed> {
    let x = translator.computed(node, 0)?;
    let axes = axes(translator, node, x.shape.len())?;
    let kept = reduce_keeping_axes(&mut translator.builder, &node.proto.op_type, &x, &axes)?;
    if node.int("keepdims", 1) != 0 {
        return Ok(kept);
    }
    let shape = kept.shape.iter().enumerate().filter(|(at, _)| !axes.contains(at));
    let shape = shape.map(|(_, dim)| *dim).collect();
    translator.builder.reshape(&kept, shape)
}

fn reduce_keeping_axes(builder: &mut Builder, op: &str, x: &Computed, axes: &[usize]) -> Result<Computed> {
    match op {
        "ReduceSum" | "ReduceMax" => builder.reduce(op, x, axes),
        "ReduceMean" => {
            let sum = builder.reduce("ReduceSum", x, axes)?;
            let count: f32 = axes.iter().map(|&axis| x.shape[axis].size as f32).product();
            builder.with_number("Mul", &sum, 1.0 / count)
        }
        "ReduceMin" => {
            let negative = builder.with_number("Mul", x, -1.0)?;
            let max = builder.reduce("ReduceMax", &negative, axes)?;
            builder.with_number("Mul", &max, -1.0)
        }
        "ReduceL1" => {
            let sizes = builder.unary("Abs", x)?;
            builder.reduce("ReduceSum", &sizes, axes)
        }
        "ReduceL2" | "ReduceSumSquare" => {
            let squares = builder.binary("Mul", x, x)?;
            let sum = builder.reduce("ReduceSum", &squares, axes)?;
            if op == "ReduceL2" { builder.unary("Sqrt", &sum) } else { Ok(sum) }
        }
        "ReduceLogSum" => {
            let sum = builder.reduce("ReduceSum", x, axes)?;
            builder.unary("Log", &sum)
        }
        "ReduceLogSumExp" => log_sum_exp(builder, x, axes),
        _ => product(builder, x, axes),
    }
}

fn log_sum_exp(builder: &mut Builder, x: &Computed, axes: &[usize]) -> Result<Computed> {
    let max = builder.reduce("ReduceMax", x, axes)?;
    let below = builder.binary("Sub", x, &max)?;
    let grown = builder.unary("Exp", &below)?;
    let sum = builder.reduce("ReduceSum", &grown, axes)?;
    let log = builder.unary("Log", &sum)?;
    builder.binary("Add", &max, &log)
}

fn product(builder: &mut Builder, x: &Computed, axes: &[usize]) -> Result<Computed> {
    let [axis] = axes else { return refused("it multiplies along several axes") };
    let dim = x.shape[*axis];
    if dim.batch || !(1..=MAX_FACTORS).contains(&dim.size) {
        return refused("it multiplies different samples, or too many values");
    }
    let mut product = builder.take(x, *axis, &[0])?;
    for at in 1..dim.size {
        let next = builder.take(x, *axis, &[at])?;
        product = builder.binary("Mul", &product, &next)?;
    }
    Ok(product)
}

/// The axes of a reduction; all when absent.
fn axes(translator: &Translator, node: Node, rank: usize) -> Result<Vec<usize>> {
    let given = translator.integers(node, 1, "axes")?;
    if given.is_empty() {
        let all = if node.int("noop_with_empty_axes", 0) == 0 { rank } else { 0 };
        return Ok((0..all).collect());
    }
    let mut axes: Vec<usize> = given.into_iter().map(|axis| axis_of(axis, rank)).collect::<Result<_>>()?;
    axes.sort_unstable();
    axes.dedup();
    Ok(axes)
}

pub(crate) fn softmax(builder: &mut Builder, node: Node, x: &Computed) -> Result<Computed> {
    let rank = x.shape.len();
    let old = node.version < 13;
    let axis = axis_of(node.int("axis", if old { 1 } else { -1 }), rank)?;
    if old && axis + 1 != rank {
        return refused("it works along several axes at once");
    }
    if node.proto.op_type == "Softmax" {
        return builder.softmax(x, axis);
    }
    let sum = log_sum_exp(builder, x, &[axis])?;
    builder.binary("Sub", x, &sum)
}

pub(crate) fn arg_max(builder: &mut Builder, node: Node, x: &Computed) -> Result<Computed> {
    let axis = axis_of(node.int("axis", 0), x.shape.len())?;
    if node.int("select_last_index", 0) != 0 {
        return refused("its select_last_index is set");
    }
    let best = if node.proto.op_type == "ArgMin" {
        let negative = builder.with_number("Mul", x, -1.0)?;
        builder.arg_max(&negative, axis)?
    } else {
        builder.arg_max(x, axis)?
    };
    if node.int("keepdims", 1) == 0 {
        return Ok(best);
    }
    let mut shape = best.shape.clone();
    shape.insert(axis, Dim::ONE);
    builder.reshape(&best, shape)
}
