//! The models in `models/`: every release imports the models of earlier ones, with the same predictions.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use moodle_mlbackend::dataset::{Limits, read_unlabelled};
use moodle_mlbackend::model::Model;

use crate::common::{Entry, RawZip, TestModel};

/// The folders of all shipped models.
pub(super) fn all() -> Vec<PathBuf> {
    let entries = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("models")).expect("models");
    let folders: Vec<PathBuf> =
        entries.map(|entry| entry.expect("an entry").path()).filter(|path| path.is_dir()).collect();
    assert!(!folders.is_empty());
    folders
}

/// The tolerance between a probability and that of the framework that made the model: all compute in single precision,
/// but in different orders.
const TOLERANCE: f64 = 1e-5;

/// A zip of a model's files, like the one that Moodle makes of its unpacked files.
pub(super) fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
    RawZip::of(files.iter().map(|(name, bytes)| Entry::stored(name, bytes))).bytes()
}

/// The archive of a folder for import; models of this backend need no `model.json`.
pub(super) fn archive(model: &Path) -> Vec<u8> {
    let onnx = fs::read(model.join("model.onnx")).expect("model.onnx");
    match fs::read(model.join("model.json")) {
        Ok(description) => zipped(&[("model.onnx", &onnx), ("model.json", &description)]),
        Err(_) => zipped(&[("model.onnx", &onnx)]),
    }
}

/// A folder's model, imported.
pub(super) fn imported(model: &Path) -> TestModel {
    let home = TestModel::new();
    home.try_import(&archive(model)).unwrap_or_else(|error| panic!("{}: {error}", model.display()));
    home
}

/// Compares a server's predictions for the samples of a folder with the expected ones.
#[track_caller]
pub(super) fn compare(model: &Path, predictions: &serde_json::Value) {
    let predictions: Vec<(String, String, String)> =
        serde_json::from_value(predictions.clone()).expect("predictions");
    let probability = |text: String| text.parse().expect("a number");
    compare_all(model, predictions.into_iter().map(|(id, _, text)| (id, probability(text))).collect());
}

#[track_caller]
fn compare_all(model: &Path, predictions: Vec<(String, f64)>) {
    let expected = expected(model);
    assert_eq!(predictions.len(), expected.len(), "{}", model.display());
    for (id, probability) in predictions {
        let max = expected[&id].iter().copied().fold(0.0, f64::max);
        assert!((probability - max).abs() < TOLERANCE, "{}: {id}: {probability}, {max}", model.display());
    }
}

fn expected(model: &Path) -> HashMap<String, Vec<f64>> {
    let json = fs::read(model.join("expected.json")).expect("expected.json");
    serde_json::from_slice(&json).expect("sample id → probabilities")
}

#[test]
fn imports_every_shipped_model_with_the_expected_probabilities() {
    for model in all() {
        let samples = fs::read(model.join("samples.csv")).expect("samples.csv");
        let expected = expected(&model);
        let home = imported(&model);
        let predictions = home.predict(&samples);
        assert!(!predictions.is_empty(), "{}", model.display());
        compare_all(&model, predictions.into_iter().map(|one| (one.id, one.probability)).collect());
        let parsed = read_unlabelled(&samples[..], &Limits::default()).expect("samples");
        let probabilities =
            Model::load(&home.onnx()).expect("runs").predict(parsed.features).expect("predictions");
        for (id, row) in parsed.ids.iter().zip(probabilities.outer_iter()) {
            let close = row.iter().zip(&expected[id]).all(|(ours, theirs)| (ours - theirs).abs() < TOLERANCE);
            assert!(close, "{}: {id}: {row}, expected {:?}", model.display(), expected[id]);
        }
    }
}

#[test]
fn ships_a_model_of_each_tool() {
    let names: Vec<String> =
        all().iter().map(|path| path.file_name().expect("a name").to_string_lossy().into_owned()).collect();
    for origin in ["ours", "scikit-learn", "lightgbm", "xgboost", "keras", "pytorch"] {
        assert!(names.iter().any(|name| name == origin), "{names:?}");
    }
}

#[test]
fn our_shipped_model_separates_students_in_samples_with_missing_cells() {
    let ours = all().into_iter().find(|model| model.ends_with("ours")).expect("models/ours");
    let samples = fs::read_to_string(ours.join("samples.csv")).expect("samples.csv");
    assert!(samples.lines().skip(3).all(|line| line.contains(",,")));
    let at_risk: Vec<f64> = expected(&ours).into_values().map(|row| row[1]).collect();
    assert!(at_risk.iter().any(|&p| p > 0.5) && at_risk.iter().any(|&p| p < 0.1), "{at_risk:?}");
}
