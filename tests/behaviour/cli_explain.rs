//! `moodle-mlbackend explain`: formats, backgrounds, and models of other tools.
#![allow(clippy::disallowed_methods, reason = "these tests prepare files of their own")]

use std::fs;

use serde_json::Value;

use super::cli_train::Files;
use crate::common::{separable, unlabelled};

#[test]
fn the_table_csv_and_json_have_the_same_contributions() {
    let files = Files::of(&separable(60, false), &unlabelled(&["a-0,1,-1,-1", "b-0,1,2,-1"]));
    files.train();
    let explain = |flags: &[&str]| {
        let arguments = ["explain", "model.onnx", "prediction.csv", "--background", "training.csv"];
        files.run(&[&arguments[..], flags].concat()).expect_code(0)
    };
    let json: Value = serde_json::from_str(&explain(&["--json"])).expect("JSON");
    let (csv, table) = (explain(&["--csv"]), explain(&[]));
    assert!(
        csv.starts_with("sampleid,prediction,probability,class,base,output,indicator,words,value,"),
        "{csv}"
    );
    let mut lines = 1;
    for sample in json["explanations"].as_array().expect("samples") {
        assert!(table.contains(sample["sampleid"].as_str().expect("an id")), "{table}");
        for one in sample["outputs"][0]["contributions"].as_array().expect("contributions") {
            lines += 1;
            let contribution = one["contribution"].as_f64().expect("a number");
            assert!(csv.contains(&format!(",{contribution},")), "{contribution}: {csv}");
            assert!(table.contains(one["words"].as_str().expect("words")), "{table}");
        }
    }
    assert_eq!(csv.lines().count(), lines);
    assert!(table.contains("not causes"), "{table}");
    let top: Value = serde_json::from_str(&explain(&["--json", "--top", "1"])).expect("JSON");
    assert_eq!(top["explanations"][0]["outputs"][0]["contributions"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_file_needs_a_background_and_the_message_says_so() {
    let files = Files::of(&separable(60, false), &unlabelled(&["a-0,1,-1,-1"]));
    files.train();
    let output = files.run(&["explain", "model.onnx", "prediction.csv"]);
    output.expect_code(1);
    assert!(output.stderr.contains("--background"), "{output:?}");
    files.run(&["explain", "model.onnx", "prediction.csv", "--top", "0"]).expect_code(2);
}

#[test]
fn a_model_of_another_tool_is_explained_by_sampling_with_errors() {
    let models = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("models/xgboost");
    let files = Files::of(&separable(30, false), &fs::read(models.join("samples.csv")).expect("samples"));
    let model = models.to_str().expect("a path");
    let explained = || {
        let arguments = ["explain", model, "prediction.csv", "--background", "prediction.csv", "--json"];
        files.run(&arguments).expect_code(0)
    };
    let first = explained();
    let json: Value = serde_json::from_str(&first).expect("JSON");
    assert_eq!(json["method"], "sampled");
    let output = &json["explanations"][0]["outputs"][0];
    assert!(output["contributions"][0]["error"].as_f64().is_some_and(|error| error >= 0.0), "{output}");
    let listed = output["contributions"].as_array().expect("contributions");
    let sum: f64 = listed.iter().filter_map(|one| one["contribution"].as_f64()).sum();
    let base = json["outputs"][0]["base"].as_f64().expect("a number");
    assert!((base + sum - output["value"].as_f64().expect("a number")).abs() < 1e-9, "{output}");
    assert_eq!(explained(), first, "the same random orders each time");
}

#[test]
fn an_earlier_model_file_of_this_backend_is_explained_exactly() {
    let models = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("models/ours");
    let files = Files::of(&separable(30, false), &fs::read(models.join("samples.csv")).expect("samples"));
    let model = models.join("model.onnx");
    let arguments = [
        "explain",
        model.to_str().expect("a path"),
        "prediction.csv",
        "--background",
        "prediction.csv",
        "--json",
    ];
    let json: Value = serde_json::from_str(&files.run(&arguments).expect_code(0)).expect("JSON");
    assert_eq!(json["method"], "exact");
}
