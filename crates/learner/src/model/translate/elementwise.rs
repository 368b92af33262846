//! Operators that work element by element, and matrix products.
//!
//! Owns their translation into the operators of this backend. Must not know the values before them but through the
//! translator.

use super::builder::Builder;
use super::error::{Result, refused};
use super::ml_ops::normalized;
use super::node::Node;
use super::translator::Translator;
use super::value::{Computed, Value, axis_of};

pub(crate) fn negative(builder: &mut Builder, _: Node, x: &Computed) -> Result<Computed> {
    let negative = builder.with_number("Mul", x, -1.0)?;
    Ok(Computed { integers: x.integers, ..negative })
}

pub(crate) fn reciprocal(builder: &mut Builder, _: Node, x: &Computed) -> Result<Computed> {
    let one = builder.scalar(1.0)?;
    builder.binary("Div", &one, x)
}

pub(crate) fn choose(translator: &mut Translator, node: Node) -> Result<Computed> {
    let (flag, yes, no) =
        (translator.computed(node, 0)?, translator.computed(node, 1)?, translator.computed(node, 2)?);
    translator.builder.choose(&flag, &yes, &no)
}

pub(crate) fn lp_normalization(builder: &mut Builder, node: Node, x: &Computed) -> Result<Computed> {
    if x.shape.len() != 2 || axis_of(node.int("axis", -1), 2)? != 1 {
        return refused("it is not of rows and columns, or mixes samples");
    }
    normalized(builder, x, if node.int("p", 2) == 1 { "L1" } else { "L2" })
}

pub(crate) fn arithmetic(translator: &mut Translator, node: Node) -> Result<Computed> {
    let op = match node.proto.op_type.as_str() {
        "Sum" | "Mean" => "Add",
        op => op,
    };
    let mut done = translator.computed(node, 0)?;
    let inputs = node.inputs();
    for at in 1..inputs {
        let next = translator.computed(node, at)?;
        if op == "Div" && done.integers && next.integers {
            return refused("it divides integers");
        }
        done = translator.builder.binary(op, &done, &next)?;
    }
    if node.proto.op_type == "Mean" {
        done = translator.builder.with_number("Mul", &done, 1.0 / inputs as f32)?;
    }
    Ok(done)
}

pub(crate) fn power(translator: &mut Translator, node: Node) -> Result<Computed> {
    let x = translator.computed(node, 0)?;
    let exponent = match translator.value(node, 1)? {
        Value::Known(tensor) if tensor.len() == 1 => tensor.numbers()?.first().copied(),
        _ => None,
    };
    match exponent {
        // Statistics use squares, and a product is exact where a power is not.
        Some(2.0) => translator.builder.binary("Mul", &x, &x),
        Some(0.5) => translator.builder.unary("Sqrt", &x),
        _ => {
            let exponent = translator.computed(node, 1)?;
            translator.builder.binary("Pow", &x, &exponent)
        }
    }
}

pub(crate) fn comparison(builder: &mut Builder, node: Node, a: &Computed, b: &Computed) -> Result<Computed> {
    match node.proto.op_type.as_str() {
        "Equal" => builder.compare("Equal", a, b),
        "Greater" => builder.compare("Greater", a, b),
        "Less" => builder.compare("Greater", b, a),
        // Not the negation of the opposite comparison: comparisons with a missing value are false.
        op => {
            let (larger, smaller) = if op == "GreaterOrEqual" { (a, b) } else { (b, a) };
            let (above, equal) =
                (builder.compare("Greater", larger, smaller)?, builder.compare("Equal", larger, smaller)?);
            builder.binary("Add", &above, &equal)
        }
    }
}

pub(crate) fn logic(builder: &mut Builder, node: Node, a: &Computed, b: &Computed) -> Result<Computed> {
    let done = match node.proto.op_type.as_str() {
        "And" => builder.binary("Mul", a, b)?,
        "Or" => builder.binary("Max", a, b)?,
        _ => {
            let difference = builder.binary("Sub", a, b)?;
            builder.unary("Abs", &difference)?
        }
    };
    Ok(Computed { integers: true, flags_missing: a.flags_missing && b.flags_missing, ..done })
}

pub(crate) fn clip(translator: &mut Translator, node: Node) -> Result<Computed> {
    let mut x = translator.computed(node, 0)?;
    for (at, attribute, op) in [(1, "min", "Max"), (2, "max", "Min")] {
        let bound = if node.has_input(at) {
            translator.computed(node, at)?
        } else if node.has(attribute) {
            let bound = node.float(attribute, 0.0)?;
            translator.builder.scalar(bound)?
        } else {
            continue;
        };
        if bound.shape.iter().any(|dim| dim.batch || dim.size != 1) {
            return refused("its bounds are not single numbers");
        }
        x = translator.builder.binary(op, &x, &bound)?;
    }
    Ok(x)
}

pub(crate) fn gemm(translator: &mut Translator, node: Node) -> Result<Computed> {
    let (mut a, mut b) = (translator.computed(node, 0)?, translator.computed(node, 1)?);
    for (flag, matrix) in [("transA", &mut a), ("transB", &mut b)] {
        if node.int(flag, 0) != 0 {
            if matrix.shape.len() != 2 {
                return refused("its input is not a matrix");
            }
            *matrix = translator.builder.transpose(matrix, &[1, 0])?;
        }
    }
    let mut done = translator.builder.mat_mul(&a, &b)?;
    let (alpha, beta) = (node.float("alpha", 1.0)?, node.float("beta", 1.0)?);
    if alpha.to_bits() != 1.0_f32.to_bits() {
        done = translator.builder.with_number("Mul", &done, alpha)?;
    }
    if node.has_input(2) && beta != 0.0 {
        let mut c = translator.computed(node, 2)?;
        if beta.to_bits() != 1.0_f32.to_bits() {
            c = translator.builder.with_number("Mul", &c, beta)?;
        }
        done = translator.builder.binary("Add", &done, &c)?;
    }
    Ok(done)
}

/// As in inference: one factor and one summand per channel.
pub(crate) fn batch_normalization(translator: &mut Translator, node: Node) -> Result<Computed> {
    let x = translator.computed(node, 0)?;
    if x.shape.len() != 2 || node.int("training_mode", 0) != 0 {
        return refused("it is not of rows and columns, or in training mode");
    }
    let parameter = |at| match translator.value(node, at)? {
        Value::Known(tensor) => tensor.numbers(),
        Value::Computed(_) => refused("its parameters are not constant"),
    };
    let [scale, bias, mean, variance] = [parameter(1)?, parameter(2)?, parameter(3)?, parameter(4)?];
    let channels = scale.len();
    if [&bias, &mean, &variance].iter().any(|part| part.len() != channels) || x.shape[1].size != channels {
        return refused("its parameters do not fit its input");
    }
    let epsilon = node.float("epsilon", 1e-5)?;
    let factors: Vec<f32> =
        scale.iter().zip(&variance).map(|(scale, variance)| scale / (variance + epsilon).sqrt()).collect();
    let summands: Vec<f32> = (0..channels).map(|at| bias[at] - mean[at] * factors[at]).collect();
    let (factors, summands) = (translator.builder.row(&factors)?, translator.builder.row(&summands)?);
    let scaled = translator.builder.binary("Mul", &x, &factors)?;
    translator.builder.binary("Add", &scaled, &summands)
}

/// The values of each sample, normalised to mean 0 and variance 1, times a factor, plus a summand.
pub(crate) fn layer_normalization(translator: &mut Translator, node: Node) -> Result<Computed> {
    let x = translator.computed(node, 0)?;
    let axis = axis_of(node.int("axis", -1), x.shape.len())?;
    if axis + 1 != x.shape.len() {
        return refused("it works along several axes at once");
    }
    let share = 1.0 / x.shape[axis].size as f32;
    let sum = translator.builder.reduce("ReduceSum", &x, &[axis])?;
    let mean = translator.builder.with_number("Mul", &sum, share)?;
    let centred = translator.builder.binary("Sub", &x, &mean)?;
    let squares = translator.builder.binary("Mul", &centred, &centred)?;
    let sum = translator.builder.reduce("ReduceSum", &squares, &[axis])?;
    let variance = translator.builder.with_number("Mul", &sum, share)?;
    let variance = translator.builder.with_number("Add", &variance, node.float("epsilon", 1e-5)?)?;
    let deviation = translator.builder.unary("Sqrt", &variance)?;
    let mut done = translator.builder.binary("Div", &centred, &deviation)?;
    for (at, op) in [(1, "Mul"), (2, "Add")] {
        if node.has_input(at) {
            let values = translator.computed(node, at)?;
            done = translator.builder.binary(op, &done, &values)?;
        }
    }
    Ok(done)
}
