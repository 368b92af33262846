//! How the columns of another tool's model are matched to Moodle's indicators: by their names if it has names.

use moodle_mlbackend::model::{MODEL, MODEL_JSON};
use prost::Message;
use rstest::rstest;
use serde_json::{Value, json};
use tract_onnx::pb::{GraphProto, ModelProto, OperatorSetIdProto, StringStringEntryProto};

use super::shipped_models::zipped;
use crate::common::onnx::{floats, op, port, port_of, with};
use crate::common::{Reply, TestServer};

const FEATURES: [&str; 3] = [
    "\\core\\analytics\\indicator\\read_actions",
    "\\mod_quiz\\analytics\\indicator\\cognitive_depth",
    "\\mod_forum\\analytics\\indicator\\cognitive_depth",
];

/// The weight of each feature: a wrong order changes every prediction.
const WEIGHTS: [f32; 3] = [3.0, -1.0, 0.25];

/// Each sample's values of the features.
const SAMPLES: [[f32; 3]; 4] = [[0.5, -1.0, 0.25], [-0.75, 0.5, 1.0], [1.0, 0.5, -0.5], [-0.25, -1.0, 0.0]];

fn probability(sample: [f32; 3], used: &[usize]) -> f64 {
    let logit: f64 = used.iter().map(|&at| f64::from(sample[at] * WEIGHTS[at])).sum();
    1.0 / (1.0 + (-logit).exp())
}

/// A logistic regression with one input for each of `inputs`, or one input for all, of features in the order `order`.
fn model(inputs: &[&str], order: &[usize], metadata: Option<&str>) -> ModelProto {
    let weights: Vec<f32> = order.iter().map(|&at| WEIGHTS[at]).collect();
    let joined = match inputs {
        [one] => op("Identity", &[one], "x"),
        several => with(op("Concat", several, "x"), "axis", &[1]),
    };
    let columns = order.len() / inputs.len();
    let graph = GraphProto {
        name: "g".to_owned(),
        node: vec![joined, op("MatMul", &["x", "w"], "z"), op("Sigmoid", &["z"], "p")],
        initializer: vec![floats("w", &[order.len(), 1], &weights)],
        input: inputs.iter().map(|input| port(input, columns)).collect(),
        output: vec![port("p", 1)],
        ..GraphProto::default()
    };
    let names = metadata
        .map(|names| StringStringEntryProto { key: "feature_names".to_owned(), value: names.to_owned() });
    ModelProto {
        ir_version: 8,
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: 15 }],
        graph: Some(graph),
        metadata_props: names.into_iter().collect(),
        ..ModelProto::default()
    }
}

fn import(server: &TestServer, model: &ModelProto, features: &Value) -> Reply {
    let description = json!({"features": features, "classes": [0, 1]}).to_string();
    server.import("m", &zipped(&[(MODEL, &model.encode_to_vec()), (MODEL_JSON, description.as_bytes())]))
}

/// A dataset with these columns; a column that is none of the features has other values.
fn dataset(columns: &[&str]) -> String {
    let cell = |sample: &[f32; 3], column: &&str| {
        let at = FEATURES.iter().position(|feature| feature == column);
        at.map_or(0.875, |at| sample[at]).to_string()
    };
    let row = |(id, sample): (usize, &[f32; 3])| {
        let cells: Vec<String> = columns.iter().map(|column| cell(sample, column)).collect();
        format!("{id},{}\n", cells.join(","))
    };
    let rows: String = SAMPLES.iter().enumerate().map(row).collect();
    let head = format!("nfeatures,targetclasses,targettype\n{},\"[0,1]\",discrete\n", columns.len());
    format!("{head}sampleid,{}\n{rows}", columns.join(","))
}

#[track_caller]
fn assert_predicts(server: &TestServer, columns: &[&str], used: &[usize]) {
    let predictions = server.predictions("m", dataset(columns).as_bytes());
    for (prediction, sample) in predictions.as_array().expect("predictions").iter().zip(SAMPLES) {
        let of_second = probability(sample, used);
        let number: f64 = prediction[2].as_str().and_then(|text| text.parse().ok()).expect("a number");
        assert!((number - of_second.max(1.0 - of_second)).abs() < 1e-5, "{prediction}, not {of_second}");
        assert_eq!(prediction[1], json!(usize::from(of_second > 0.5).to_string()), "{prediction}");
    }
}

#[rstest]
#[case::whole_names([FEATURES[2], FEATURES[0], FEATURES[1]])]
#[case::ends_of_names(["mod_forum_cognitive_depth", "read_actions", "quiz_cognitive_depth"])]
#[case::names_without_backslashes(
    ["mod_forum_analytics_indicator_cognitive_depth", "core.read.actions", "Mod_Quiz_Cognitive_Depth"])]
#[case::numbers_of_tensors(["forum_cognitive_depth:0", "serving_default_read_actions:0", "quiz_cognitive_depth:0"])]
fn matches_inputs_by_their_names(#[case] inputs: [&str; 3]) {
    let server = TestServer::start();
    import(&server, &model(&inputs, &[2, 0, 1], None), &json!(FEATURES)).expect(200, "Ok");
    assert_predicts(&server, &FEATURES, &[0, 1, 2]);
    assert_predicts(&server, &[FEATURES[1], FEATURES[2], FEATURES[0]], &[0, 1, 2]);
}

#[test]
fn matches_inputs_with_other_names_by_their_order() {
    let server = TestServer::start();
    import(&server, &model(&["x1", "x2", "x3"], &[0, 1, 2], None), &json!(FEATURES)).expect(200, "Ok");
    assert_predicts(&server, &FEATURES, &[0, 1, 2]);
}

#[test]
fn uses_the_names_of_inputs_when_model_json_gives_only_the_number_of_features() {
    let server = TestServer::start();
    let inputs = [FEATURES[2], FEATURES[0], FEATURES[1]];
    import(&server, &model(&inputs, &[2, 0, 1], None), &json!(3)).expect(200, "Ok");
    assert_predicts(&server, &FEATURES, &[0, 1, 2]);
}

#[rstest]
#[case::json(json!([FEATURES[2], FEATURES[0], FEATURES[1]]).to_string())]
#[case::a_list_of_python("['forum_cognitive_depth', 'read_actions', 'quiz_cognitive_depth']".to_owned())]
#[case::commas("forum_cognitive_depth, read_actions, quiz_cognitive_depth".to_owned())]
fn matches_the_columns_of_one_input_by_a_list_of_names_in_the_metadata(#[case] names: String) {
    let server = TestServer::start();
    import(&server, &model(&["input"], &[2, 0, 1], Some(&names)), &json!(FEATURES)).expect(200, "Ok");
    assert_predicts(&server, &FEATURES, &[0, 1, 2]);
}

#[test]
fn ignores_features_that_the_model_does_not_use() {
    let server = TestServer::start();
    // model.json names all features of the dataset, or only those of the model.
    for features in [json!(FEATURES), json!([FEATURES[0], FEATURES[2]])] {
        import(&server, &model(&[FEATURES[2], FEATURES[0]], &[2, 0], None), &features).expect(200, "Ok");
        assert_predicts(&server, &FEATURES, &[0, 2]);
        assert_predicts(&server, &["\\a", FEATURES[2], "\\b", FEATURES[0]], &[0, 2]);
    }
    let reply = server.post(
        "/prediction",
        &crate::common::Form::model("m", "d").file("dataset", dataset(&FEATURES[..2]).as_bytes()),
    );
    assert!(reply.status == 400 && reply.text().contains("missing in the dataset"), "{}", reply.text());
}

#[test]
fn trains_on_samples_with_more_features_than_an_imported_model_uses() {
    let server = TestServer::start();
    import(&server, &model(&[FEATURES[2], FEATURES[0]], &[2, 0], None), &json!(FEATURES)).expect(200, "Ok");
    let head =
        format!("nfeatures,targetclasses,targettype\n3,\"[0,1]\",discrete\n{},target\n", FEATURES.join(","));
    let rows: Vec<String> = (0..40).map(|at| format!("{},0,{},{}\n", at % 2, at % 3, at % 2)).collect();
    server.train("m", (head + &rows.concat()).as_bytes());
    assert_eq!(server.predictions("m", dataset(&FEATURES).as_bytes()).as_array().map(Vec::len), Some(4));
}

#[rstest]
#[case::an_input_without_a_feature(&[FEATURES[2], FEATURES[0], "other"], "\"other\" is named as none of the features")]
#[case::an_ambiguous_name(&[FEATURES[2], FEATURES[0], "cognitive_depth"], "\"cognitive_depth\" is named as none")]
#[case::other_indicators(
    &["\\a\\analytics\\indicator\\x", "\\a\\analytics\\indicator\\y", "\\a\\analytics\\indicator\\z"], "named as none")]
#[case::a_feature_twice(&["forum_cognitive_depth", FEATURES[0], FEATURES[2]], "two of its inputs are named")]
fn refuses_inputs_of_which_only_some_are_named_as_features(#[case] inputs: &[&str], #[case] reason: &str) {
    let reply = import(&TestServer::start(), &model(inputs, &[2, 0, 1], None), &json!(FEATURES));
    assert!(reply.status == 400 && reply.text().contains(reason), "{}", reply.text());
}

#[test]
fn names_inputs_that_are_constants_left_out_by_the_exporter() {
    let mut model = model(&["input"], &[0, 1, 2], None);
    let graph = model.graph.as_mut().expect("a graph");
    graph.input.push(port_of(
        "normalization/mean",
        tract_onnx::pb::tensor_proto::DataType::Float,
        &[Some(1), Some(3)],
    ));
    let reply = import(&TestServer::start(), &model, &json!(FEATURES));
    assert!(reply.status == 400 && reply.text().contains("\"normalization/mean\""), "{}", reply.text());
    assert!(reply.text().contains("Rescaling in place of Normalization"), "{}", reply.text());
}
