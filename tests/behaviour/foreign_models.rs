//! Classifiers of other libraries, made by these while the test runs, and
//! what `model.json` can say about one.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use moodle_mlbackend::dataset::{Limits, read_unlabelled};
use moodle_mlbackend::model::{self, DESCRIPTION, MODEL, Model, ModelFiles, ModelMetadata};
use rstest::rstest;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::shipped_models::zipped;
use crate::common::{Form, Reply, TestServer, python, run_script};

/// Libraries calculate in double precision what is exported in single.
const TOLERANCE: f64 = 5e-5;

fn read(directory: &Path, name: &str, ending: &str) -> Vec<u8> {
    fs::read(directory.join(format!("{name}{ending}"))).expect("a file that the script wrote")
}

fn import(server: &TestServer, directory: &Path, name: &str) -> Reply {
    let (onnx, json) = (read(directory, name, ".onnx"), read(directory, name, ".json"));
    let zip = zipped(&[(MODEL, &onnx), (DESCRIPTION, &json)]);
    server.post("/import", &Form::model(name, "d").file("importzip", &zip))
}

#[test]
fn classifiers_of_other_libraries_answer_as_they_do_there_and_the_rest_is_refused_by_name() {
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
        let most = shares.iter().copied().fold(0.0, f64::max);
        assert!((probability - most).abs() < TOLERANCE, "{name}: {answer}, expected {shares:?}");
        assert!(shares[class] > most - TOLERANCE, "{name}: {answer}, expected {shares:?}");
    }
    // Each class of each sample: what is exported is what has answered.
    let export = server.get(&format!("/export?uniqueid={name}&dirhash=d")).body;
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(export)).expect("a zip");
    let mut onnx = Vec::new();
    std::io::copy(&mut archive.by_name(MODEL).expect("a model"), &mut onnx).expect("read");
    let parsed = read_unlabelled(samples, &Limits::default()).expect("samples");
    let rows = Model::load(&onnx).expect("runs").predict(parsed.features).expect("answers");
    for (id, row) in parsed.ids.iter().zip(rows.outer_iter()) {
        let close = row.iter().zip(&expected[id]).all(|(ours, theirs)| (ours - theirs).abs() < TOLERANCE);
        assert!(close, "{name}: {id}: {row}, expected {:?}", expected[id]);
    }
}

/// A model that ships, with another description.
fn described(folder: &str, change: impl FnOnce(&mut Value)) -> Result<Vec<u8>, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models").join(folder);
    let file = |name| fs::read(folder.join(name)).expect("a file of the model");
    let mut description: Value = serde_json::from_slice(&file(DESCRIPTION)).expect("JSON");
    change(&mut description);
    let files = ModelFiles::from([
        (MODEL.to_owned(), file(MODEL)),
        (DESCRIPTION.to_owned(), description.to_string().into_bytes()),
    ]);
    model::import(files).map_err(|error| error.to_string())
}

fn facts(bytes: &[u8]) -> ModelMetadata {
    ModelMetadata::read(bytes).expect("facts")
}

#[test]
fn features_may_be_a_number_and_are_then_matched_by_their_place() {
    let facts = facts(&described("xgboost", |json| json["features"] = json!(10)).expect("a model"));
    assert!(!facts.named);
    assert_eq!((facts.features.len(), facts.features[0].as_str()), (10, "feature_1"));
}

#[test]
fn classes_are_called_as_the_description_says() {
    let facts = facts(&described("lightgbm", |json| json["classes"] = json!([2, 0, 1])).expect("a model"));
    let classes: Vec<String> = facts.classes.iter().map(ToString::to_string).collect();
    assert_eq!(classes, ["2", "0", "1"]);
    assert!(facts.made_by.contains("OnnxMLTools"), "{}", facts.made_by);
}

#[rstest]
#[case::trees_take_missing_cells_as_they_are("xgboost", "as missing values")]
#[case::a_pipeline_with_an_imputer_too("scikit-learn", "as missing values")]
#[case::a_network_gets_zeros("keras", "as 0.")]
#[case::or_what_is_asked_for("pytorch", "as -0.1.")]
fn missing_cells(#[case] folder: &str, #[case] said: &str) {
    let decisions = facts(&described(folder, |_| {}).expect("a model")).decisions.join("\n");
    assert!(decisions.contains(said), "{decisions}");
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
#[case::what_is_not_known("keras", json!({"features": 10, "classes": [0, 1], "labels": []}), "labels")]
#[case::nan_for_a_network("keras", json!({"features": 10, "classes": [0, 1], "missing": "nan"}), "a number as")]
#[case::logits_called_probabilities(
    "pytorch",
    json!({"features": 10, "classes": [0, 1, 2], "output": {"gives": "probabilities"}}),
    "not within 0 and 1"
)]
fn a_description_that_does_not_fit_is_refused(
    #[case] folder: &str,
    #[case] description: Value,
    #[case] why: &str,
) {
    let refusal = described(folder, |json| *json = description).expect_err("refused");
    assert!(refusal.contains(why), "{refusal}");
}
