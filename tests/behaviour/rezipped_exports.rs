//! What an export holds, and that it is the same model wherever and in whatever zip it arrives.

use std::fs;
use std::path::Path;
use std::process::Command;

use moodle_mlbackend::cli::demo::students::Campus;
use rstest::rstest;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::shipped_models;
use crate::common::{Entry, Form, RawZip, TestServer, python, run_script, tool, unzipped};

const SAMPLES: usize = 600;

/// A server with a trained model, what it answers, and its export.
struct Exporter {
    export: Vec<u8>,
    asked: String,
    answered: Value,
}

impl Exporter {
    fn new() -> Self {
        let server = TestServer::start();
        let campus = Campus::new(3);
        let dataset = campus.training_csv(0, SAMPLES);
        let trained = server.post("/training", &Form::model("m", "d").file("dataset", dataset.as_bytes()));
        assert_eq!(trained.json()["status"], json!(0), "{}", trained.text());
        let asked = campus.cohort(0, 100).csv;
        let answered = answers(&server, &asked);
        let export = server.get("/export?uniqueid=m&dirhash=d").body;
        Self { export, asked, answered }
    }

    /// Another server takes the archive and answers the same.
    #[track_caller]
    fn is_understood(&self, archive: &[u8]) {
        let there = TestServer::start();
        there.post("/import", &Form::model("m", "d").file("importzip", archive)).expect(200, "Ok");
        assert_eq!(answers(&there, &self.asked), self.answered);
    }
}

fn answers(server: &TestServer, asked: &str) -> Value {
    let reply = server.post("/prediction", &Form::model("m", "d").file("dataset", asked.as_bytes())).json();
    assert_eq!(reply["status"], json!(0), "{reply}");
    reply["predictions"].clone()
}

#[test]
fn an_export_holds_the_model_its_facts_and_a_card() {
    let exporter = Exporter::new();
    let files = unzipped(&exporter.export);
    assert_eq!(files.keys().collect::<Vec<_>>(), ["model-card.md", "model.json", "model.onnx"]);

    let facts: Value = serde_json::from_slice(&files["model.json"]).expect("JSON");
    assert_eq!(facts["sha256"], hex::encode(Sha256::digest(&files["model.onnx"])));
    assert_eq!((&facts["samples"], &facts["classes"]), (&json!(SAMPLES), &json!([0, 1])));
    let features = facts["features"].as_array().expect("a list");
    assert!(features.len() > 10 && features.iter().all(Value::is_string), "{facts}");
    let loss = facts["metrics"]["log_loss"].as_f64().expect("a number");
    let of_shares = facts["metrics"]["log_loss_of_shares"].as_f64().expect("a number");
    assert!(0.0 < loss && loss < of_shares, "{facts}");
    assert!(facts["target"].as_str().is_some_and(|target| target.contains("target")), "{facts}");
    let top = facts["top_features"].as_array().expect("a list");
    let first = &top.first().expect("something moves the answers");
    assert!(features.contains(&first["name"]) && first["weight"].as_f64() > Some(0.0), "{facts}");

    let card = String::from_utf8(files["model-card.md"].clone()).expect("text");
    for heading in
        ["What it predicts", "has learnt from", "How well", "decided", "moves", "Limits", "How to run"]
    {
        assert!(
            card.lines().any(|line| line.starts_with("## ") && line.contains(heading)),
            "{heading}: {card}"
        );
    }
    assert!(
        card.contains(&format!("{loss:.4}")) && card.contains(first["name"].as_str().unwrap_or("?")),
        "{card}"
    );
}

#[test]
fn the_program_in_the_card_runs_as_it_stands() {
    let Some(python) = python() else { return };
    let files = unzipped(&Exporter::new().export);
    let card = String::from_utf8(files["model-card.md"].clone()).expect("text");
    let program =
        card.split("```python\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a program");
    let dir = tempfile::tempdir().expect("a directory");
    write(&dir.path().join("model.onnx"), &files["model.onnx"]);
    let ran =
        Command::new(python).args(["-c", program]).current_dir(dir.path()).output().expect("Python runs");
    let (said, told) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success() && said.starts_with("[["), "{said}{told}");
}

#[test]
fn an_imported_model_is_exported_with_the_same_facts() {
    let exporter = Exporter::new();
    let there = TestServer::start();
    there.post("/import", &Form::model("n", "d").file("importzip", &exporter.export)).expect(200, "Ok");
    let facts =
        |export: &[u8]| -> Value { serde_json::from_slice(&unzipped(export)["model.json"]).expect("JSON") };
    let (here, again) = (facts(&exporter.export), facts(&there.get("/export?uniqueid=n&dirhash=d").body));
    for key in
        ["features", "classes", "class_counts", "metrics", "decisions", "top_features", "target", "sha256"]
    {
        assert_eq!(here[key], again[key], "{key}");
    }
    assert_eq!((&here["imported"], &again["imported"]), (&json!(false), &json!(true)));
}

#[rstest]
#[case("deflated")]
#[case("stored")]
#[case("reversed")]
#[case("folders")]
#[case("streamed")]
#[case("commented")]
fn an_export_that_python_zips_again_is_the_same_model(#[case] way: &str) {
    let Some(python) = python() else { return };
    let exporter = Exporter::new();
    let dir = tempfile::tempdir().expect("a directory");
    let (source, target) = (dir.path().join("export.zip"), dir.path().join("again.zip"));
    write(&source, &exporter.export);
    run_script(&python, "rezip.py", &[source.as_os_str(), way.as_ref(), target.as_os_str()]);
    exporter.is_understood(&fs::read(target).expect("an archive"));
}

#[rstest]
#[case::deflated(&["-q", "-r", "-9", "../again.zip", "."])]
#[case::stored(&["-q", "-r", "-0", "../again.zip", "."])]
#[case::without_attributes(&["-q", "-X", "-D", "-r", "../again.zip", "."])]
#[case::named_one_by_one(&["-q", "../again.zip", "model.json", "model.onnx"])]
#[case::the_model_alone(&["-q", "../again.zip", "model.onnx"])]
fn an_export_that_info_zip_zips_again_is_the_same_model(#[case] arguments: &[&str]) {
    let Some(zip) = tool("an_export_that_info_zip_zips_again", "zip") else { return };
    let exporter = Exporter::new();
    let dir = unpacked(&exporter.export);
    let files = dir.path().join("files");
    let done = Command::new(zip).args(arguments).current_dir(&files).status().expect("zip runs");
    assert!(done.success());
    exporter.is_understood(&fs::read(dir.path().join("again.zip")).expect("an archive"));
}

#[test]
fn an_export_that_info_zip_writes_into_a_pipe_is_the_same_model() {
    let Some(zip) = tool("an_export_that_info_zip_writes_into_a_pipe", "zip") else { return };
    let exporter = Exporter::new();
    let dir = unpacked(&exporter.export);
    let piped = Command::new(zip).args(["-q", "-r", "-", "."]).current_dir(dir.path().join("files")).output();
    let piped = piped.expect("zip runs");
    assert!(piped.status.success() && !piped.stdout.is_empty(), "{piped:?}");
    exporter.is_understood(&piped.stdout);
}

/// Whatever made a model, its export is one of ours: it goes on to a third server, through other zip programs.
#[test]
fn models_of_every_origin_stay_the_same_through_export_and_zip_programs() {
    let (here, there) = (TestServer::start(), TestServer::start());
    let test = "models_of_every_origin_stay_the_same";
    let dir = tempfile::tempdir().expect("a directory");
    for folder in shipped_models::all() {
        let name = folder.file_name().and_then(|name| name.to_str()).expect("a name");
        let asked = fs::read_to_string(folder.join("samples.csv")).expect("samples");
        let form = Form::model("m", "d").file("importzip", &shipped_models::archive(&folder));
        here.post("/import", &form).expect(200, "Ok");
        let answered = answers(&here, &asked);
        shipped_models::compare(&folder, &answered);
        let export = here.get("/export?uniqueid=m&dirhash=d").body;

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
            there.post("/import", &Form::model("m", "d").file("importzip", &archive)).expect(200, "Ok");
            assert_eq!(answers(&there, &asked), answered, "{name}");
        }
    }
}

#[test]
fn a_model_and_the_facts_of_another_one_are_told_apart() {
    let exporter = Exporter::new();
    let mut files = unzipped(&exporter.export);
    let facts = String::from_utf8(files["model.json"].clone()).expect("text");
    let mixed = facts.replace("\"sha256\": \"", "\"sha256\": \"0");
    assert_ne!(facts, mixed);
    files.insert("model.json".to_owned(), mixed.into_bytes());
    let archive = RawZip::of(files.iter().map(|(name, bytes)| Entry::deflated(name, bytes))).bytes();
    let there = TestServer::start();
    let reply = there.post("/import", &Form::model("m", "d").file("importzip", &archive));
    assert_eq!(reply.status, 400);
    assert!(reply.text().contains("do not belong together"), "{}", reply.text());
    // What stands in model.json is for people: a model is what its own file says.
    let described = facts.replace("\"classes\": [\n    0,", "\"classes\": [\n    7,");
    assert_ne!(facts, described);
    files.insert("model.json".to_owned(), described.into_bytes());
    let archive = RawZip::of(files.iter().map(|(name, bytes)| Entry::stored(name, bytes))).bytes();
    exporter.is_understood(&archive);
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
