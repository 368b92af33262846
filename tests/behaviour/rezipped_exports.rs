//! The files of an export, and its import on another server after other programs have packed it again.

use std::fs;
use std::path::Path;
use std::process::Command;

use moodle_mlbackend::cli::demo::students::Campus;
use rstest::rstest;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::shipped_models;
use crate::common::{Entry, RawZip, TestServer, python, run_script, tool, unzipped};

const SAMPLES: usize = 600;

/// The export of a trained model, with the model's predictions for some samples.
struct Exporter {
    export: Vec<u8>,
    samples: String,
    predictions: Value,
}

impl Exporter {
    fn new() -> Self {
        let server = TestServer::start();
        let campus = Campus::new(3);
        let dataset = campus.training_csv(0, SAMPLES);
        server.train("m", dataset.as_bytes());
        let samples = campus.cohort(0, 100).csv;
        let predictions = server.predictions("m", samples.as_bytes());
        Self { export: server.export("m"), samples, predictions }
    }

    /// Imports the archive on another server and compares the predictions.
    #[track_caller]
    fn assert_imported_by_another_server(&self, archive: &[u8]) {
        let other = TestServer::start();
        other.import("m", archive).expect(200, "Ok");
        assert_eq!(other.predictions("m", self.samples.as_bytes()), self.predictions);
    }
}

#[test]
fn exports_the_model_with_its_description_and_card() {
    let exporter = Exporter::new();
    let files = unzipped(&exporter.export);
    assert_eq!(files.keys().collect::<Vec<_>>(), ["model-card.md", "model.json", "model.onnx"]);

    let description: Value = serde_json::from_slice(&files["model.json"]).expect("JSON");
    assert_eq!(description["sha256"], hex::encode(Sha256::digest(&files["model.onnx"])));
    assert_eq!((&description["samples"], &description["classes"]), (&json!(SAMPLES), &json!([0, 1])));
    let features = description["features"].as_array().expect("a list");
    assert!(features.len() > 10 && features.iter().all(Value::is_string), "{description}");
    let loss = description["metrics"]["log_loss"].as_f64().expect("a number");
    let of_shares = description["metrics"]["log_loss_of_shares"].as_f64().expect("a number");
    assert!(0.0 < loss && loss < of_shares, "{description}");
    assert!(description["target"].as_str().is_some_and(|target| target.contains("target")), "{description}");
    let top = description["top_features"].as_array().expect("a list");
    let top_feature = &top.first().expect("a feature changes the predictions");
    assert!(
        features.contains(&top_feature["name"]) && top_feature["weight"].as_f64() > Some(0.0),
        "{description}"
    );

    let card = String::from_utf8(files["model-card.md"].clone()).expect("text");
    let headings: Vec<&str> = card.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let expected = [
        "Intended use",
        "Predictions",
        "Training data",
        "Quality",
        "Calibration",
        "Training decisions",
        "Largest shares in the model",
        "Human oversight",
        "Limits",
        "Usage",
    ];
    assert_eq!(headings, expected, "{card}");
    let name = top_feature["name"].as_str().expect("a name");
    assert!(card.contains(&format!("{loss:.4}")) && card.contains(name), "{card}");
}

#[test]
fn runs_the_program_in_the_model_card() {
    let Some(python) = python() else { return };
    let files = unzipped(&Exporter::new().export);
    let card = String::from_utf8(files["model-card.md"].clone()).expect("text");
    let program =
        card.split("```python\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a program");
    let dir = tempfile::tempdir().expect("a directory");
    write(&dir.path().join("model.onnx"), &files["model.onnx"]);
    let ran =
        Command::new(python).args(["-c", program]).current_dir(dir.path()).output().expect("Python runs");
    let (output, errors) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success() && output.starts_with("[["), "{output}{errors}");
}

#[test]
fn exports_an_imported_model_with_the_same_description() {
    let exporter = Exporter::new();
    let other = TestServer::start();
    other.import("m", &exporter.export).expect(200, "Ok");
    let description =
        |export: &[u8]| -> Value { serde_json::from_slice(&unzipped(export)["model.json"]).expect("JSON") };
    let (original, again) = (description(&exporter.export), description(&other.export("m")));
    for key in
        ["features", "classes", "class_counts", "metrics", "decisions", "top_features", "target", "sha256"]
    {
        assert_eq!(original[key], again[key], "{key}");
    }
    assert_eq!((&original["imported"], &again["imported"]), (&json!(false), &json!(true)));
}

#[rstest]
#[case("deflated")]
#[case("stored")]
#[case("reversed")]
#[case("folders")]
#[case("streamed")]
#[case("commented")]
fn imports_an_export_that_python_packed_again(#[case] variant: &str) {
    let Some(python) = python() else { return };
    let exporter = Exporter::new();
    let dir = tempfile::tempdir().expect("a directory");
    let (source, target) = (dir.path().join("export.zip"), dir.path().join("again.zip"));
    write(&source, &exporter.export);
    run_script(&python, "rezip.py", &[source.as_os_str(), variant.as_ref(), target.as_os_str()]);
    exporter.assert_imported_by_another_server(&fs::read(target).expect("an archive"));
}

#[rstest]
#[case::deflated(&["-q", "-r", "-9", "../again.zip", "."])]
#[case::stored(&["-q", "-r", "-0", "../again.zip", "."])]
#[case::without_attributes(&["-q", "-X", "-D", "-r", "../again.zip", "."])]
#[case::named_one_by_one(&["-q", "../again.zip", "model.json", "model.onnx"])]
#[case::the_model_alone(&["-q", "../again.zip", "model.onnx"])]
fn imports_an_export_that_info_zip_packed_again(#[case] arguments: &[&str]) {
    let Some(zip) = tool("imports_an_export_that_info_zip_packed_again", "zip") else { return };
    let exporter = Exporter::new();
    let dir = unpacked(&exporter.export);
    let files = dir.path().join("files");
    let done = Command::new(zip).args(arguments).current_dir(&files).status().expect("zip runs");
    assert!(done.success());
    exporter.assert_imported_by_another_server(&fs::read(dir.path().join("again.zip")).expect("an archive"));
}

#[test]
fn imports_an_export_that_info_zip_wrote_into_a_pipe() {
    let Some(zip) = tool("imports_an_export_that_info_zip_wrote_into_a_pipe", "zip") else { return };
    let exporter = Exporter::new();
    let dir = unpacked(&exporter.export);
    let piped = Command::new(zip).args(["-q", "-r", "-", "."]).current_dir(dir.path().join("files")).output();
    let piped = piped.expect("zip runs");
    assert!(piped.status.success() && !piped.stdout.is_empty(), "{piped:?}");
    exporter.assert_imported_by_another_server(&piped.stdout);
}

/// The export of any tool's model is a model of this backend: another server imports it, also after other programs
/// have packed it again.
#[test]
fn exports_and_repacks_models_of_every_tool_unchanged() {
    let (first, other) = (TestServer::start(), TestServer::start());
    let test = "exports_and_repacks_models_of_every_tool_unchanged";
    let dir = tempfile::tempdir().expect("a directory");
    for folder in shipped_models::all() {
        let name = folder.file_name().and_then(|name| name.to_str()).expect("a name");
        let samples = fs::read(folder.join("samples.csv")).expect("samples");
        first.import("m", &shipped_models::archive(&folder)).expect(200, "Ok");
        let predictions = first.predictions("m", &samples);
        shipped_models::compare(&folder, &predictions);
        let export = first.export("m");

        let mut archives = vec![export.clone()];
        if let Some(zip) = tool(test, "zip") {
            let unpacked = unpacked(&export);
            let arguments = ["-q", "-r", "../again.zip", "."];
            let zipped =
                Command::new(zip).args(arguments).current_dir(unpacked.path().join("files")).status();
            assert!(zipped.expect("zip runs").success());
            archives.push(fs::read(unpacked.path().join("again.zip")).expect("an archive"));
        }
        if let Some(python) = python() {
            let (source, target) =
                (dir.path().join(format!("{name}.zip")), dir.path().join(format!("{name}-again.zip")));
            write(&source, &export);
            run_script(&python, "rezip.py", &[source.as_os_str(), "deflated".as_ref(), target.as_os_str()]);
            archives.push(fs::read(target).expect("an archive"));
        }
        for archive in archives {
            other.import("m", &archive).expect(200, "Ok");
            assert_eq!(other.predictions("m", &samples), predictions, "{name}");
        }
    }
}

#[test]
fn refuses_a_model_with_the_description_of_another_one() {
    let exporter = Exporter::new();
    let mut files = unzipped(&exporter.export);
    let description = String::from_utf8(files["model.json"].clone()).expect("text");
    let mixed = description.replace("\"sha256\": \"", "\"sha256\": \"0");
    assert_ne!(description, mixed);
    files.insert("model.json".to_owned(), mixed.into_bytes());
    let archive = RawZip::of(files.iter().map(|(name, bytes)| Entry::deflated(name, bytes))).bytes();
    let reply = TestServer::start().import("m", &archive);
    assert_eq!(reply.status, 400);
    assert!(reply.text().contains("do not belong together"), "{}", reply.text());
    // model.json of an export is only for people: the classes are those of the model file.
    let described = description.replace("\"classes\": [\n    0,", "\"classes\": [\n    7,");
    assert_ne!(description, described);
    files.insert("model.json".to_owned(), described.into_bytes());
    let archive = RawZip::of(files.iter().map(|(name, bytes)| Entry::stored(name, bytes))).bytes();
    exporter.assert_imported_by_another_server(&archive);
}

/// The files of an export in the folder `files` of a new directory.
fn unpacked(export: &[u8]) -> TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    let files = dir.path().join("files");
    fs::create_dir(&files).expect("a directory");
    unzipped(export).iter().for_each(|(name, bytes)| write(&files.join(name), bytes));
    dir
}

#[allow(clippy::disallowed_methods, reason = "a file for another program, in a directory of the test's own")]
fn write(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).expect("written");
}
