//! Plain operators that work element by element, and matrix products.

use super::graph_walk::Translator;
use super::node::Node;
use super::value::{Computed, Value, axis_of};
use super::{Done, refused};

/// The result of an operator that works element by element; `None` for another.
pub(crate) fn translate(t: &mut Translator, node: Node) -> Done<Option<Computed>> {
    let op = node.proto.op_type.as_str();
    let done = match op {
        "Add" | "Sub" | "Mul" | "Div" | "Max" | "Min" | "Sum" | "Mean" => arithmetic(t, node)?,
        "Pow" => power(t, node)?,
        "Tanh" | "Sigmoid" | "Exp" | "Log" | "Sqrt" | "Abs" | "Erf" | "Cos" | "Relu" | "Floor" => {
            let x = t.computed(node, 0)?;
            t.emit.unary(op, &x)?
        }
        "Neg" => scaled(t, node, -1.0)?,
        "Reciprocal" => {
            let x = t.computed(node, 0)?;
            let one = t.emit.scalar(1.0)?;
            t.emit.binary("Div", &one, &x)?
        }
        "Equal" | "Greater" | "Less" | "GreaterOrEqual" | "LessOrEqual" => comparison(t, node)?,
        "And" | "Or" | "Xor" | "Not" => logic(t, node)?,
        "Where" => {
            let (flag, yes, no) = (t.computed(node, 0)?, t.computed(node, 1)?, t.computed(node, 2)?);
            t.emit.choose(&flag, &yes, &no)?
        }
        "IsNaN" => {
            let x = t.computed(node, 0)?;
            t.emit.is_missing(&x)?
        }
        "Clip" => clip(t, node)?,
        "Gemm" => gemm(t, node)?,
        "MatMul" => {
            let (a, b) = (t.computed(node, 0)?, t.computed(node, 1)?);
            t.emit.mat_mul(&a, &b)?
        }
        "BatchNormalization" => batch_normalization(t, node)?,
        "LpNormalization" => {
            let x = t.computed(node, 0)?;
            if x.shape.len() != 2 || axis_of(node.int("axis", -1), 2)? != 1 {
                return refused("it is not of rows and columns, or mixes samples");
            }
            let norm = if node.int("p", 2) == 1 { "L1" } else { "L2" };
            super::ml_ops::normalized(t, &x, norm)?
        }
        "LayerNormalization" => layer_normalization(t, node)?,
        _ => return super::activations::translate(t, node),
    };
    Ok(Some(done))
}

fn arithmetic(t: &mut Translator, node: Node) -> Done<Computed> {
    let op = match node.proto.op_type.as_str() {
        "Sum" | "Mean" => "Add",
        op => op,
    };
    let mut done = t.computed(node, 0)?;
    let inputs = node.inputs();
    for at in 1..inputs {
        let next = t.computed(node, at)?;
        if op == "Div" && done.whole && next.whole {
            return refused("it divides whole numbers");
        }
        done = t.emit.binary(op, &done, &next)?;
    }
    if node.proto.op_type == "Mean" {
        done = t.emit.with_number("Mul", &done, 1.0 / inputs as f32)?;
    }
    Ok(done)
}

fn scaled(t: &mut Translator, node: Node, factor: f32) -> Done<Computed> {
    let x = t.computed(node, 0)?;
    let scaled = t.emit.with_number("Mul", &x, factor)?;
    Ok(Computed { whole: x.whole, ..scaled })
}

fn power(t: &mut Translator, node: Node) -> Done<Computed> {
    let x = t.computed(node, 0)?;
    let exponent = match t.value(node, 1)? {
        Value::Known(tensor) if tensor.len() == 1 => tensor.numbers()?.first().copied(),
        _ => None,
    };
    match exponent {
        // Squares are what statistics are made of, and a product is exact where a power is not.
        Some(2.0) => t.emit.binary("Mul", &x, &x),
        Some(0.5) => t.emit.unary("Sqrt", &x),
        _ => {
            let exponent = t.computed(node, 1)?;
            t.emit.binary("Pow", &x, &exponent)
        }
    }
}

fn comparison(t: &mut Translator, node: Node) -> Done<Computed> {
    let (a, b) = (t.computed(node, 0)?, t.computed(node, 1)?);
    let emit = &mut t.emit;
    match node.proto.op_type.as_str() {
        "Equal" => emit.compare("Equal", &a, &b),
        "Greater" => emit.compare("Greater", &a, &b),
        "Less" => emit.compare("Greater", &b, &a),
        // Not "not less": comparisons with a missing value are false.
        op => {
            let (larger, smaller) = if op == "GreaterOrEqual" { (&a, &b) } else { (&b, &a) };
            let (above, equal) =
                (emit.compare("Greater", larger, smaller)?, emit.compare("Equal", larger, smaller)?);
            emit.binary("Add", &above, &equal)
        }
    }
}

fn logic(t: &mut Translator, node: Node) -> Done<Computed> {
    let mut a = t.computed(node, 0)?;
    if node.proto.op_type == "Not" {
        return t.emit.not(&a);
    }
    let b = t.computed(node, 1)?;
    let tells = a.tells_missing && b.tells_missing;
    a = match node.proto.op_type.as_str() {
        "And" => t.emit.binary("Mul", &a, &b)?,
        "Or" => t.emit.binary("Max", &a, &b)?,
        _ => {
            let difference = t.emit.binary("Sub", &a, &b)?;
            t.emit.unary("Abs", &difference)?
        }
    };
    Ok(Computed { whole: true, tells_missing: tells, ..a })
}

fn clip(t: &mut Translator, node: Node) -> Done<Computed> {
    let mut x = t.computed(node, 0)?;
    for (at, attribute, op) in [(1, "min", "Max"), (2, "max", "Min")] {
        let bound = if node.has_input(at) {
            t.computed(node, at)?
        } else if node.has(attribute) {
            let bound = node.float(attribute, 0.0)?;
            t.emit.scalar(bound)?
        } else {
            continue;
        };
        if bound.shape.iter().any(|dim| dim.batch || dim.size != 1) {
            return refused("its bounds are not single numbers");
        }
        x = t.emit.binary(op, &x, &bound)?;
    }
    Ok(x)
}

fn gemm(t: &mut Translator, node: Node) -> Done<Computed> {
    let (mut a, mut b) = (t.computed(node, 0)?, t.computed(node, 1)?);
    for (flag, matrix) in [("transA", &mut a), ("transB", &mut b)] {
        if node.int(flag, 0) != 0 {
            if matrix.shape.len() != 2 {
                return refused("it multiplies something that is no matrix");
            }
            *matrix = t.emit.transpose(matrix, &[1, 0])?;
        }
    }
    let mut done = t.emit.mat_mul(&a, &b)?;
    let (alpha, beta) = (node.float("alpha", 1.0)?, node.float("beta", 1.0)?);
    if alpha.to_bits() != 1.0_f32.to_bits() {
        done = t.emit.with_number("Mul", &done, alpha)?;
    }
    if node.has_input(2) && beta != 0.0 {
        let mut c = t.computed(node, 2)?;
        if beta.to_bits() != 1.0_f32.to_bits() {
            c = t.emit.with_number("Mul", &c, beta)?;
        }
        done = t.emit.binary("Add", &done, &c)?;
    }
    Ok(done)
}

/// As it predicts: one factor and one summand a channel.
fn batch_normalization(t: &mut Translator, node: Node) -> Done<Computed> {
    let x = t.computed(node, 0)?;
    if x.shape.len() != 2 || node.int("training_mode", 0) != 0 {
        return refused("it is not of rows and columns, or still learning");
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
    let (factors, summands) = (t.emit.row(&factors)?, t.emit.row(&summands)?);
    let scaled = t.emit.binary("Mul", &x, &factors)?;
    t.emit.binary("Add", &scaled, &summands)
}

/// Each sample's values, with mean 0 and variance 1 among themselves, times a factor, plus a summand.
fn layer_normalization(t: &mut Translator, node: Node) -> Done<Computed> {
    let x = t.computed(node, 0)?;
    let axis = axis_of(node.int("axis", -1), x.shape.len())?;
    if axis + 1 != x.shape.len() {
        return refused("it works along several axes at once");
    }
    let share = 1.0 / x.shape[axis].size as f32;
    let sum = t.emit.reduce("ReduceSum", &x, &[axis])?;
    let mean = t.emit.with_number("Mul", &sum, share)?;
    let centred = t.emit.binary("Sub", &x, &mean)?;
    let squares = t.emit.binary("Mul", &centred, &centred)?;
    let sum = t.emit.reduce("ReduceSum", &squares, &[axis])?;
    let variance = t.emit.with_number("Mul", &sum, share)?;
    let variance = t.emit.with_number("Add", &variance, node.float("epsilon", 1e-5)?)?;
    let deviation = t.emit.unary("Sqrt", &variance)?;
    let mut done = t.emit.binary("Div", &centred, &deviation)?;
    for (at, op) in [(1, "Mul"), (2, "Add")] {
        if node.has_input(at) {
            let values = t.computed(node, at)?;
            done = t.emit.binary(op, &done, &values)?;
        }
    }
    Ok(done)
}
