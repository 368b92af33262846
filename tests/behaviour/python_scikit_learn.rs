//! The figures of an evaluation are those that scikit-learn computes from the same predictions.
#![allow(clippy::disallowed_methods, reason = "these tests prepare files of their own")]

use std::fs;

use moodle_mlbackend::dataset::Features;
use moodle_mlbackend::model::Model;
use rstest::rstest;
use serde_json::Value;

use crate::common::{Dice, Table, TestModel, python, run_script};

/// The allowed difference.
const TOLERANCE: f64 = 1e-6;

/// Samples whose class depends on two of three columns, by chance.
fn uncertain(samples: usize, classes: u8, seed: u64) -> Table {
    let mut dice = Dice::new(seed);
    let mut table = Table::of_two_classes(&["\\a", "\\b", "\\c"]);
    if classes == 3 {
        table.classes.push("2".to_owned());
    }
    for _ in 0..samples {
        let cells: Vec<f64> = (0..3).map(|_| (dice.between(-1.0, 1.0) * 20.0).round() / 20.0).collect();
        let margin = cells[0] + cells[1] * cells[1] + dice.between(-0.7, 0.7);
        let class = u8::from(margin > 0.3) + u8::from(margin > 0.9 && classes == 3);
        table.push(&cells.iter().map(|&cell| cell as f32).collect::<Vec<_>>(), class);
    }
    table
}

/// What the model predicts, of all classes and not rounded.
fn probabilities(model: &TestModel, samples: &Table) -> Vec<Vec<f64>> {
    let column = |at: usize| samples.rows.iter().map(|row| row[at].unwrap_or(f32::NAN)).collect();
    let columns: Vec<Vec<f32>> = (0..samples.names.len()).map(column).collect();
    let features = Features::of_columns(samples.names.clone(), &columns);
    let predicted = Model::load(&model.onnx()).expect("a model").predict(features).expect("predictions");
    predicted.outer_iter().map(|row| row.to_vec()).collect()
}

#[rstest]
#[case::two_classes(2)]
#[case::three_classes(3)]
fn the_figures_are_those_of_scikit_learn(#[case] classes: u8) {
    let Some(python) = python() else { return };
    let model = TestModel::trained(&uncertain(400, classes, 1).labelled());
    let tested = uncertain(700, classes, 2);
    let reply = TestModel::new();
    let evaluation = reply.evaluate_trained(&model, &tested.labelled());
    let run = reply.model_dir().run(evaluation.runid).expect("readable").expect("the run is there");
    let report = run.path().join("report.json");
    let dir = tempfile::tempdir().expect("a directory");
    let predictions = dir.path().join("predictions.json");
    let probabilities: Vec<Vec<f64>> = probabilities(&model, &tested);
    let data = serde_json::json!({ "probabilities": probabilities, "targets": tested.targets });
    fs::write(&predictions, data.to_string()).expect("written");

    let expected = run_script(&python, "sklearn_metrics.py", &[&predictions]);
    let report: Value = serde_json::from_slice(&fs::read(&report).expect("readable")).expect("JSON");
    let mut found = report["evaluation"]["mean"].clone();
    found["calibration_error"] = report["evaluation"]["calibration"]["expected_error"].clone();
    let mut compared = 0;
    for (name, value) in expected.as_object().expect("figures") {
        let (theirs, ours) = (value.as_f64().expect("a number"), found[name].as_f64());
        let ours = ours.unwrap_or_else(|| panic!("{name}: {found}"));
        assert!((ours - theirs).abs() < TOLERANCE, "{name}: {ours}, scikit-learn has {theirs}");
        compared += 1;
    }
    assert_eq!(compared, if classes == 2 { 11 } else { 9 }, "{expected}");
}
