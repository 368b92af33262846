//! The activations of neural networks that this backend has no operator for, in terms of others.
//!
//! Owns their translation. Definitions: the ONNX operator reference. Must not know the graph around them.

use super::error::{Result, refused};
use super::node::Node;
use super::translator::Translator;
use super::value::Computed;

pub(crate) fn leaky_relu(t: &mut Translator, node: Node) -> Result<Computed> {
    let x = t.computed(node, 0)?;
    let slope = t.builder.scalar(node.float("alpha", 0.01)?)?;
    leaky(t, &x, &slope)
}

pub(crate) fn p_relu(t: &mut Translator, node: Node) -> Result<Computed> {
    let (x, slope) = (t.computed(node, 0)?, t.computed(node, 1)?);
    leaky(t, &x, &slope)
}

pub(crate) fn elu(t: &mut Translator, node: Node) -> Result<Computed> {
    let x = t.computed(node, 0)?;
    exponential(t, &x, node.float("alpha", 1.0)?, 1.0)
}

pub(crate) fn celu(t: &mut Translator, node: Node) -> Result<Computed> {
    let x = t.computed(node, 0)?;
    let alpha = node.float("alpha", 1.0)?;
    exponential(t, &x, alpha, 1.0 / alpha)
}

pub(crate) fn selu(t: &mut Translator, node: Node) -> Result<Computed> {
    let x = t.computed(node, 0)?;
    let (alpha, gamma) = (node.float("alpha", 1.673_263_2)?, node.float("gamma", 1.050_701)?);
    let elu = exponential(t, &x, alpha, 1.0)?;
    t.builder.with_number("Mul", &elu, gamma)
}

pub(crate) fn softplus(t: &mut Translator, node: Node) -> Result<Computed> {
    let x = t.computed(node, 0)?;
    log_of_1_plus_exp(t, &x)
}

pub(crate) fn softsign(t: &mut Translator, node: Node) -> Result<Computed> {
    let x = t.computed(node, 0)?;
    let size = t.builder.unary("Abs", &x)?;
    let more = t.builder.with_number("Add", &size, 1.0)?;
    t.builder.binary("Div", &x, &more)
}

pub(crate) fn hard_sigmoid(t: &mut Translator, node: Node) -> Result<Computed> {
    let x = t.computed(node, 0)?;
    clipped_line(t, &x, node.float("alpha", 0.2)?, node.float("beta", 0.5)?)
}

pub(crate) fn hard_swish(t: &mut Translator, node: Node) -> Result<Computed> {
    let x = t.computed(node, 0)?;
    let gate = clipped_line(t, &x, 1.0 / 6.0, 0.5)?;
    t.builder.binary("Mul", &x, &gate)
}

pub(crate) fn swish(t: &mut Translator, node: Node) -> Result<Computed> {
    let x = t.computed(node, 0)?;
    let scaled = t.builder.with_number("Mul", &x, node.float("alpha", 1.0)?)?;
    let gate = t.builder.unary("Sigmoid", &scaled)?;
    t.builder.binary("Mul", &x, &gate)
}

pub(crate) fn mish(t: &mut Translator, node: Node) -> Result<Computed> {
    let x = t.computed(node, 0)?;
    let soft = log_of_1_plus_exp(t, &x)?;
    let gate = t.builder.unary("Tanh", &soft)?;
    t.builder.binary("Mul", &x, &gate)
}

pub(crate) fn thresholded_relu(t: &mut Translator, node: Node) -> Result<Computed> {
    let x = t.computed(node, 0)?;
    let alpha = t.builder.scalar(node.float("alpha", 1.0)?)?;
    let above = t.builder.compare("Greater", &x, &alpha)?;
    t.builder.binary("Mul", &x, &above)
}

fn negative_part(t: &mut Translator, x: &Computed) -> Result<Computed> {
    t.builder.with_number("Min", x, 0.0)
}

fn leaky(t: &mut Translator, x: &Computed, slope: &Computed) -> Result<Computed> {
    let above = t.builder.unary("Relu", x)?;
    let below = negative_part(t, x)?;
    let below = t.builder.binary("Mul", &below, slope)?;
    t.builder.binary("Add", &above, &below)
}

/// max(x, 0) + alpha · (exp(inner · min(x, 0)) − 1)
fn exponential(t: &mut Translator, x: &Computed, alpha: f32, inner: f32) -> Result<Computed> {
    let above = t.builder.unary("Relu", x)?;
    let below = negative_part(t, x)?;
    let below = t.builder.with_number("Mul", &below, inner)?;
    let grown = t.builder.unary("Exp", &below)?;
    let grown = t.builder.with_number("Sub", &grown, 1.0)?;
    let grown = t.builder.with_number("Mul", &grown, alpha)?;
    t.builder.binary("Add", &above, &grown)
}

/// log(1 + exp(x)) = max(x, 0) + log(1 + exp(−|x|)), which does not overflow.
fn log_of_1_plus_exp(t: &mut Translator, x: &Computed) -> Result<Computed> {
    let above = t.builder.unary("Relu", x)?;
    let size = t.builder.unary("Abs", x)?;
    let size = t.builder.with_number("Mul", &size, -1.0)?;
    let grown = t.builder.unary("Exp", &size)?;
    let grown = t.builder.with_number("Add", &grown, 1.0)?;
    let rest = t.builder.unary("Log", &grown)?;
    t.builder.binary("Add", &above, &rest)
}

fn clipped_line(t: &mut Translator, x: &Computed, alpha: f32, beta: f32) -> Result<Computed> {
    let line = t.builder.with_number("Mul", x, alpha)?;
    let line = t.builder.with_number("Add", &line, beta)?;
    let line = t.builder.with_number("Max", &line, 0.0)?;
    t.builder.with_number("Min", &line, 1.0)
}

pub(crate) fn gelu(t: &mut Translator, node: Node) -> Result<Computed> {
    let x = &t.computed(node, 0)?;
    let inner = match node.text("approximate") {
        "" | "none" => {
            let scaled = t.builder.with_number("Mul", x, std::f32::consts::FRAC_1_SQRT_2)?;
            t.builder.unary("Erf", &scaled)?
        }
        "tanh" => {
            let square = t.builder.binary("Mul", x, x)?;
            let cube = t.builder.binary("Mul", &square, x)?;
            let cube = t.builder.with_number("Mul", &cube, 0.044_715)?;
            let sum = t.builder.binary("Add", x, &cube)?;
            let scaled = t.builder.with_number("Mul", &sum, (2.0 / std::f32::consts::PI).sqrt())?;
            t.builder.unary("Tanh", &scaled)?
        }
        _ => return refused("its approximation is neither none nor tanh"),
    };
    let more = t.builder.with_number("Add", &inner, 1.0)?;
    let half = t.builder.with_number("Mul", x, 0.5)?;
    t.builder.binary("Mul", &half, &more)
}
