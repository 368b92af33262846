//! The models in `models/`: what was exported once is understood for good.

use std::collections::HashMap;
use std::fs;
use std::io::{Cursor, Write as _};
use std::path::{Path, PathBuf};

use moodle_mlbackend::dataset::{Limits, read_unlabelled};
use moodle_mlbackend::model::Model;
use zip::write::{SimpleFileOptions, ZipWriter};

use crate::common::Home;

/// The folders of all models that ship.
pub(super) fn all() -> Vec<PathBuf> {
    let entries = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("models")).expect("models");
    let folders: Vec<PathBuf> =
        entries.map(|entry| entry.expect("an entry").path()).filter(|path| path.is_dir()).collect();
    assert!(!folders.is_empty());
    folders
}

/// How far an answer may be from that of the framework that made the model: all calculate with single precision,
/// each in an order of its own.
const TOLERANCE: f64 = 1e-5;

/// A zip of a model's files, as Moodle makes it of what it has unpacked.
pub(super) fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(*name, SimpleFileOptions::default()).expect("a zip");
        zip.write_all(bytes).expect("a zip");
    }
    zip.finish().expect("a zip").into_inner()
}

/// What is to be imported of a folder: our own models need no description.
pub(super) fn archive(model: &Path) -> Vec<u8> {
    let onnx = fs::read(model.join("model.onnx")).expect("model.onnx");
    match fs::read(model.join("model.json")) {
        Ok(description) => zipped(&[("model.onnx", &onnx), ("model.json", &description)]),
        Err(_) => zipped(&[("model.onnx", &onnx)]),
    }
}

/// A folder's model, imported.
pub(super) fn imported(model: &Path) -> Home {
    let home = Home::new();
    home.try_import(&archive(model)).unwrap_or_else(|error| panic!("{}: {error}", model.display()));
    home
}

/// Compares a server's predictions of a folder's samples with what is expected of the model.
#[track_caller]
pub(super) fn compare(model: &Path, predictions: &serde_json::Value) {
    let (predictions, expected) = (predictions.as_array().expect("predictions"), expected(model));
    assert_eq!(predictions.len(), expected.len(), "{}", model.display());
    for answer in predictions {
        let probability: f64 = answer[2].as_str().expect("text").parse().expect("a number");
        let most = expected[answer[0].as_str().expect("an id")].iter().copied().fold(0.0, f64::max);
        assert!((probability - most).abs() < TOLERANCE, "{}: {answer}, {most}", model.display());
    }
}

fn expected(model: &Path) -> HashMap<String, Vec<f64>> {
    let json = fs::read(model.join("expected.json")).expect("expected.json");
    serde_json::from_slice(&json).expect("sample id → probabilities")
}

#[test]
fn every_shipped_model_is_imported_and_answers_as_is_expected_of_it() {
    for model in all() {
        let samples = fs::read(model.join("samples.csv")).expect("samples.csv");
        let expected = expected(&model);
        let home = imported(&model);
        let answers = home.predict(&samples);
        assert!(!answers.is_empty() && answers.len() == expected.len(), "{}", model.display());
        for answer in answers {
            let most = expected[&answer.id].iter().copied().fold(0.0, f64::max);
            assert!((answer.probability - most).abs() < TOLERANCE, "{}: {answer:?}, {most}", model.display());
        }
        let parsed = read_unlabelled(&samples[..], &Limits::default()).expect("samples");
        let probabilities =
            Model::load(&home.onnx()).expect("runs").predict(parsed.features).expect("answers");
        for (id, row) in parsed.ids.iter().zip(probabilities.outer_iter()) {
            let close = row.iter().zip(&expected[id]).all(|(ours, theirs)| (ours - theirs).abs() < TOLERANCE);
            assert!(close, "{}: {id}: {row}, expected {:?}", model.display(), expected[id]);
        }
    }
}

#[test]
fn there_is_a_model_of_each_origin() {
    let names: Vec<String> =
        all().iter().map(|path| path.file_name().expect("a name").to_string_lossy().into_owned()).collect();
    for origin in ["ours", "scikit-learn", "lightgbm", "xgboost", "keras", "pytorch"] {
        assert!(names.iter().any(|name| name == origin), "{names:?}");
    }
}

#[test]
fn the_samples_of_our_model_have_missing_cells_and_it_tells_students_apart() {
    let ours = all().into_iter().find(|model| model.ends_with("ours")).expect("models/ours");
    let samples = fs::read_to_string(ours.join("samples.csv")).expect("samples.csv");
    assert!(samples.lines().skip(3).all(|line| line.contains(",,")));
    let at_risk: Vec<f64> = expected(&ours).into_values().map(|row| row[1]).collect();
    assert!(at_risk.iter().any(|&p| p > 0.5) && at_risk.iter().any(|&p| p < 0.1), "{at_risk:?}");
}
