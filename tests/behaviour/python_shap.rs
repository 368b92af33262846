//! Contributions equal those of Python's shap.

use std::ffi::OsString;
use std::fs;
use std::process::Command;

use moodle_mlbackend::backend::{ExplanationRequest, Upload, explain};
use rstest::rstest;
use tempfile::TempDir;

use crate::common::{Dice, Table, TestModel, python, run_script, script_fails, skip};

const NAMES: [&str; 10] = ["\\a", "\\b", "\\c", "\\d", "\\e", "\\f", "\\g", "\\h", "\\i", "\\j"];

/// Samples of ten features and `classes` classes, which depend on products and on steps; much is noise, so that no
/// probability reaches its lower bound.
fn samples(rows: usize, classes: usize, seed: u64) -> Table {
    let labels = &["0", "1", "2"][..classes];
    let mut table = Table::of_classes(&NAMES, labels);
    let mut dice = Dice::new(seed);
    for _ in 0..rows {
        let row: Vec<f32> =
            (0..10).map(|_| (dice.between(-1.0, 1.0) * 100.0).round() as f32 / 100.0).collect();
        let step = if (row[2] > 0.2) == (row[3] > -0.1) { 0.6 } else { -0.6 };
        let value = f64::from(row[0] * row[1] + 0.5 * row[4]) + step + dice.between(-2.0, 2.0);
        let class = usize::from(value > 0.0) + usize::from(value > 1.0);
        table.push(&row, labels[class.min(classes - 1)]);
    }
    table
}

/// A Python with shap.
fn python_with_shap() -> Option<OsString> {
    let python = python()?;
    let output = Command::new(&python).args(["-c", "import shap, onnx"]).output().expect("Python runs");
    if !output.status.success() {
        let test = std::thread::current().name().unwrap_or("a test").to_owned();
        skip(&test, "the Python of MLBACKEND_TEST_PYTHON has no shap (tests/python/requirements.txt)");
        return None;
    }
    Some(python)
}

/// The arguments of the script: a model, 12 samples, 20 others, and the explanation.
fn files(rows: usize, classes: usize) -> (TempDir, [std::path::PathBuf; 4]) {
    let training = samples(rows, classes, 1);
    let home = TestModel::trained(&training.labelled());
    let explained = samples(12, classes, 2).unlabelled();
    let background = training.select((0..20).map(|row| row * 3)).unlabelled();
    let request = ExplanationRequest { background: Some(Upload::from(background.clone())), top: None };
    let found = explain(&home.model_dir(), Upload::from(explained.clone()), request, &home.limits);
    let found = serde_json::to_vec(&found.expect("an explanation")).expect("JSON");
    let dir = TempDir::new().expect("a directory");
    let paths =
        ["model.onnx", "samples.csv", "background.csv", "found.json"].map(|name| dir.path().join(name));
    for (path, bytes) in paths.iter().zip([home.onnx(), explained, background, found]) {
        #[expect(clippy::disallowed_methods, reason = "only the script reads it")]
        fs::write(path, bytes).expect("written");
    }
    (dir, paths)
}

#[rstest]
#[case::with_random_combinations(400, 2)]
#[case::with_trees(2_500, 2)]
#[case::of_three_classes(1_500, 3)]
fn contributions_equal_those_of_shap(#[case] rows: usize, #[case] classes: usize) {
    let Some(python) = python_with_shap() else { return };
    let (_dir, paths) = files(rows, classes);
    let answer = run_script(&python, "check_explanations.py", &paths);
    assert_eq!(answer["samples"], 12, "{answer}");
    assert!(rows < 2_000 || answer["trees"].as_u64() > Some(20), "{answer}");
}

#[test]
fn the_comparison_with_shap_fails_on_a_small_difference() {
    let Some(python) = python_with_shap() else { return };
    let (_dir, paths) = files(300, 2);
    let mut found: serde_json::Value =
        serde_json::from_slice(&fs::read(&paths[3]).expect("a file")).expect("JSON");
    let one = &mut found["explanations"][3]["outputs"][0]["contributions"][0]["contribution"];
    *one = (one.as_f64().expect("a number") + 2e-4).into();
    #[expect(clippy::disallowed_methods, reason = "only the script reads it")]
    fs::write(&paths[3], found.to_string()).expect("written");
    let output = script_fails(&python, "check_explanations.py", &paths);
    assert!(output.contains("differs by"), "{output}");
}
