//! The activations of neural networks that this backend has no operator for, in terms of others.
//!
//! Owns their translation. Definitions: the ONNX operator reference. Must not know the graph around them.

use super::error::{Result, refused};
use super::node::Node;
use super::translator::Translator;
use super::value::Computed;

pub(crate) fn leaky_relu(translator: &mut Translator, node: Node) -> Result<Computed> {
    let x = translator.computed(node, 0)?;
    let slope = translator.builder.scalar(node.float("alpha", 0.01)?)?;
    leaky(translator, &x, &slope)
}

pub(crate) fn p_relu(translator: &mut Translator, node: Node) -> Result<Computed> {
    let (x, slope) = (translator.computed(node, 0)?, translator.computed(node, 1)?);
    leaky(translator, &x, &slope)
}

pub(crate) fn elu(translator: &mut Translator, node: Node) -> Result<Computed> {
    let x = translator.computed(node, 0)?;
    exponential(translator, &x, node.float("alpha", 1.0)?, 1.0)
}

pub(crate) fn celu(translator: &mut Translator, node: Node) -> Result<Computed> {
    let x = translator.computed(node, 0)?;
    let alpha = node.float("alpha", 1.0)?;
    exponential(translator, &x, alpha, 1.0 / alpha)
}

pub(crate) fn selu(translator: &mut Translator, node: Node) -> Result<Computed> {
    let x = translator.computed(node, 0)?;
    let (alpha, gamma) = (node.float("alpha", 1.673_263_2)?, node.float("gamma", 1.050_701)?);
    let elu = exponential(translator, &x, alpha, 1.0)?;
    translator.builder.with_number("Mul", &elu, gamma)
}

pub(crate) fn softplus(translator: &mut Translator, node: Node) -> Result<Computed> {
    let x = translator.computed(node, 0)?;
    log_of_1_plus_exp(translator, &x)
}

pub(crate) fn softsign(translator: &mut Translator, node: Node) -> Result<Computed> {
    let x = translator.computed(node, 0)?;
    let size = translator.builder.unary("Abs", &x)?;
    let more = translator.builder.with_number("Add", &size, 1.0)?;
    translator.builder.binary("Div", &x, &more)
}

pub(crate) fn hard_sigmoid(translator: &mut Translator, node: Node) -> Result<Computed> {
    let x = translator.computed(node, 0)?;
    clipped_line(translator, &x, node.float("alpha", 0.2)?, node.float("beta", 0.5)?)
}

pub(crate) fn hard_swish(translator: &mut Translator, node: Node) -> Result<Computed> {
    let x = translator.computed(node, 0)?;
    let gate = clipped_line(translator, &x, 1.0 / 6.0, 0.5)?;
    translator.builder.binary("Mul", &x, &gate)
}

pub(crate) fn swish(translator: &mut Translator, node: Node) -> Result<Computed> {
    let x = translator.computed(node, 0)?;
    let scaled = translator.builder.with_number("Mul", &x, node.float("alpha", 1.0)?)?;
    let gate = translator.builder.unary("Sigmoid", &scaled)?;
    translator.builder.binary("Mul", &x, &gate)
}

pub(crate) fn mish(translator: &mut Translator, node: Node) -> Result<Computed> {
    let x = translator.computed(node, 0)?;
    let soft = log_of_1_plus_exp(translator, &x)?;
    let gate = translator.builder.unary("Tanh", &soft)?;
    translator.builder.binary("Mul", &x, &gate)
}

pub(crate) fn thresholded_relu(translator: &mut Translator, node: Node) -> Result<Computed> {
    let x = translator.computed(node, 0)?;
    let alpha = translator.builder.scalar(node.float("alpha", 1.0)?)?;
    let above = translator.builder.compare("Greater", &x, &alpha)?;
    translator.builder.binary("Mul", &x, &above)
}

fn negative_part(translator: &mut Translator, x: &Computed) -> Result<Computed> {
    translator.builder.with_number("Min", x, 0.0)
}

fn leaky(translator: &mut Translator, x: &Computed, slope: &Computed) -> Result<Computed> {
    let above = translator.builder.unary("Relu", x)?;
    let below = negative_part(translator, x)?;
    let below = translator.builder.binary("Mul", &below, slope)?;
    translator.builder.binary("Add", &above, &below)
}

/// max(x, 0) + alpha · (exp(inner · min(x, 0)) − 1)
fn exponential(translator: &mut Translator, x: &Computed, alpha: f32, inner: f32) -> Result<Computed> {
    let above = translator.builder.unary("Relu", x)?;
    let below = negative_part(translator, x)?;
    let below = translator.builder.with_number("Mul", &below, inner)?;
    let grown = translator.builder.unary("Exp", &below)?;
    let grown = translator.builder.with_number("Sub", &grown, 1.0)?;
    let grown = translator.builder.with_number("Mul", &grown, alpha)?;
    translator.builder.binary("Add", &above, &grown)
}

/// log(1 + exp(x)) = max(x, 0) + log(1 + exp(−|x|)), which does not overflow.
fn log_of_1_plus_exp(translator: &mut Translator, x: &Computed) -> Result<Computed> {
    let above = translator.builder.unary("Relu", x)?;
    let size = translator.builder.unary("Abs", x)?;
    let size = translator.builder.with_number("Mul", &size, -1.0)?;
    let grown = translator.builder.unary("Exp", &size)?;
    let grown = translator.builder.with_number("Add", &grown, 1.0)?;
    let rest = translator.builder.unary("Log", &grown)?;
    translator.builder.binary("Add", &above, &rest)
}

fn clipped_line(translator: &mut Translator, x: &Computed, alpha: f32, beta: f32) -> Result<Computed> {
    let line = translator.builder.with_number("Mul", x, alpha)?;
    let line = translator.builder.with_number("Add", &line, beta)?;
    let line = translator.builder.with_number("Max", &line, 0.0)?;
    translator.builder.with_number("Min", &line, 1.0)
}

pub(crate) fn gelu(translator: &mut Translator, node: Node) -> Result<Computed> {
    let x = &translator.computed(node, 0)?;
    let inner = match node.text("approximate") {
        "" | "none" => {
            let scaled = translator.builder.with_number("Mul", x, std::f32::consts::FRAC_1_SQRT_2)?;
            translator.builder.unary("Erf", &scaled)?
        }
        "tanh" => {
            let square = translator.builder.binary("Mul", x, x)?;
            let cube = translator.builder.binary("Mul", &square, x)?;
            let cube = translator.builder.with_number("Mul", &cube, 0.044_715)?;
            let sum = translator.builder.binary("Add", x, &cube)?;
            let scaled = translator.builder.with_number("Mul", &sum, (2.0 / std::f32::consts::PI).sqrt())?;
            translator.builder.unary("Tanh", &scaled)?
        }
        _ => return refused("its approximation is neither none nor tanh"),
    };
    let more = translator.builder.with_number("Add", &inner, 1.0)?;
    let half = translator.builder.with_number("Mul", x, 0.5)?;
    translator.builder.binary("Mul", &half, &more)
}
