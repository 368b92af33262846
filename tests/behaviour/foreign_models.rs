//! Imports of classifiers that other libraries train and export during the test, and the keys of `model.json`.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use moodle_mlbackend::dataset::{Limits, read_unlabelled};
use moodle_mlbackend::model::{self, MODEL, MODEL_JSON, Model, ModelFiles, ModelMetadata};
use rstest::rstest;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::shipped_models::zipped;
use crate::common::{Form, Reply, TestServer, python, run_script, unzipped};

/// Libraries compute in double precision, their exports in single precision.
const TOLERANCE: f64 = 5e-5;

fn read(directory: &Path, name: &str, ending: &str) -> Vec<u8> {
    fs::read(directory.join(format!("{name}{ending}"))).expect("a file that the script wrote")
}

fn import(server: &TestServer, directory: &Path, name: &str) -> Reply {
    let (onnx, json) = (read(directory, name, ".onnx"), read(directory, name, ".json"));
    let zip = zipped(&[(MODEL, &onnx), (MODEL_JSON, &json)]);
    server.post("/import", &Form::model(name, "d").file("importzip", &zip))
}

#[test]
fn imports_classifiers_of_other_libraries_with_their_predictions_and_refuses_others_by_operator() {
    let Some(python) = python() else { return };
    let directory = TempDir::new().expect("a directory");
    let made = run_script(&python, "make_models.py", &[directory.path()]);
    let server = TestServer::start();
    let accepted: Vec<String> = serde_json::from_value(made["accepted"].clone()).expect("names");
    assert!(accepted.len() >= 50, "{accepted:?}");
    for name in &accepted {
        import(&server, directory.path(), name).expect(200, "Ok");
        let expected: HashMap<String, Vec<f64>> =
            serde_json::from_slice(&read(directory.path(), name, ".expected.json")).expect("probabilities");
        compare(&server, name, &read(directory.path(), name, ".csv"), &expected);
    }
    let refused: HashMap<String, String> = serde_json::from_value(made["refused"].clone()).expect("names");
    assert!(!refused.is_empty());
    for (name, operator) in &refused {
        let reply = import(&server, directory.path(), name);
        assert_eq!(reply.status, 400, "{name}: {}", reply.text());
        assert!(reply.text().contains(&format!("operator {operator} ")), "{name}: {}", reply.text());
    }
}

#[track_caller]
fn compare(server: &TestServer, name: &str, samples: &[u8], expected: &HashMap<String, Vec<f64>>) {
    let reply = server.post("/prediction", &Form::model(name, "d").file("dataset", samples));
    assert_eq!(reply.status, 200, "{name}: {}", reply.text());
    let answers = reply.json()["predictions"].as_array().cloned().expect("predictions");
    assert_eq!(answers.len(), expected.len(), "{name}");
    for answer in answers {
        let text = |at: usize| answer[at].as_str().map_or_else(|| answer[at].to_string(), str::to_owned);
        let (class, probability): (usize, f64) = (text(1).parse().unwrap(), text(2).parse().unwrap());
        let shares = &expected[&text(0)];
        let max = shares.iter().copied().fold(0.0, f64::max);
        assert!((probability - max).abs() < TOLERANCE, "{name}: {answer}, expected {shares:?}");
        assert!(shares[class] > max - TOLERANCE, "{name}: {answer}, expected {shares:?}");
    }
    // Compare every class of every sample: the exported model is the one that predicted.
    let export = server.get(&format!("/export?uniqueid={name}&dirhash=d")).body;
    let onnx = unzipped(&export).remove(MODEL).expect("a model");
    let parsed = read_unlabelled(samples, &Limits::default()).expect("samples");
    let rows = Model::load(&onnx).expect("runs").predict(parsed.features).expect("answers");
    for (id, row) in parsed.ids.iter().zip(rows.outer_iter()) {
        let close = row.iter().zip(&expected[id]).all(|(ours, theirs)| (ours - theirs).abs() < TOLERANCE);
        assert!(close, "{name}: {id}: {row}, expected {:?}", expected[id]);
    }
}

/// A shipped model with another `model.json`.
fn described(folder: &str, change: impl FnOnce(&mut Value)) -> Result<Vec<u8>, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models").join(folder);
    let file = |name| fs::read(folder.join(name)).expect("a file of the model");
    let mut description: Value = serde_json::from_slice(&file(MODEL_JSON)).expect("JSON");
    change(&mut description);
    let files = ModelFiles::from([
        (MODEL.to_owned(), file(MODEL)),
        (MODEL_JSON.to_owned(), description.to_string().into_bytes()),
    ]);
    model::import(files).map_err(|error| error.to_string())
}

fn metadata(bytes: &[u8]) -> ModelMetadata {
    ModelMetadata::read(bytes).expect("metadata")
}

#[test]
fn matches_features_by_position_when_model_json_gives_only_their_number() {
    let metadata = metadata(&described("xgboost", |json| json["features"] = json!(10)).expect("a model"));
    assert!(!metadata.named);
    assert_eq!((metadata.features.len(), metadata.features[0].as_str()), (10, "feature_1"));
}

#[test]
fn names_classes_as_model_json_does() {
    let metadata =
        metadata(&described("lightgbm", |json| json["classes"] = json!([2, 0, 1])).expect("a model"));
    let classes: Vec<String> = metadata.classes.iter().map(ToString::to_string).collect();
    assert_eq!(classes, ["2", "0", "1"]);
    assert!(metadata.made_by.contains("OnnxMLTools"), "{}", metadata.made_by);
}

#[rstest]
#[case::trees_take_missing_cells_as_they_are("xgboost", "as missing values")]
#[case::a_pipeline_with_an_imputer_takes_them_too("scikit-learn", "as missing values")]
#[case::a_network_gets_zeros("keras", "as 0.")]
#[case::or_the_number_in_model_json("pytorch", "as -0.1.")]
fn replaces_missing_cells_as_the_model_needs(#[case] folder: &str, #[case] sentence: &str) {
    let decisions = metadata(&described(folder, |_| {}).expect("a model")).decisions.join("\n");
    assert!(decisions.contains(sentence), "{decisions}");
}

#[rstest]
#[case::no_json("keras", json!("text"), "does not describe")]
#[case::another_width("keras", json!({"features": 9, "classes": [0, 1]}), "10 columns")]
#[case::no_features("keras", json!({"features": 0, "classes": [0, 1]}), "1 to")]
#[case::a_feature_twice("keras", json!({"features": ["a", "a"], "classes": [0, 1]}), "twice")]
#[case::another_number_of_classes("lightgbm", json!({"features": 10, "classes": [0, 1]}), "2 columns")]
#[case::a_class_twice("lightgbm", json!({"features": 10, "classes": [0, 1, 1]}), "twice")]
#[case::one_class("keras", json!({"features": 10, "classes": [0]}), "2 to")]
#[case::another_output("keras", json!({"features": 10, "classes": [0, 1], "output": {"name": "x"}}), "Identity")]
#[case::an_unknown_key("keras", json!({"features": 10, "classes": [0, 1], "labels": []}), "labels")]
#[case::nan_for_a_network("keras", json!({"features": 10, "classes": [0, 1], "missing": "nan"}), "a number as")]
#[case::logits_called_probabilities(
    "pytorch",
    json!({"features": 10, "classes": [0, 1, 2], "output": {"gives": "probabilities"}}),
    "not within 0 and 1"
)]
fn refuses_a_model_json_that_does_not_fit(
    #[case] folder: &str,
    #[case] description: Value,
    #[case] why: &str,
) {
    let refusal = described(folder, |json| *json = description).expect_err("refused");
    assert!(refusal.contains(why), "{refusal}");
}
