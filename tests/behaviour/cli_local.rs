//! Moodle's local mode: `-m moodlemlbackend.MODULE …`, the last line of stdout and the exit code.

use std::path::{Path, PathBuf};
use std::process::Command;

use moodle_mlbackend::cli::demo::students::{Campus, Cohort};
use rstest::rstest;
use serde_json::Value;
use tempfile::TempDir;

use super::python_server_in_place::of_tensorflow1;
use super::shipped_models;
use crate::common::{Network, write_files};

const ID: &str = "2355ab7dda5e2a8bb1273041e8ad1be10a65215f";

/// What one call printed and its exit code.
struct Said {
    stdout: String,
    stderr: String,
    code: i32,
}

impl Said {
    /// The last line, as Moodle reads it; the exit code must be the status inside.
    fn json(&self) -> Value {
        let line = self.stdout.lines().last().unwrap_or_default();
        let value: Value =
            serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line:?} {}", self.stderr));
        assert_eq!(value["status"], self.code, "{line}");
        value
    }
}

fn call(module: &str, args: &[&str]) -> Said {
    let output = Command::new(env!("CARGO_BIN_EXE_moodle-mlbackend"))
        .args(["-m", &format!("moodlemlbackend.{module}")])
        .args(args)
        .output()
        .expect("runs");
    Said {
        stdout: String::from_utf8(output.stdout).expect("text"),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        code: output.status.code().expect("an exit code"),
    }
}

/// A place to work in, with datasets.
struct Desk {
    temp: TempDir,
    cohort: Cohort,
}

impl Desk {
    #[allow(clippy::disallowed_methods, reason = "datasets that Moodle left in its temporary directory")]
    fn new() -> Self {
        let temp = TempDir::new().expect("a directory");
        let campus = Campus::new(1);
        let cohort = campus.cohort(0, 200);
        std::fs::write(temp.path().join("training.csv"), campus.training_csv(0, 500)).expect("written");
        std::fs::write(temp.path().join("prediction.csv"), &cohort.csv).expect("written");
        Self { temp, cohort }
    }

    fn path(&self, name: &str) -> String {
        self.temp.path().join(name).display().to_string()
    }

    fn call(&self, module: &str, directory: &str, rest: &[&str]) -> Said {
        let directory = self.path(directory);
        call(module, &[&[ID, &directory], rest].concat())
    }

    fn train(&self, directory: &str) {
        let said = self.call("training", directory, &[&self.path("training.csv")]);
        assert_eq!(said.json()["status"], 0);
    }

    fn predictions(&self, directory: &str) -> Value {
        self.call("prediction", directory, &[&self.path("prediction.csv")]).json()["predictions"].take()
    }
}

#[test]
fn the_version_is_printed_alone() {
    let said = call("version", &[]);
    assert_eq!((said.stdout.as_str(), said.stderr.as_str(), said.code), ("3.0.5\n", "", 0));
}

#[rstest]
#[case("training")]
#[case("prediction")]
#[case("evaluation")]
#[case("export")]
#[case("import")]
fn missing_arguments_are_told_in_json_with_exit_code_1(#[case] module: &str) {
    let said = call(module, &[ID]);
    let answer = said.json();
    assert_eq!(said.code, 1);
    assert!(answer["runid"].is_string(), "{answer}");
    let info = answer["info"][0].as_str().expect("a sentence");
    assert!(info.starts_with("Missing arguments, you should set: "), "{info}");
}

#[test]
fn a_model_that_was_trained_predicts_every_sample() {
    let desk = Desk::new();
    desk.train("model");
    let predictions = desk.predictions("model");
    let predictions = predictions.as_array().expect("predictions");
    assert_eq!(predictions.len(), desk.cohort.truth.len());
    assert!(
        predictions.iter().zip(&desk.cohort.truth).all(|(predicted, (id, _))| predicted[0] == *id.as_str())
    );
}

#[test]
fn a_prediction_without_a_model_has_status_and_exit_code_2() {
    let desk = Desk::new();
    let said = desk.call("prediction", "model", &[&desk.path("prediction.csv")]);
    assert_eq!(said.json()["status"], 2);
    assert_eq!(said.code, 2);
}

#[test]
fn a_dataset_that_does_not_exist_is_an_answer_with_status_1_and_no_panic() {
    let desk = Desk::new();
    let said = desk.call("training", "model", &[&desk.path("nowhere.csv")]);
    assert_eq!(said.json()["status"], 1);
    assert!(!said.stderr.contains("panicked"), "{}", said.stderr);
}

#[test]
fn an_evaluation_names_the_real_directory_of_its_log() {
    let desk = Desk::new();
    let said = desk.call("evaluation", "model", &[&desk.path("training.csv"), "0.7", "0.5", "3"]);
    let answer = said.json();
    let directory = PathBuf::from(answer["dir"].as_str().expect("a directory"));
    assert!(directory.starts_with(desk.path("model")), "{}", directory.display());
    assert!(directory.join("info.log").is_file(), "{}", directory.display());
    assert!(answer["runid"].is_u64(), "{answer}");
}

#[test]
fn an_evaluation_can_rate_a_model_that_was_trained_elsewhere() {
    let desk = Desk::new();
    desk.train("model");
    let (dataset, trained) = (desk.path("training.csv"), desk.path("model"));
    let answer = desk.call("evaluation", "evaluated", &[&dataset, "0.7", "0.5", "3", &trained]).json();
    assert_eq!(answer["score_deviation"], 0.0, "one rating has no deviation: {answer}");

    let unknown = desk.call("evaluation", "evaluated", &[&dataset, "0.7", "0.5", "3", &desk.path("unknown")]);
    assert_eq!(unknown.json()["status"], 2);
}

#[test]
fn an_exported_model_predicts_the_same_after_its_import() {
    let desk = Desk::new();
    desk.train("model");
    let target = desk.path("exported");
    std::fs::create_dir(&target).expect("created");
    let exported = desk.call("export", "model", &[&target]);
    assert_eq!((exported.stdout.trim_end(), exported.code), (target.as_str(), 0), "{}", exported.stderr);
    assert!(std::fs::read_dir(Path::new(&target)).expect("a directory").count() > 0);

    let imported = desk.call("import", "copy", &[&target]);
    assert_eq!((imported.stdout.as_str(), imported.code), ("Ok\nOk\n", 0), "{}", imported.stderr);
    assert_eq!(desk.predictions("copy"), desk.predictions("model"));
}

#[test]
fn an_export_without_a_model_prints_nothing_and_exits_with_1() {
    let desk = Desk::new();
    let said = desk.call("export", "model", &[&desk.path("exported")]);
    assert_eq!((said.stdout.as_str(), said.code), ("", 1));
}

#[test]
fn an_import_of_an_empty_directory_is_refused() {
    let desk = Desk::new();
    std::fs::create_dir(desk.path("empty")).expect("created");
    let said = desk.call("import", "model", &[&desk.path("empty")]);
    assert_eq!((said.stdout.as_str(), said.code), ("", 1));
    assert!(!said.stderr.is_empty() && !said.stderr.contains("panicked"), "{}", said.stderr);
}

/// What a model in `directory` answers for a dataset.
fn answers(desk: &Desk, directory: &str, samples: &Path) -> Value {
    desk.call("prediction", directory, &[&samples.display().to_string()]).json()["predictions"].take()
}

#[test]
fn a_model_that_the_python_server_stored_predicts_learns_and_is_exported() {
    let desk = Desk::new();
    Network::of_a_line(1.0, 0.5, 2.0).write(&desk.temp.path().join("model"));
    let predictions = desk.predictions("model");
    assert_eq!(predictions.as_array().map(Vec::len), Some(desk.cohort.truth.len()));

    let target = desk.path("exported");
    std::fs::create_dir(&target).expect("created");
    assert_eq!(desk.call("export", "model", &[&target]).code, 0);
    assert_eq!(desk.call("import", "copy", &[&target]).code, 0);
    assert_eq!(desk.predictions("copy"), predictions);

    let (dataset, trained) = (desk.path("training.csv"), desk.path("model"));
    let rated = desk.call("evaluation", "evaluated", &[&dataset, "0.1", "0.5", "3", &trained]).json();
    assert_eq!(rated["score_deviation"], 0.0, "{rated}");
    desk.train("model");
    assert!(desk.temp.path().join("model/classifier/classifier.pkl").is_file(), "the old files stay");
}

#[test]
fn a_model_of_an_unpacked_export_of_the_python_server_is_imported() {
    let desk = Desk::new();
    Network::of_a_line(1.0, 0.5, 2.0).write(&desk.temp.path().join("old"));
    let imported = desk.call("import", "model", &[&desk.path("old/classifier")]);
    assert_eq!((imported.stdout.as_str(), imported.code), ("Ok\nOk\n", 0), "{}", imported.stderr);
    assert_eq!(desk.predictions("model"), desk.predictions("old"));
}

#[test]
fn a_model_that_a_tensorflow_1_release_stored_is_refused_in_a_sentence() {
    let desk = Desk::new();
    write_files(&of_tensorflow1(), &desk.temp.path().join("old"));
    let predicted = desk.call("prediction", "old", &[&desk.path("prediction.csv")]);
    assert_eq!(predicted.json()["status"], 1);
    assert!(predicted.stdout.contains("TensorFlow 1"), "{}", predicted.stdout);
    let imported = desk.call("import", "model", &[&desk.path("old/classifier")]);
    assert_eq!((imported.stdout.as_str(), imported.code), ("", 1));
    assert!(imported.stderr.contains("TensorFlow 1"), "{}", imported.stderr);
}

#[test]
fn every_shipped_model_is_imported_and_goes_on_after_an_export() {
    for folder in shipped_models::all() {
        let desk = Desk::new();
        let imported = desk.call("import", "model", &[&folder.display().to_string()]);
        assert_eq!((imported.stdout.as_str(), imported.code), ("Ok\nOk\n", 0), "{}", imported.stderr);
        let samples = folder.join("samples.csv");
        let predictions = answers(&desk, "model", &samples);
        shipped_models::compare(&folder, &predictions);

        let target = desk.path("exported");
        std::fs::create_dir(&target).expect("created");
        assert_eq!(desk.call("export", "model", &[&target]).code, 0);
        assert_eq!(desk.call("import", "copy", &[&target]).code, 0);
        assert_eq!(answers(&desk, "copy", &samples), predictions, "{}", folder.display());
    }
}
