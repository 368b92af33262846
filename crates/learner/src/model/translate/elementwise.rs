//! Operators that work element by element, and matrix products.
//!
//! Owns their translation into the operators of this backend. Must not know the values before them but through the
//! translator.

use super::error::{Result, refused};
use super::ml_ops::normalized;
use super::node::Node;
use super::translator::Translator;
use super::value::{Computed, Value, axis_of};

/// An operator of one input that this backend has too.
pub(crate) fn unary(t: &mut Translator, node: Node) -> Result<Computed> {
    let x = t.computed(node, 0)?;
    t.builder.unary(&node.proto.op_type, &x)
}

pub(crate) fn negative(t: &mut Translator, node: Node) -> Result<Computed> {
    let x = t.computed(node, 0)?;
    let negative = t.builder.with_number("Mul", &x, -1.0)?;
    Ok(Computed { integers: x.integers, ..negative })
}

pub(crate) fn reciprocal(t: &mut Translator, node: Node) -> Result<Computed> {
    let x = t.computed(node, 0)?;
    let one = t.builder.scalar(1.0)?;
    t.builder.binary("Div", &one, &x)
}

pub(crate) fn choose(t: &mut Translator, node: Node) -> Result<Computed> {
    let (flag, yes, no) = (t.computed(node, 0)?, t.computed(node, 1)?, t.computed(node, 2)?);
    t.builder.choose(&flag, &yes, &no)
}

pub(crate) fn is_nan(t: &mut Translator, node: Node) -> Result<Computed> {
    let x = t.computed(node, 0)?;
    t.builder.is_missing(&x)
}

pub(crate) fn mat_mul(t: &mut Translator, node: Node) -> Result<Computed> {
    let (a, b) = (t.computed(node, 0)?, t.computed(node, 1)?);
    t.builder.mat_mul(&a, &b)
}

pub(crate) fn lp_normalization(t: &mut Translator, node: Node) -> Result<Computed> {
    let x = t.computed(node, 0)?;
    if x.shape.len() != 2 || axis_of(node.int("axis", -1), 2)? != 1 {
        return refused("it is not of rows and columns, or mixes samples");
    }
    normalized(t, &x, if node.int("p", 2) == 1 { "L1" } else { "L2" })
}

pub(crate) fn arithmetic(t: &mut Translator, node: Node) -> Result<Computed> {
    let op = match node.proto.op_type.as_str() {
        "Sum" | "Mean" => "Add",
        op => op,
    };
    let mut done = t.computed(node, 0)?;
    let inputs = node.inputs();
    for at in 1..inputs {
        let next = t.computed(node, at)?;
        if op == "Div" && done.integers && next.integers {
            return refused("it divides integers");
        }
        done = t.builder.binary(op, &done, &next)?;
    }
    if node.proto.op_type == "Mean" {
        done = t.builder.with_number("Mul", &done, 1.0 / inputs as f32)?;
    }
    Ok(done)
}

pub(crate) fn power(t: &mut Translator, node: Node) -> Result<Computed> {
    let x = t.computed(node, 0)?;
    let exponent = match t.value(node, 1)? {
        Value::Known(tensor) if tensor.len() == 1 => tensor.numbers()?.first().copied(),
        _ => None,
    };
    match exponent {
        // Statistics use squares, and a product is exact where a power is not.
        Some(2.0) => t.builder.binary("Mul", &x, &x),
        Some(0.5) => t.builder.unary("Sqrt", &x),
        _ => {
            let exponent = t.computed(node, 1)?;
            t.builder.binary("Pow", &x, &exponent)
        }
    }
}

pub(crate) fn comparison(t: &mut Translator, node: Node) -> Result<Computed> {
    let (a, b) = (t.computed(node, 0)?, t.computed(node, 1)?);
    let builder = &mut t.builder;
    match node.proto.op_type.as_str() {
        "Equal" => builder.compare("Equal", &a, &b),
        "Greater" => builder.compare("Greater", &a, &b),
        "Less" => builder.compare("Greater", &b, &a),
        // Not the negation of the opposite comparison: comparisons with a missing value are false.
        op => {
            let (larger, smaller) = if op == "GreaterOrEqual" { (&a, &b) } else { (&b, &a) };
            let (above, equal) =
                (builder.compare("Greater", larger, smaller)?, builder.compare("Equal", larger, smaller)?);
            builder.binary("Add", &above, &equal)
        }
    }
}

pub(crate) fn logic(t: &mut Translator, node: Node) -> Result<Computed> {
    let mut a = t.computed(node, 0)?;
    if node.proto.op_type == "Not" {
        return t.builder.not(&a);
    }
    let b = t.computed(node, 1)?;
    let flags_missing = a.flags_missing && b.flags_missing;
    a = match node.proto.op_type.as_str() {
        "And" => t.builder.binary("Mul", &a, &b)?,
        "Or" => t.builder.binary("Max", &a, &b)?,
        _ => {
            let difference = t.builder.binary("Sub", &a, &b)?;
            t.builder.unary("Abs", &difference)?
        }
    };
    Ok(Computed { integers: true, flags_missing, ..a })
}

pub(crate) fn clip(t: &mut Translator, node: Node) -> Result<Computed> {
    let mut x = t.computed(node, 0)?;
    for (at, attribute, op) in [(1, "min", "Max"), (2, "max", "Min")] {
        let bound = if node.has_input(at) {
            t.computed(node, at)?
        } else if node.has(attribute) {
            let bound = node.float(attribute, 0.0)?;
            t.builder.scalar(bound)?
        } else {
            continue;
        };
        if bound.shape.iter().any(|dim| dim.batch || dim.size != 1) {
            return refused("its bounds are not single numbers");
        }
        x = t.builder.binary(op, &x, &bound)?;
    }
    Ok(x)
}

pub(crate) fn gemm(t: &mut Translator, node: Node) -> Result<Computed> {
    let (mut a, mut b) = (t.computed(node, 0)?, t.computed(node, 1)?);
    for (flag, matrix) in [("transA", &mut a), ("transB", &mut b)] {
        if node.int(flag, 0) != 0 {
            if matrix.shape.len() != 2 {
                return refused("its input is not a matrix");
            }
            *matrix = t.builder.transpose(matrix, &[1, 0])?;
        }
    }
    let mut done = t.builder.mat_mul(&a, &b)?;
    let (alpha, beta) = (node.float("alpha", 1.0)?, node.float("beta", 1.0)?);
    if alpha.to_bits() != 1.0_f32.to_bits() {
        done = t.builder.with_number("Mul", &done, alpha)?;
    }
    if node.has_input(2) && beta != 0.0 {
        let mut c = t.computed(node, 2)?;
        if beta.to_bits() != 1.0_f32.to_bits() {
            c = t.builder.with_number("Mul", &c, beta)?;
        }
        done = t.builder.binary("Add", &done, &c)?;
    }
    Ok(done)
}

/// As in inference: one factor and one summand per channel.
pub(crate) fn batch_normalization(t: &mut Translator, node: Node) -> Result<Computed> {
    let x = t.computed(node, 0)?;
    if x.shape.len() != 2 || node.int("training_mode", 0) != 0 {
        return refused("it is not of rows and columns, or in training mode");
    }
    let mut parts = Vec::new();
    for at in 1..5 {
        match t.value(node, at)? {
            Value::Known(tensor) => parts.push(tensor.numbers()?),
            Value::Computed(_) => return refused("its parameters are not constant"),
        }
    }
    let channels = parts[0].len();
    if parts.iter().any(|part| part.len() != channels) || x.shape[1].size != channels {
        return refused("its parameters do not fit its input");
    }
    let epsilon = node.float("epsilon", 1e-5)?;
    let factors: Vec<f32> =
        parts[0].iter().zip(&parts[3]).map(|(scale, variance)| scale / (variance + epsilon).sqrt()).collect();
    let summands: Vec<f32> = (0..channels).map(|at| parts[1][at] - parts[2][at] * factors[at]).collect();
    let (factors, summands) = (t.builder.row(&factors)?, t.builder.row(&summands)?);
    let scaled = t.builder.binary("Mul", &x, &factors)?;
    t.builder.binary("Add", &scaled, &summands)
}

/// The values of each sample, normalised to mean 0 and variance 1, times a factor, plus a summand.
pub(crate) fn layer_normalization(t: &mut Translator, node: Node) -> Result<Computed> {
    let x = t.computed(node, 0)?;
    let axis = axis_of(node.int("axis", -1), x.shape.len())?;
    if axis + 1 != x.shape.len() {
        return refused("it works along several axes at once");
    }
    let share = 1.0 / x.shape[axis].size as f32;
    let sum = t.builder.reduce("ReduceSum", &x, &[axis])?;
    let mean = t.builder.with_number("Mul", &sum, share)?;
    let centred = t.builder.binary("Sub", &x, &mean)?;
    let squares = t.builder.binary("Mul", &centred, &centred)?;
    let sum = t.builder.reduce("ReduceSum", &squares, &[axis])?;
    let variance = t.builder.with_number("Mul", &sum, share)?;
    let variance = t.builder.with_number("Add", &variance, node.float("epsilon", 1e-5)?)?;
    let deviation = t.builder.unary("Sqrt", &variance)?;
    let mut done = t.builder.binary("Div", &centred, &deviation)?;
    for (at, op) in [(1, "Mul"), (2, "Add")] {
        if node.has_input(at) {
            let values = t.computed(node, at)?;
            done = t.builder.binary(op, &done, &values)?;
        }
    }
    Ok(done)
}
