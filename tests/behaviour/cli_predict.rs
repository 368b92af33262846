//! `moodle-mlbackend predict`: formats, and models and datasets that cannot be used.
#![allow(clippy::disallowed_methods, reason = "these tests prepare files of their own")]

use std::fs;
use std::io::Read as _;
use std::process::Stdio;

use rstest::rstest;
use serde_json::Value;

use super::cli_train::Files;
use crate::common::{program, separable, unlabelled};

#[test]
fn the_table_csv_and_json_have_the_same_predictions() {
    let files = Files::new();
    files.train();
    let rows = files.predictions(&["model.onnx"]);
    let rows = rows.as_array().unwrap();
    let json = files.run(&["predict", "model.onnx", "prediction.csv", "--json"]);
    json.expect_code(0);
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    let table = files.run(&["predict", "model.onnx", "prediction.csv"]).expect_code(0);
    for (at, row) in rows.iter().enumerate() {
        let entry = &json["predictions"][at];
        assert_eq!((&entry["sampleid"], &entry["prediction"]), (&row[0], &row[1]));
        let probability: f64 = row[2].as_str().unwrap().parse().unwrap();
        assert!((entry["probability"].as_f64().unwrap() - probability).abs() < 1e-9);
        assert!(
            table.contains(row[0].as_str().unwrap()) && table.contains(row[2].as_str().unwrap()),
            "{table}"
        );
    }
    assert!(table.starts_with("| sampleid"), "{table}");
    files.run(&["predict", "model.onnx", "prediction.csv", "-o", "out.csv"]).expect_code(0);
    assert_eq!(String::from_utf8(files.read("out.csv")).unwrap().lines().count(), rows.len() + 1);
    files.run(&["predict", "model.onnx", "prediction.csv", "-o", "out.csv"]).expect_code(1);
    files.run(&["predict", "model.onnx", "prediction.csv", "--csv", "--json"]).expect_code(2);
}

#[test]
fn sample_ids_are_quoted_in_csv_and_harmless_on_a_terminal() {
    let prediction = unlabelled(&["\"a,\"\"b\",1,2,-1", "\"\u{1b}[31mred\",1,2,-1"]);
    let files = Files::of(&separable(40, false), &prediction);
    files.train();
    let csv = files.run(&["predict", "model.onnx", "prediction.csv", "--csv"]).expect_code(0);
    assert!(csv.contains("\"a,\"\"b\","), "{csv}");
    let table = files.run(&["predict", "model.onnx", "prediction.csv"]).expect_code(0);
    assert!(!table.contains('\u{1b}') && table.contains("red"), "{table}");
}

#[test]
fn a_closed_pipe_is_no_error() {
    let files = Files::of(&separable(40, false), &unlabelled(&vec!["a-0,1,2,-1"; 50_000]));
    files.train();
    for format in ["--csv", "--json"] {
        let mut child = program(&["predict", "model.onnx", "prediction.csv", format])
            .current_dir(files.dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = [0; 10];
        let mut stdout = child.stdout.take().unwrap();
        stdout.read_exact(&mut first).unwrap();
        drop(stdout);
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    }
}

#[test]
fn a_full_disk_behind_standard_output_is_an_error() {
    let Ok(full) = fs::File::options().write(true).open("/dev/full") else {
        return crate::common::skip(
            "a_full_disk_behind_standard_output_is_an_error",
            "there is no /dev/full",
        );
    };
    let files = Files::new();
    files.train();
    for arguments in [&["predict", "model.onnx", "prediction.csv"][..], &["inspect", "model.onnx"]] {
        let mut command = program(arguments);
        let output =
            command.current_dir(files.dir.path()).stdout(full.try_clone().unwrap()).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("Standard output"), "{output:?}");
    }
}

#[rstest]
#[case::missing("nothing.onnx", "cannot be read")]
#[case::dataset("training.csv", "This is not a model")]
#[case::empty("empty.onnx", "This is not a model")]
#[case::pickle("model.pkl", "This is not a model")]
#[case::zip("broken.zip", "cannot be used")]
#[case::directory(".", "cannot be used")]
fn refuses_what_is_not_a_model(#[case] model: &str, #[case] expected: &str) {
    let files = Files::of(&separable(30, false), &unlabelled(&["a,1,2,-1"]));
    fs::write(files.path("empty.onnx"), "").unwrap();
    fs::write(files.path("model.pkl"), b"\x80\x04cos\nsystem\n").unwrap();
    fs::write(files.path("broken.zip"), b"PK\x03\x04nothing").unwrap();
    let output = files.run(&["predict", model, "prediction.csv"]);
    output.expect_code(1);
    assert!(output.stderr.contains(expected) && output.stdout.is_empty(), "{output:?}");
}

#[test]
fn damaged_models_cause_no_panic() {
    let files = Files::of(&separable(30, false), &unlabelled(&["a,1,2,-1"]));
    files.train();
    let model = files.read("model.onnx");
    for step in 1..16 {
        let at = model.len() * step / 16;
        let mut changed = model.clone();
        changed[at] ^= 0xff;
        for bytes in [&changed[..], &model[..at]] {
            fs::write(files.path("damaged.onnx"), bytes).unwrap();
            let output = files.run(&["predict", "damaged.onnx", "prediction.csv"]);
            assert!(matches!(output.code, Some(0 | 1)), "{at}: {output:?}");
            assert!(!output.stderr.contains("panicked"), "{at}: {output:?}");
        }
    }
}

#[test]
fn a_dataset_of_other_indicators_is_refused() {
    let files = Files::new();
    files.train();
    fs::write(files.path("prediction.csv"), unlabelled(&["a,1,2,-1"])).unwrap();
    let output = files.run(&["predict", "model.onnx", "prediction.csv"]);
    assert!(output.expect_code(1).contains("The dataset cannot be used"), "{output:?}");
}

#[test]
fn an_unknown_model_of_a_data_directory_is_reported() {
    let files = Files::new();
    let output = files.run(&["predict", "--data-dir", ".", "m/d", "prediction.csv"]);
    assert!(output.expect_code(1).contains("There is no trained model m/d"), "{output:?}");
    assert!(!files.path("m").exists() && !files.path(".mlbackend").exists(), "nothing is created");
}
