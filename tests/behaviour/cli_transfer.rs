//! `moodle-mlbackend export` and `import`: models of a data directory as files, beside the server.
#![allow(clippy::disallowed_methods, reason = "these tests prepare files of their own")]

use std::fs;

use super::cli_train::Files;
use crate::common::{Output, TestServer, contents, program, unzipped};

fn on(server: &TestServer, files: &Files, arguments: &[&str]) -> Output {
    let mut command = program(arguments);
    Output::of(command.arg("--data-dir").arg(server.data_dir()).current_dir(files.dir.path()))
}

#[test]
fn exports_the_same_zip_as_the_server_and_changes_nothing() {
    let (server, files) = (TestServer::start(), Files::new());
    server.train("m", &files.read("training.csv"));
    let before = contents(&server.data_dir().join("m"));
    on(&server, &files, &["export", "m/d", "--output", "model.zip"]).expect_code(0);
    on(&server, &files, &["export", "m/d", "--output", "model.onnx"]).expect_code(0);
    assert!(files.read("model.zip") == server.export("m"), "the same bytes");
    assert!(files.read("model.onnx") == unzipped(&files.read("model.zip"))["model.onnx"]);
    assert_eq!(contents(&server.data_dir().join("m")), before);
    let output = on(&server, &files, &["export", "m/d", "--output", "model.zip"]);
    assert!(output.expect_code(1).contains("--force"), "{output:?}");
    let output = on(&server, &files, &["export", "m/other", "--output", "other.zip"]);
    assert!(output.expect_code(1).contains("no trained model m/other"), "{output:?}");
    assert!(!files.path("other.zip").exists());
}

#[test]
fn an_import_is_used_by_the_running_server_and_replaces_a_model_only_with_yes() {
    let (server, files) = (TestServer::start(), Files::new());
    files.train();
    let expected = files.predictions(&["model.onnx"]);
    on(&server, &files, &["import", "model.onnx", "--model", "m/d"]).expect_code(0);
    assert_eq!(server.predictions("m", &files.read("prediction.csv")), expected);
    let before = contents(&server.data_dir().join("m"));
    let output = on(&server, &files, &["import", "model.onnx", "--model", "m/d"]);
    assert!(output.expect_code(1).contains("--yes"), "{output:?}");
    assert_eq!(contents(&server.data_dir().join("m")), before);
    let output = on(&server, &files, &["import", "model.onnx", "--model", "m/d", "--yes"]);
    assert!(output.expect_code(0).contains("Replaced: m/d"), "{output:?}");
    assert_eq!(server.predictions("m", &files.read("prediction.csv")), expected);
}

#[test]
fn what_is_not_a_model_is_refused_and_the_model_kept() {
    let (server, files) = (TestServer::start(), Files::new());
    server.train("m", &files.read("training.csv"));
    let before = contents(&server.data_dir().join("m"));
    fs::write(files.path("broken.zip"), b"PK\x03\x04nothing").unwrap();
    for file in ["training.csv", "broken.zip", "nothing.zip"] {
        on(&server, &files, &["import", file, "--model", "m/d", "--yes"]).expect_code(1);
    }
    assert_eq!(contents(&server.data_dir().join("m")), before);
}
