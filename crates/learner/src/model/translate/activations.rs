//! The activations of neural networks, in terms of fewer operators. Definitions: the ONNX operator
//! reference.

use super::graph_walk::Translator;
use super::node::Node;
use super::value::Computed;
use super::{Done, refused};

/// The result of an activation; `None` for another operator.
pub(crate) fn translate(t: &mut Translator, node: Node) -> Done<Option<Computed>> {
    let op = node.proto.op_type.as_str();
    let known = [
        "LeakyRelu",
        "PRelu",
        "Elu",
        "Selu",
        "Celu",
        "Softplus",
        "Softsign",
        "HardSigmoid",
        "HardSwish",
        "Swish",
        "Gelu",
        "Mish",
        "ThresholdedRelu",
    ];
    if !known.contains(&op) {
        return Ok(None);
    }
    let x = t.computed(node, 0)?;
    let done = match op {
        "LeakyRelu" => {
            let slope = node.float("alpha", 0.01)?;
            let slope = t.emit.scalar(slope)?;
            leaky(t, &x, &slope)?
        }
        "PRelu" => {
            let slope = t.computed(node, 1)?;
            leaky(t, &x, &slope)?
        }
        "Elu" => exponential(t, &x, node.float("alpha", 1.0)?, 1.0)?,
        "Celu" => {
            let alpha = node.float("alpha", 1.0)?;
            exponential(t, &x, alpha, 1.0 / alpha)?
        }
        "Selu" => {
            let (alpha, gamma) = (node.float("alpha", 1.673_263_2)?, node.float("gamma", 1.050_701)?);
            let elu = exponential(t, &x, alpha, 1.0)?;
            t.emit.with_number("Mul", &elu, gamma)?
        }
        "Softplus" => softplus(t, &x)?,
        "Softsign" => {
            let size = t.emit.unary("Abs", &x)?;
            let more = t.emit.with_number("Add", &size, 1.0)?;
            t.emit.binary("Div", &x, &more)?
        }
        "HardSigmoid" => hard_sigmoid(t, &x, node.float("alpha", 0.2)?, node.float("beta", 0.5)?)?,
        "HardSwish" => {
            let gate = hard_sigmoid(t, &x, 1.0 / 6.0, 0.5)?;
            t.emit.binary("Mul", &x, &gate)?
        }
        "Swish" => {
            let scaled = t.emit.with_number("Mul", &x, node.float("alpha", 1.0)?)?;
            let gate = t.emit.unary("Sigmoid", &scaled)?;
            t.emit.binary("Mul", &x, &gate)?
        }
        "Mish" => {
            let soft = softplus(t, &x)?;
            let gate = t.emit.unary("Tanh", &soft)?;
            t.emit.binary("Mul", &x, &gate)?
        }
        "Gelu" => gelu(t, &x, node)?,
        _ => {
            let alpha = t.emit.scalar(node.float("alpha", 1.0)?)?;
            let above = t.emit.compare("Greater", &x, &alpha)?;
            t.emit.binary("Mul", &x, &above)?
        }
    };
    Ok(Some(done))
}

fn negative_part(t: &mut Translator, x: &Computed) -> Done<Computed> {
    t.emit.with_number("Min", x, 0.0)
}

fn leaky(t: &mut Translator, x: &Computed, slope: &Computed) -> Done<Computed> {
    let above = t.emit.unary("Relu", x)?;
    let below = negative_part(t, x)?;
    let below = t.emit.binary("Mul", &below, slope)?;
    t.emit.binary("Add", &above, &below)
}

/// max(x, 0) + alpha · (exp(inner · min(x, 0)) − 1)
fn exponential(t: &mut Translator, x: &Computed, alpha: f32, inner: f32) -> Done<Computed> {
    let above = t.emit.unary("Relu", x)?;
    let below = negative_part(t, x)?;
    let below = t.emit.with_number("Mul", &below, inner)?;
    let grown = t.emit.unary("Exp", &below)?;
    let grown = t.emit.with_number("Sub", &grown, 1.0)?;
    let grown = t.emit.with_number("Mul", &grown, alpha)?;
    t.emit.binary("Add", &above, &grown)
}

/// log(1 + exp(x)) = max(x, 0) + log(1 + exp(−|x|)), which does not overflow.
fn softplus(t: &mut Translator, x: &Computed) -> Done<Computed> {
    let above = t.emit.unary("Relu", x)?;
    let size = t.emit.unary("Abs", x)?;
    let size = t.emit.with_number("Mul", &size, -1.0)?;
    let grown = t.emit.unary("Exp", &size)?;
    let grown = t.emit.with_number("Add", &grown, 1.0)?;
    let rest = t.emit.unary("Log", &grown)?;
    t.emit.binary("Add", &above, &rest)
}

fn hard_sigmoid(t: &mut Translator, x: &Computed, alpha: f32, beta: f32) -> Done<Computed> {
    let line = t.emit.with_number("Mul", x, alpha)?;
    let line = t.emit.with_number("Add", &line, beta)?;
    let line = t.emit.with_number("Max", &line, 0.0)?;
    t.emit.with_number("Min", &line, 1.0)
}

fn gelu(t: &mut Translator, x: &Computed, node: Node) -> Done<Computed> {
    let inner = match node.text("approximate") {
        "" | "none" => {
            let scaled = t.emit.with_number("Mul", x, std::f32::consts::FRAC_1_SQRT_2)?;
            t.emit.unary("Erf", &scaled)?
        }
        "tanh" => {
            let square = t.emit.binary("Mul", x, x)?;
            let cube = t.emit.binary("Mul", &square, x)?;
            let cube = t.emit.with_number("Mul", &cube, 0.044_715)?;
            let sum = t.emit.binary("Add", x, &cube)?;
            let scaled = t.emit.with_number("Mul", &sum, (2.0 / std::f32::consts::PI).sqrt())?;
            t.emit.unary("Tanh", &scaled)?
        }
        _ => return refused("its approximation is not known"),
    };
    let more = t.emit.with_number("Add", &inner, 1.0)?;
    let half = t.emit.with_number("Mul", x, 0.5)?;
    t.emit.binary("Mul", &half, &more)
}
