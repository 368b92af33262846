//! `moodle-mlbackend train`: models from dataset files, the same as the server's.
#![allow(clippy::disallowed_methods, reason = "these tests prepare files of their own")]

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use moodle_mlbackend::cli::demo::students::Campus;
use rstest::rstest;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::inspect::written;
use super::moodle_cases::recorded;
use crate::common::{Output, TestServer, contents, labelled, program, separable, unlabelled, until};

/// A directory with a dataset to train on, and one to predict.
pub(super) struct Files {
    pub(super) dir: TempDir,
}

impl Files {
    pub(super) fn new() -> Self {
        let campus = Campus::new(1);
        Self::of(campus.training_csv(0, 400).as_bytes(), campus.cohort(0, 60).csv.as_bytes())
    }

    pub(super) fn of(training: &[u8], prediction: &[u8]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        written(dir.path(), "training.csv", training);
        written(dir.path(), "prediction.csv", prediction);
        Self { dir }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(super) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    /// Runs a command in the directory.
    pub(super) fn run(&self, arguments: &[&str]) -> Output {
        Output::of(program(arguments).current_dir(self.dir.path()))
    }

    /// Trains `model.onnx`.
    pub(super) fn train(&self) {
        self.run(&["train", "training.csv", "--output", "model.onnx"]).expect_code(0);
    }

    /// The predictions of a model as the server's response has them.
    pub(super) fn predictions(&self, model: &[&str]) -> Value {
        let output = self.run(&[&["predict"], model, &["prediction.csv", "--csv"]].concat());
        output.expect_code(0);
        let mut lines = output.stdout.lines();
        assert_eq!(lines.next(), Some("sampleid,prediction,probability"));
        lines.map(|line| json!(line.split(',').collect::<Vec<_>>())).collect()
    }
}

/// Asserts that models of files predict the same as the server.
#[track_caller]
fn assert_same_as_server(files: &Files) {
    let server = TestServer::start();
    server.train("m", &files.read("training.csv"));
    let expected = server.predictions("m", &files.read("prediction.csv"));
    assert!(expected.as_array().is_some_and(|rows| !rows.is_empty()), "{expected}");
    files.train();
    assert_eq!(files.predictions(&["model.onnx"]), expected);
    files.run(&["train", "training.csv", "--output", "model.zip"]).expect_code(0);
    assert_eq!(files.predictions(&["model.zip"]), expected);

    let data = server.data_dir();
    let data = ["--data-dir", data.to_str().unwrap()];
    files.run(&[&["train", "training.csv"], &data[..], &["--model", "n/d"]].concat()).expect_code(0);
    assert_eq!(files.predictions(&[&data[..], &["n/d"]].concat()), expected);
    assert_eq!(
        server.predictions("n", &files.read("prediction.csv")),
        expected,
        "the server uses it at once"
    );
}

#[test]
fn models_of_files_and_of_a_data_directory_predict_the_same_as_the_servers() {
    assert_same_as_server(&Files::new());
}

#[test]
fn models_of_a_recorded_dataset_predict_the_same_as_the_servers() {
    let (Some(training), Some(prediction)) = (
        recorded("moodle/students-at-risk-quarters-training.csv"),
        recorded("moodle/students-at-risk-quarters-prediction.csv"),
    ) else {
        return;
    };
    assert_same_as_server(&Files::of(&training, &prediction));
}

#[test]
fn a_model_of_a_data_directory_is_trained_further() {
    let files = Files::new();
    let server = TestServer::start();
    let batches = [separable(40, false), separable(60, true)];
    for batch in &batches {
        server.train("m", batch);
    }
    let expected = server.predictions("m", &unlabelled(&["a,1,2,-1", "b,1,3,0.5"]));
    let data = server.data_dir();
    for batch in &batches {
        fs::write(files.path("batch.csv"), batch).unwrap();
        let data = data.to_str().unwrap();
        files.run(&["train", "batch.csv", "--data-dir", data, "--model", "n/d"]).expect_code(0);
    }
    assert_eq!(server.predictions("n", &unlabelled(&["a,1,2,-1", "b,1,3,0.5"])), expected);
}

#[test]
fn a_class_without_samples_has_exit_code_3_and_leaves_no_file() {
    let files = Files::of(&labelled(&["1,1,1,1", "1,1,0,1"]), b"");
    let output = files.run(&["train", "training.csv", "--output", "model.onnx", "--json"]);
    assert!(output.expect_code(3).contains("all classes"), "{output:?}");
    assert_eq!(serde_json::from_str::<Value>(&output.stdout).unwrap()["status"], 8);
    assert!(!files.path("model.onnx").exists());
}

#[test]
fn the_error_of_a_malformed_dataset_has_line_and_column() {
    let files = Files::of(&labelled(&["1,1,1,1", "1,x,0,0"]), b"");
    for arguments in [
        &["train", "training.csv", "--output", "model.onnx"][..],
        &["evaluate", "training.csv"],
        &["anonymize", "training.csv", "--output", "other.csv"],
    ] {
        let output = files.run(arguments);
        output.expect_code(1);
        assert!(output.stderr.contains("line 5, column 2"), "{output:?}");
        assert!(output.stdout.is_empty(), "{output:?}");
    }
    assert_eq!(contents(files.dir.path()).len(), 2, "nothing was written");
}

#[rstest]
#[case::missing(&["train", "nothing.csv", "--output", "m.onnx"], "nothing.csv cannot be read")]
#[case::directory(&["train", ".", "--output", "m.onnx"], "is a directory")]
#[case::no_directory(&["train", "training.csv", "--output", "no/m.onnx"], "cannot be written")]
#[case::not_writable(&["train", "training.csv", "--output", "/proc/m.onnx"], "cannot be written")]
#[case::id(&["train", "training.csv", "--data-dir", ".", "--model", "../d"], "UNIQUEID/DIRHASH")]
#[case::both(&["train", "training.csv", "--data-dir", ".", "--model", "m/d", "--output", "x"], "cannot be used with")]
#[case::neither(&["train", "training.csv"], "--output")]
fn refuses_arguments_that_cannot_be_used(#[case] arguments: &[&str], #[case] expected: &str) {
    let files = Files::of(&separable(30, false), b"");
    let output = files.run(arguments);
    assert!(matches!(output.code, Some(1 | 2)) && output.stderr.contains(expected), "{output:?}");
    assert_eq!(contents(files.dir.path()).len(), 2, "nothing was written");
}

#[test]
fn an_output_is_replaced_only_with_force_and_never_by_a_failed_command() {
    let files = Files::of(&separable(40, false), b"");
    fs::write(files.path("model.onnx"), "precious").unwrap();
    let output = files.run(&["train", "training.csv", "--output", "model.onnx"]);
    assert!(output.expect_code(1).contains("--force"), "{output:?}");
    fs::write(files.path("bad.csv"), "nonsense").unwrap();
    files.run(&["train", "bad.csv", "--output", "model.onnx", "--force"]).expect_code(1);
    assert_eq!(files.read("model.onnx"), b"precious");
    files.run(&["train", "training.csv", "--output", "model.onnx", "--force"]).expect_code(0);
    assert_ne!(files.read("model.onnx"), b"precious");
    assert_eq!(contents(files.dir.path()).len(), 4, "no temporary file is left");
}

#[test]
fn the_dataset_can_come_from_standard_input_and_the_model_go_to_standard_output() {
    let files = Files::new();
    files.train();
    let mut child = program(&["train", "-", "--output", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&files.read("training.csv")).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    assert!(output.stdout == files.read("model.onnx"), "nothing but the model is printed");
}

/// Runs a command with a directory for temporary files.
fn with_temporary(files: &Files, arguments: &[&str], temporary: &Path) -> Command {
    let mut command = program(arguments);
    command.current_dir(files.dir.path()).env("TMPDIR", temporary);
    command
}

#[rstest]
#[case::train(&["train", "training.csv", "--output", "out.onnx"], 1)]
#[case::evaluate(&["evaluate", "training.csv"], 1)]
#[case::with_a_model(&["evaluate", "training.csv", "--model", "model.onnx"], 2)]
fn temporary_files_are_private_and_removed_also_when_a_signal_ends_the_command(
    #[case] arguments: &[&str],
    #[case] directories: usize,
) {
    let files = Files::new();
    files.train();
    // Reading it and working on it take seconds.
    fs::write(files.path("training.csv"), Campus::new(1).training_csv(0, 40_000)).unwrap();
    let temporary = tempfile::tempdir().unwrap();
    let entries =
        || fs::read_dir(temporary.path()).unwrap().flatten().map(|entry| entry.path()).collect::<Vec<_>>();
    let mut child =
        with_temporary(&files, arguments, temporary.path()).stdout(Stdio::null()).spawn().unwrap();
    until("the command has its temporary directories", || entries().len() >= directories);
    for entry in entries() {
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    }
    // The handler of signals is installed just after the first directory is made.
    std::thread::sleep(Duration::from_millis(200));
    let killed = Command::new("kill").arg(child.id().to_string()).status().unwrap();
    assert!(killed.success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(entries(), Vec::<PathBuf>::new());
    assert!(!files.path("out.onnx").exists());

    fs::write(files.path("training.csv"), separable(40, false)).unwrap();
    with_temporary(&files, &["train", "training.csv", "--output", "out.onnx"], temporary.path())
        .output()
        .unwrap();
    assert!(files.path("out.onnx").exists());
    assert_eq!(entries(), Vec::<PathBuf>::new());
}
