//! What single operators of other tools' models compute after their translation. `foreign_models` covers whole models.

use moodle_mlbackend::dataset::Features;
use moodle_mlbackend::model::{self, MODEL, MODEL_JSON, Model, ModelFiles};
use prost::Message;
use rstest::rstest;
use tract_onnx::pb::{ModelProto, OperatorSetIdProto};

use crate::common::onnx::{graph, op};

/// Values of the first feature; the second is always 0.
const VALUES: [f32; 7] = [-1.0, -0.75, -0.2, 0.1, 0.5, 0.9, 1.0];

/// The ONNX specification's defaults of the operators' attributes.
const SELU: (f64, f64) = (1.673_263_242_354_377_3, 1.050_700_987_355_480_5);

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// The probabilities of two classes of a model whose logits are the operator's results for the two features.
fn probabilities(op_type: &str, values: &[f32]) -> Vec<[f64; 2]> {
    let proto = ModelProto {
        ir_version: 8,
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: 22 }],
        graph: Some(graph("x", "y", vec![op(op_type, &["x"], "y")], Vec::new())),
        ..ModelProto::default()
    };
    let description = br#"{"features": 2, "classes": [0, 1], "output": {"gives": "logits"}}"#;
    let files = ModelFiles::from([
        (MODEL.to_owned(), proto.encode_to_vec()),
        (MODEL_JSON.to_owned(), description.to_vec()),
    ]);
    let model = Model::load(&model::import(files).expect("imported")).expect("loaded");
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
#[case("Tanh", f64::tanh)]
fn an_operator_without_attributes_computes_its_function(#[case] op_type: &str, #[case] f: fn(f64) -> f64) {
    for (&value, found) in VALUES.iter().zip(probabilities(op_type, &VALUES)) {
        let expected = sigmoid(f(f64::from(value)) - f(0.0));
        let differs = (found[0] - expected).abs() > 2e-6 || (found[1] - (1.0 - expected)).abs() > 2e-6;
        assert!(!differs, "{op_type}({value}): {found:?}, expected {expected}");
    }
}
