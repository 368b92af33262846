//! The activations of neural networks that this backend has no operator for, in terms of others.
//!
//! Owns their translation. Definitions: the ONNX operator reference. Must not know the graph around them.

use super::builder::Builder;
use super::error::{Result, refused};
use super::node::Node;
use super::value::Computed;

pub(crate) fn leaky_relu(builder: &mut Builder, node: Node, x: &Computed) -> Result<Computed> {
    let slope = builder.scalar(node.float("alpha", 0.01)?)?;
    leaky(builder, x, &slope)
}

pub(crate) fn elu(builder: &mut Builder, node: Node, x: &Computed) -> Result<Computed> {
    exponential(builder, x, node.float("alpha", 1.0)?, 1.0)
}

pub(crate) fn celu(builder: &mut Builder, node: Node, x: &Computed) -> Result<Computed> {
    let alpha = node.float("alpha", 1.0)?;
    exponential(builder, x, alpha, 1.0 / alpha)
}

pub(crate) fn selu(builder: &mut Builder, node: Node, x: &Computed) -> Result<Computed> {
    let (alpha, gamma) = (node.float("alpha", 1.673_263_2)?, node.float("gamma", 1.050_701)?);
    let elu = exponential(builder, x, alpha, 1.0)?;
    builder.with_number("Mul", &elu, gamma)
}

pub(crate) fn softsign(builder: &mut Builder, _: Node, x: &Computed) -> Result<Computed> {
    let size = builder.unary("Abs", x)?;
    let more = builder.with_number("Add", &size, 1.0)?;
    builder.binary("Div", x, &more)
}

pub(crate) fn hard_sigmoid(builder: &mut Builder, node: Node, x: &Computed) -> Result<Computed> {
    clipped_line(builder, x, node.float("alpha", 0.2)?, node.float("beta", 0.5)?)
}

pub(crate) fn hard_swish(builder: &mut Builder, _: Node, x: &Computed) -> Result<Computed> {
    let gate = clipped_line(builder, x, 1.0 / 6.0, 0.5)?;
    builder.binary("Mul", x, &gate)
}

pub(crate) fn swish(builder: &mut Builder, node: Node, x: &Computed) -> Result<Computed> {
    let scaled = builder.with_number("Mul", x, node.float("alpha", 1.0)?)?;
    let gate = builder.unary("Sigmoid", &scaled)?;
    builder.binary("Mul", x, &gate)
}

pub(crate) fn mish(builder: &mut Builder, _: Node, x: &Computed) -> Result<Computed> {
    let soft = log_of_1_plus_exp(builder, x)?;
    let gate = builder.unary("Tanh", &soft)?;
    builder.binary("Mul", x, &gate)
}

pub(crate) fn thresholded_relu(builder: &mut Builder, node: Node, x: &Computed) -> Result<Computed> {
    let alpha = builder.scalar(node.float("alpha", 1.0)?)?;
    let above = builder.compare("Greater", x, &alpha)?;
    builder.binary("Mul", x, &above)
}

pub(crate) fn gelu(builder: &mut Builder, node: Node, x: &Computed) -> Result<Computed> {
    let inner = match node.text("approximate") {
        "" | "none" => {
            let scaled = builder.with_number("Mul", x, std::f32::consts::FRAC_1_SQRT_2)?;
            builder.unary("Erf", &scaled)?
        }
        "tanh" => {
            let square = builder.binary("Mul", x, x)?;
            let cube = builder.binary("Mul", &square, x)?;
            let cube = builder.with_number("Mul", &cube, 0.044_715)?;
            let sum = builder.binary("Add", x, &cube)?;
            let scaled = builder.with_number("Mul", &sum, (2.0 / std::f32::consts::PI).sqrt())?;
            builder.unary("Tanh", &scaled)?
        }
        _ => return refused("its approximation is neither none nor tanh"),
    };
    let more = builder.with_number("Add", &inner, 1.0)?;
    let half = builder.with_number("Mul", x, 0.5)?;
    builder.binary("Mul", &half, &more)
}

/// `LeakyRelu` and `PRelu`: max(x, 0) + slope · min(x, 0)
pub(crate) fn leaky(builder: &mut Builder, x: &Computed, slope: &Computed) -> Result<Computed> {
    let above = builder.unary("Relu", x)?;
    let below = builder.with_number("Min", x, 0.0)?;
    let below = builder.binary("Mul", &below, slope)?;
    builder.binary("Add", &above, &below)
}

/// max(x, 0) + alpha · (exp(inner · min(x, 0)) − 1)
fn exponential(builder: &mut Builder, x: &Computed, alpha: f32, inner: f32) -> Result<Computed> {
    let above = builder.unary("Relu", x)?;
    let below = builder.with_number("Min", x, 0.0)?;
    let below = builder.with_number("Mul", &below, inner)?;
    let grown = builder.unary("Exp", &below)?;
    let grown = builder.with_number("Sub", &grown, 1.0)?;
    let grown = builder.with_number("Mul", &grown, alpha)?;
    builder.binary("Add", &above, &grown)
}

/// `Softplus`: log(1 + exp(x)) = max(x, 0) + log(1 + exp(−|x|)), which does not overflow.
pub(crate) fn log_of_1_plus_exp(builder: &mut Builder, x: &Computed) -> Result<Computed> {
    let above = builder.unary("Relu", x)?;
    let size = builder.unary("Abs", x)?;
    let size = builder.with_number("Mul", &size, -1.0)?;
    let grown = builder.unary("Exp", &size)?;
    let grown = builder.with_number("Add", &grown, 1.0)?;
    let rest = builder.unary("Log", &grown)?;
    builder.binary("Add", &above, &rest)
}

fn clipped_line(builder: &mut Builder, x: &Computed, alpha: f32, beta: f32) -> Result<Computed> {
    let line = builder.with_number("Mul", x, alpha)?;
    let line = builder.with_number("Add", &line, beta)?;
    let line = builder.with_number("Max", &line, 0.0)?;
    builder.with_number("Min", &line, 1.0)
}
