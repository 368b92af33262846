//! Which outputs of other tools' models are probabilities of classes, and what is refused because it is no classifier.

use moodle_mlbackend::model::{MODEL, MODEL_JSON, ModelMetadata};
use prost::Message;
use rstest::rstest;
use serde_json::{Value, json};
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, ValueInfoProto,
};

use super::shipped_models::zipped;
use crate::common::onnx::{floats, op, port, port_of, tensor, with, with_float};
use crate::common::{Form, Reply, TestServer, run_on, shared, unzipped};

const WEIGHTS: [f32; 2] = [2.0, -1.0];

fn floats_of(mut node: NodeProto, name: &str, values: &[f32]) -> NodeProto {
    let floats = values.to_vec();
    node.attribute.push(AttributeProto {
        name: name.to_owned(),
        r#type: 6,
        floats,
        ..AttributeProto::default()
    });
    node
}

fn of_ml(node: NodeProto) -> NodeProto {
    NodeProto { domain: "ai.onnx.ml".to_owned(), ..node }
}

fn model(node: Vec<NodeProto>, output: Vec<ValueInfoProto>, initializer: Vec<TensorProto>) -> ModelProto {
    let graph = GraphProto {
        name: "g".to_owned(),
        node,
        initializer: initializer.into_iter().chain([floats("w", &[2, 1], &WEIGHTS)]).collect(),
        input: vec![port("x", 2)],
        output,
        ..GraphProto::default()
    };
    let set = |domain: &str, version| OperatorSetIdProto { domain: domain.to_owned(), version };
    ModelProto {
        ir_version: 8,
        opset_import: vec![set("", 17), set("ai.onnx.ml", 3)],
        graph: Some(graph),
        ..ModelProto::default()
    }
}

/// The score of a sample, and nodes behind it.
fn scored(then: Vec<NodeProto>, output: ValueInfoProto, initializer: Vec<TensorProto>) -> ModelProto {
    model([vec![op("MatMul", &["x", "w"], "s")], then].concat(), vec![output], initializer)
}

fn regressor(offset: f32) -> ModelProto {
    let node = floats_of(of_ml(op("LinearRegressor", &["x"], "variable")), "coefficients", &WEIGHTS);
    model(vec![floats_of(node, "intercepts", &[offset])], vec![port("variable", 1)], Vec::new())
}

/// A linear classifier of two classes, without a conversion of its scores.
fn raw_scores() -> ModelProto {
    let negative: Vec<f32> = WEIGHTS.iter().map(|weight| -weight).collect();
    let mut node = of_ml(op("LinearClassifier", &["x"], "label"));
    node.output.push("probabilities".to_owned());
    let node = floats_of(
        floats_of(node, "coefficients", &[negative, WEIGHTS.to_vec()].concat()),
        "intercepts",
        &[0.0; 2],
    );
    let outputs = vec![port_of("label", DataType::Int64, &[None]), port("probabilities", 2)];
    model(vec![with(node, "classlabels_ints", &[0, 1])], outputs, Vec::new())
}

/// Two columns of which one is the negative of the other, from a network.
fn mirrored() -> ModelProto {
    let nodes = vec![op("Neg", &["s"], "n"), with(op("Concat", &["n", "s"], "y"), "axis", &[1])];
    scored(nodes, port("y", 2), Vec::new())
}

/// The probability of each class in an output of its own, as zipmap="columns" makes it.
fn in_columns() -> ModelProto {
    let nodes = vec![
        op("MatMul", &["x", "three"], "l"),
        with(op("Softmax", &["l"], "p"), "axis", &[1]),
        with(op("Gather", &["p", "0"], "i0"), "axis", &[1]),
        with(op("Gather", &["p", "1"], "i1"), "axis", &[1]),
        with(op("Gather", &["p", "2"], "i2"), "axis", &[1]),
    ];
    let number = |at: i64| tensor(&at.to_string(), &[], DataType::Int64, at.to_le_bytes().to_vec());
    let outputs = ["i0", "i1", "i2"].map(|name| port_of(name, DataType::Float, &[None])).to_vec();
    let three = floats("three", &[2, 3], &[2.0, 0.0, -1.0, -1.0, 0.5, 0.0]);
    model(nodes, outputs, vec![three, number(0), number(1), number(2)])
}

fn half_precision() -> ModelProto {
    let zero = tensor("h", &[2, 1], DataType::Float16, vec![0; 4]);
    scored(vec![op("MatMul", &["x", "h"], "y")], port("y", 1), vec![zero])
}

fn embedding() -> ModelProto {
    let nodes = vec![with(op("Cast", &["s"], "i"), "to", &[7]), op("Gather", &["table", "i"], "y")];
    scored(nodes, port("y", 2), vec![floats("table", &[2, 2], &[0.0, 1.0, 1.0, 0.0])])
}

fn import(server: &TestServer, model: &ModelProto, description: &Value) -> Reply {
    let files = [(MODEL, model.encode_to_vec()), (MODEL_JSON, description.to_string().into_bytes())];
    server.import("m", &zipped(&files.each_ref().map(|(name, bytes)| (*name, &bytes[..]))))
}

fn description(gives: Option<&str>) -> Value {
    let mut description = json!({"features": 2, "classes": [0, 1]});
    if let Some(gives) = gives {
        description["output"] = json!({"gives": gives});
    }
    description
}

/// Compares the probabilities of two samples, of which the first is in the second class.
#[track_caller]
fn assert_logistic(server: &TestServer, scale: f64) {
    let dataset =
        "nfeatures,targetclasses,targettype\n2,\"[0,1]\",discrete\nsampleid,a,b\n1,0.5,-0.25\n2,-0.75,1\n";
    let predictions = server.predictions("m", dataset.as_bytes());
    for (at, score) in [1.25_f64, 2.5].into_iter().enumerate() {
        let number: f64 = predictions[at][2].as_str().and_then(|text| text.parse().ok()).expect("a number");
        let expected = 1.0 / (1.0 + (-scale * score).exp());
        assert!((number - expected).abs() < 1e-5, "{predictions}, expected {expected}");
    }
    assert_eq!((&predictions[0][1], &predictions[1][1]), (&json!("1"), &json!("0")));
}

#[rstest]
#[case::raw_scores_of_a_classifier(raw_scores(), None, 1.0)]
#[case::raw_scores_that_are_declared(raw_scores(), Some("logits"), 1.0)]
#[case::a_logit(scored(vec![op("Identity", &["s"], "y")], port("y", 1), Vec::new()), None, 1.0)]
#[case::mirrored_logits_that_are_declared(mirrored(), Some("logits"), 2.0)]
#[case::a_regressor_of_probabilities(
    scored(vec![op("Sigmoid", &["s"], "y")], port("y", 1), Vec::new()), Some("probabilities"), 1.0)]
fn recognises_raw_scores_and_logits(
    #[case] model: ModelProto,
    #[case] gives: Option<&str>,
    #[case] scale: f64,
) {
    let server = TestServer::start();
    import(&server, &model, &description(gives)).expect(200, "Ok");
    assert_logistic(&server, scale);
}

#[rstest]
#[case::a_regressor_of_grades(regressor(60.0), "a regressor (LinearRegressor)")]
#[case::a_regressor_around_zero(regressor(0.0), "a regressor (LinearRegressor)")]
#[case::a_network_of_grades(
    scored(vec![op("Add", &["s", "b"], "y")], port("y", 1), vec![floats("b", &[1], &[60.0])]), "numbers of one sign")]
#[case::distances(
    scored(vec![op("Abs", &["x"], "y")], port("y", 2), Vec::new()), "numbers of one sign")]
#[case::a_score_and_its_negative(mirrored(), "a raw score and its negative")]
#[case::a_network_with_a_tanh(
    scored(vec![op("Tanh", &["s"], "y")], port("y", 1), Vec::new()), "ends with a function of values from -1 to 1")]
#[case::a_network_that_is_clipped(
    scored(
        vec![op("Clip", &["s", "low", "high"], "c"), op("Identity", &["c"], "y")],
        port("y", 1),
        vec![floats("low", &[], &[0.0]), floats("high", &[], &[1.0])],
    ), "a number that is cut to a range")]
#[case::half_precision(half_precision(), "half precision")]
#[case::an_embedding(embedding(), "without an embedding")]
fn refuses_what_is_no_classifier(#[case] model: ModelProto, #[case] reason: &str) {
    let reply = import(&TestServer::start(), &model, &description(None));
    assert!(reply.status == 400 && reply.text().contains(reason), "{}", reply.text());
    assert!(reply.text().len() < 400, "{}", reply.text());
}

#[test]
fn joins_outputs_of_one_class_each() {
    let server = TestServer::start();
    import(&server, &in_columns(), &json!({"features": 2, "classes": [4, 5, 6]})).expect(200, "Ok");
    let dataset = "nfeatures,targetclasses,targettype\n2,\"[4,5,6]\",discrete\nsampleid,a,b\n1,0.5,-0.25\n";
    let predictions = server.predictions("m", dataset.as_bytes());
    let weights = [1.25_f64, -0.125, -0.5].map(f64::exp);
    let number: f64 = predictions[0][2].as_str().and_then(|text| text.parse().ok()).expect("a number");
    assert_eq!(predictions[0][1], json!("4"));
    assert!((number - weights[0] / weights.iter().sum::<f64>()).abs() < 1e-5, "{predictions}");
}

/// One-hot categories of the first feature, with the logits of both categories.
fn one_hot(zeros: i64) -> ModelProto {
    let mut encoder = with(of_ml(op("OneHotEncoder", &["i"], "e")), "cats_int64s", &[0, 1]);
    encoder.attribute.push(AttributeProto {
        name: "zeros".to_owned(),
        r#type: 2,
        i: zeros,
        ..AttributeProto::default()
    });
    let nodes = vec![
        with(op("Gather", &["x", "0"], "c"), "axis", &[1]),
        with(op("Cast", &["c"], "i"), "to", &[7]),
        encoder,
        op("Reshape", &["e", "shape"], "r"),
        op("MatMul", &["r", "v"], "y"),
    ];
    let zero = tensor("0", &[1], DataType::Int64, 0_i64.to_le_bytes().to_vec());
    let shape =
        tensor("shape", &[2], DataType::Int64, [-1_i64, 2].iter().flat_map(|n| n.to_le_bytes()).collect());
    model(nodes, vec![port("y", 1)], vec![zero, shape, floats("v", &[2, 1], &[-1.5, 2.5])])
}

#[test]
fn an_unknown_or_missing_category_counts_as_none() {
    let server = TestServer::start();
    import(&server, &one_hot(0), &description(None)).expect(200, "Ok");
    let dataset =
        "nfeatures,targetclasses,targettype\n2,\"[0,1]\",discrete\nsampleid,a,b\n1,0,0\n2,1,0\n3,9,0\n4,,0\n";
    let predictions = server.predictions("m", dataset.as_bytes());
    for (at, logit) in [1.5_f64, 2.5, 0.0, 0.0].into_iter().enumerate() {
        let number: f64 = predictions[at][2].as_str().and_then(|text| text.parse().ok()).expect("a number");
        assert!((number - 1.0 / (1.0 + (-logit).exp())).abs() < 1e-5, "{predictions}");
    }
    let onnx = unzipped(&server.export("m")).remove(MODEL).expect("a model");
    let decisions = ModelMetadata::read(&onnx).expect("metadata").decisions.join("\n");
    assert!(decisions.contains("counts as none of the known ones"), "{decisions}");
}

#[test]
fn an_imputer_of_infinity_replaces_both_signs() {
    let imputer = with_float(of_ml(op("Imputer", &["d"], "y")), "replaced_value_float", f32::INFINITY);
    let nodes = vec![op("Div", &["s", "zero"], "d"), floats_of(imputer, "imputed_value_floats", &[-0.25])];
    // A score divided by zero is infinite, or NaN for a score of zero, which this model never gets.
    let bounded = [nodes, vec![op("Sigmoid", &["y"], "p")]].concat();
    let shifted = vec![op("MatMul", &["x", "w"], "t"), op("Add", &["t", "much"], "s")];
    let constants = vec![floats("zero", &[1], &[0.0]), floats("much", &[1], &[1000.0])];
    let server = TestServer::start();
    let model = model([shifted, bounded].concat(), vec![port("p", 1)], constants);
    import(&server, &model, &description(None)).expect(200, "Ok");
    let dataset = "nfeatures,targetclasses,targettype\n2,\"[0,1]\",discrete\nsampleid,a,b\n1,0.5,-0.25\n";
    let number: f64 = server.predictions("m", dataset.as_bytes())[0][2].as_str().unwrap().parse().unwrap();
    assert!((number - 1.0 / (1.0 + (-0.25_f64).exp())).abs() < 1e-5, "{number}");
}

#[rstest]
#[case("byo_named_inputs_reversed", None)]
#[case("byo_ohe_error", None)]
#[case("byo_power", None)]
#[case("byo_raw_scores_lr2", None)]
#[case("byo_zipmap_columns", None)]
#[case("byo_regressor_grades", Some("a regressor (TreeEnsembleRegressor)"))]
#[case("byo_k_export_norm", Some("\"sequential_1/normalization_1/Sub/y:0\""))]
#[case("byo_t_fp16_keep_io", Some("half precision"))]
#[case("byo_ovo", Some("use OneVsRestClassifier"))]
#[case("byo_t_embedding_one_input", Some("without an embedding"))]
fn answers_the_recorded_models(#[case] name: &str, #[case] refusal: Option<&str>) {
    let Some(archive) = shared("answers_the_recorded_models", &format!("field/{name}.zip")) else { return };
    let server = TestServer::start();
    let reply = server.import("m", &archive);
    let (status, words) = refusal.map_or((200, "Ok"), |words| (400, words));
    assert!(reply.status == status && reply.text().contains(words), "{}", reply.text());

    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("model.zip");
    #[allow(
        clippy::disallowed_methods,
        reason = "a file for another program, in a directory of the test's own"
    )]
    std::fs::write(&path, &archive).expect("written");
    assert_eq!(run_on(&path, "inspect", &[]).code, Some(i32::from(refusal.is_some())));
    if refusal.is_some() {
        return;
    }
    let files = unzipped(&archive);
    let expected: Value = serde_json::from_slice(&files["expected.json"]).expect("JSON");
    let expected: Vec<Vec<f64>> = serde_json::from_value(expected["lib"].clone()).expect("probabilities");
    let reply = server.post("/prediction", &Form::model("m", "d").file("dataset", &files["samples.csv"]));
    let predictions = reply.json()["predictions"].as_array().cloned().expect("predictions");
    assert_eq!(predictions.len(), expected.len());
    for (prediction, row) in predictions.iter().zip(expected) {
        let text = |at: usize| prediction[at].as_str().expect("a text");
        let (class, number): (usize, f64) = (text(1).parse().unwrap(), text(2).parse().unwrap());
        let max = row.iter().copied().fold(0.0, f64::max);
        assert!((number - max).abs() < 1e-5 && row[class] > max - 1e-5, "{prediction}, expected {row:?}");
    }
}
