//! `moodle-mlbackend anonymize`: datasets for bug reports, from which a model learns the same.
#![allow(clippy::disallowed_methods, reason = "these tests prepare files of their own")]

use std::fs;

use serde_json::Value;

use super::cli_train::Files;
use super::moodle_cases::recorded;

fn json(files: &Files, arguments: &[&str]) -> Value {
    let output = files.run(&[&["anonymize"], arguments, &["--json"]].concat());
    output.expect_code(0);
    serde_json::from_str(&output.stdout).unwrap()
}

#[test]
fn nothing_of_the_header_or_the_ids_remains_and_the_file_can_be_used() {
    let files = Files::new();
    for name in ["training.csv", "prediction.csv"] {
        files
            .run(&["anonymize", name, "--output", &format!("other-{name}"), "--iterations", "1"])
            .expect_code(0);
        let (before, after) = (files.read(name), files.read(&format!("other-{name}")));
        let (before, after) = (String::from_utf8(before).unwrap(), String::from_utf8(after).unwrap());
        assert!(before.contains("\\core"), "{before}");
        assert!(!after.contains('\\') && !after.contains("quarters") && !after.contains("range/"), "{after}");
        assert_eq!(before.lines().count(), after.lines().count());
        let lines: Vec<&str> = before.lines().skip(3).collect();
        assert!(!after.lines().any(|line| lines.contains(&line)), "a row is unchanged");
    }
    files.run(&["train", "other-training.csv", "--output", "model.onnx"]).expect_code(0);
    let id = String::from_utf8(files.read("prediction.csv")).unwrap();
    let id = id.lines().nth(3).unwrap().split(',').next().unwrap().to_owned();
    let after = String::from_utf8(files.read("other-prediction.csv")).unwrap();
    assert!(!after.lines().any(|line| line.starts_with(&format!("{id},"))) || id.len() < 4, "{id}");
}

#[test]
fn a_model_learns_the_same_from_a_recorded_dataset() {
    let Some(training) = recorded("moodle/students-at-risk-quarters-training.csv") else { return };
    let files = Files::of(&training, b"");
    let result = json(&files, &["training.csv", "--output", "other.csv"]);
    assert_eq!(result["learnability_kept"], true, "{result}");
    let figure = |when: &str, name: &str| result["learnability"][when][name].as_f64().unwrap();
    assert!((figure("after", "log_loss") - figure("before", "log_loss")).abs() < 0.03, "{result}");
    assert!((figure("after", "auc") - figure("before", "auc")).abs() < 0.02, "{result}");
}

#[test]
fn only_a_seed_makes_the_same_file_again() {
    let files = Files::new();
    let make = |name: &str, seed: &[&str]| {
        let arguments =
            [&["anonymize", "training.csv", "--iterations", "0", "--output", name], seed].concat();
        files.run(&arguments).expect_code(0);
        files.read(name)
    };
    assert!(make("a.csv", &["--seed", "1"]) == make("b.csv", &["--seed", "1"]));
    assert!(make("c.csv", &[]) != make("d.csv", &[]));
}

#[test]
fn too_great_a_loss_has_exit_code_3_and_an_existing_file_is_kept() {
    let files = Files::new();
    let arguments = [
        "anonymize",
        "training.csv",
        "--output",
        "other.csv",
        "--min-count",
        "200",
        "--max-change",
        "0.0001",
    ];
    let output = files.run(&arguments);
    assert!(output.expect_code(3).contains("--min-count"), "{output:?}");
    fs::write(files.path("other.csv"), "precious").unwrap();
    files.run(&arguments).expect_code(1);
    assert_eq!(files.read("other.csv"), b"precious");
}
