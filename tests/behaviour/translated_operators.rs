//! What single operators of other tools' models compute after their translation. `foreign_models` covers whole models.

use moodle_mlbackend::dataset::Features;
use moodle_mlbackend::model::{self, MODEL, MODEL_JSON, Model, ModelFiles};
use prost::Message;
use rstest::rstest;
use tract_onnx::pb::{ModelProto, NodeProto, OperatorSetIdProto};

use crate::common::onnx::{graph, op, with_float};

/// Values of the first feature; the second is always 0.
const VALUES: [f32; 7] = [-1.0, -0.75, -0.2, 0.1, 0.5, 0.9, 1.0];

/// The ONNX specification's defaults of the operators' attributes.
const SELU: (f64, f64) = (1.673_263_242_354_377_3, 1.050_700_987_355_480_5);

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// The error function, by its Maclaurin series.
fn erf(x: f64) -> f64 {
    let mut term = x;
    let terms = (0..40).map(|n| {
        let of_n = term / f64::from(2 * n + 1);
        term *= -x * x / f64::from(n + 1);
        of_n
    });
    terms.sum::<f64>() * std::f64::consts::FRAC_2_SQRT_PI
}

/// A model of two features and two classes, whose logits are the results of nodes from `x` to `y`.
fn files(nodes: Vec<NodeProto>) -> ModelFiles {
    let proto = ModelProto {
        ir_version: 8,
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: 22 }],
        graph: Some(graph("x", "y", nodes, Vec::new())),
        ..ModelProto::default()
    };
    let description = br#"{"features": 2, "classes": [0, 1], "output": {"gives": "logits"}}"#;
    ModelFiles::from([
        (MODEL.to_owned(), proto.encode_to_vec()),
        (MODEL_JSON.to_owned(), description.to_vec()),
    ])
}

/// The probabilities of the two classes of a model whose logits are the results of a node.
fn probabilities(node: NodeProto, values: &[f32]) -> Vec<[f64; 2]> {
    let model = Model::load(&model::import(files(vec![node])).expect("imported")).expect("loaded");
    let names = ["feature_1", "feature_2"].map(str::to_owned).to_vec();
    let features = Features::of_columns(names, &[values.to_vec(), vec![0.0; values.len()]]);
    model.predict(features).expect("predicted").outer_iter().map(|row| [row[0], row[1]]).collect()
}

#[rstest]
#[case("Abs", f64::abs)]
#[case("Celu", |x: f64| x.max(0.0) + (x.exp() - 1.0).min(0.0))]
#[case("Cos", f64::cos)]
#[case("Elu", |x: f64| if x < 0.0 { x.exp() - 1.0 } else { x })]
#[case("Exp", f64::exp)]
#[case("Gelu", |x: f64| x / 2.0 * (1.0 + erf(x / std::f64::consts::SQRT_2)))]
#[case("HardSigmoid", |x: f64| (0.2 * x + 0.5).clamp(0.0, 1.0))]
#[case("HardSwish", |x: f64| x * (x / 6.0 + 0.5).clamp(0.0, 1.0))]
#[case("LeakyRelu", |x: f64| if x < 0.0 { 0.01 * x } else { x })]
#[case("Mish", |x: f64| x * x.exp().ln_1p().tanh())]
#[case("Neg", |x: f64| -x)]
#[case("Relu", |x: f64| x.max(0.0))]
#[case("Selu", |x: f64| SELU.1 * if x > 0.0 { x } else { SELU.0 * (x.exp() - 1.0) })]
#[case("Sigmoid", sigmoid)]
#[case("Softplus", |x: f64| x.exp().ln_1p())]
#[case("Softsign", |x: f64| x / (1.0 + x.abs()))]
#[case("Swish", |x: f64| x * sigmoid(x))]
#[case("Tanh", f64::tanh)]
#[case("ThresholdedRelu", |x: f64| if x > 1.0 { x } else { 0.0 })]
fn an_operator_without_attributes_computes_its_function(#[case] op_type: &str, #[case] f: fn(f64) -> f64) {
    assert_computes(op(op_type, &["x"], "y"), f);
}

#[rstest]
#[case("Celu", &[("alpha", 0.5)], |x: f64| x.max(0.0) + (0.5 * ((x / 0.5).exp() - 1.0)).min(0.0))]
#[case("Elu", &[("alpha", 0.5)], |x: f64| if x < 0.0 { 0.5 * (x.exp() - 1.0) } else { x })]
#[case("HardSigmoid", &[("alpha", 0.5), ("beta", 0.25)], |x: f64| (0.5 * x + 0.25).clamp(0.0, 1.0))]
#[case("LeakyRelu", &[("alpha", 0.25)], |x: f64| if x < 0.0 { 0.25 * x } else { x })]
#[case("Selu", &[("alpha", 2.0), ("gamma", 0.5)], |x: f64| 0.5 * if x > 0.0 { x } else { 2.0 * (x.exp() - 1.0) })]
#[case("Swish", &[("alpha", 2.0)], |x: f64| x * sigmoid(2.0 * x))]
#[case("ThresholdedRelu", &[("alpha", 0.25)], |x: f64| if x > 0.25 { x } else { 0.0 })]
fn an_operator_with_attributes_computes_its_function(
    #[case] op_type: &str,
    #[case] attributes: &[(&str, f32)],
    #[case] f: fn(f64) -> f64,
) {
    let node = op(op_type, &["x"], "y");
    assert_computes(attributes.iter().fold(node, |node, &(name, value)| with_float(node, name, value)), f);
}

#[track_caller]
fn assert_computes(node: NodeProto, f: fn(f64) -> f64) {
    for (&value, found) in VALUES.iter().zip(probabilities(node, &VALUES)) {
        let expected = sigmoid(f(f64::from(value)) - f(0.0));
        let differs = (found[0] - expected).abs() > 2e-6 || (found[1] - (1.0 - expected)).abs() > 2e-6;
        assert!(!differs, "of {value}: {found:?}, expected {expected}");
    }
}

#[rstest]
fn a_value_that_is_not_a_number_never_becomes_a_class(
    #[values(
        "Abs",
        "Relu",
        "Sigmoid",
        "Tanh",
        "Softmax",
        "LogSoftmax",
        "Softplus",
        "Elu",
        "Gelu",
        "HardSigmoid",
        "LeakyRelu"
    )]
    op_type: &str,
    #[values("Sqrt", "Log")] origin: &str,
) {
    let error = model::import(files(vec![op(origin, &["x"], "n"), op(op_type, &["n"], "y")]));
    let error = error.expect_err("some features are negative or 0").to_string();
    assert!(error.contains("its output for some samples is"), "{error}");
}
