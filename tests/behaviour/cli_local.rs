//! Moodle's local mode: `-m moodlemlbackend.MODULE …`, the last line of stdout and the exit code.

use std::fs;
use std::path::Path;

use moodle_mlbackend::cli::demo::students::{Campus, Cohort};
use rstest::rstest;
use serde_json::Value;
use tempfile::TempDir;

use super::python_server_in_place::of_tensorflow1;
use super::shipped_models;
use crate::common::{Network, Output, program, write_files};

const ID: &str = "2355ab7dda5e2a8bb1273041e8ad1be10a65215f";

fn call(module: &str, args: &[&str]) -> Output {
    Output::of(program(&["-m", &format!("moodlemlbackend.{module}")]).args(args))
}

/// The last line of stdout, as Moodle reads it; the exit code must be the status in it.
#[track_caller]
fn reply(output: &Output) -> Value {
    let line = output.stdout.lines().last().unwrap_or_default();
    let reply: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    assert_eq!(reply["status"].as_i64(), output.code.map(i64::from), "{output:?}");
    reply
}

#[track_caller]
fn assert_imported(output: &Output) {
    assert_eq!((output.stdout.as_str(), output.code), ("Ok\nOk\n", Some(0)), "{output:?}");
}

/// A directory with datasets, in which models can be trained.
struct Workspace {
    temp: TempDir,
    cohort: Cohort,
}

impl Workspace {
    #[allow(clippy::disallowed_methods, reason = "datasets that Moodle left in its temporary directory")]
    fn new() -> Self {
        let temp = TempDir::new().expect("a directory");
        let campus = Campus::new(1);
        let cohort = campus.cohort(0, 200);
        fs::write(temp.path().join("training.csv"), campus.training_csv(0, 500)).expect("written");
        fs::write(temp.path().join("prediction.csv"), &cohort.csv).expect("written");
        Self { temp, cohort }
    }

    fn path(&self, name: &str) -> String {
        self.temp.path().join(name).display().to_string()
    }

    fn call(&self, module: &str, model: &str, rest: &[&str]) -> Output {
        call(module, &[&[ID, &self.path(model)], rest].concat())
    }

    fn train(&self, model: &str) {
        assert_eq!(reply(&self.call("training", model, &[&self.path("training.csv")]))["status"], 0);
    }

    fn predictions(&self, model: &str) -> Value {
        self.predictions_for(model, &self.path("prediction.csv"))
    }

    fn predictions_for(&self, model: &str, dataset: &str) -> Value {
        reply(&self.call("prediction", model, &[dataset]))["predictions"].take()
    }

    /// Exports a model, and imports the export as another one.
    fn copy(&self, model: &str, copy: &str) {
        let target = self.path("exported");
        fs::create_dir(&target).expect("created");
        let exported = self.call("export", model, &[&target]);
        assert_eq!((exported.stdout.trim_end(), exported.code), (target.as_str(), Some(0)), "{exported:?}");
        assert!(fs::read_dir(Path::new(&target)).expect("a directory").count() > 0);
        assert_imported(&self.call("import", copy, &[&target]));
    }
}

#[test]
fn the_version_is_printed_alone() {
    let Output { stdout, stderr, code } = call("version", &[]);
    assert_eq!((stdout.as_str(), stderr.as_str(), code), ("3.0.5\n", "", Some(0)));
}

#[rstest]
fn missing_arguments_are_reported_in_json_with_exit_code_1(
    #[values("training", "prediction", "evaluation", "export", "import")] module: &str,
) {
    let output = call(module, &[ID]);
    let reply = reply(&output);
    assert_eq!(output.code, Some(1));
    let runid = reply["runid"].as_str().expect("runid is a string");
    assert!(runid.bytes().all(|digit| digit.is_ascii_digit()), "{runid}");
    let info = reply["info"][0].as_str().expect("a sentence");
    assert!(info.starts_with("Missing arguments, you should set: "), "{info}");
}

#[test]
fn a_trained_model_predicts_every_sample() {
    let workspace = Workspace::new();
    workspace.train("model");
    let predictions = workspace.predictions("model");
    let ids: Vec<_> = predictions.as_array().expect("predictions").iter().map(|row| &row[0]).collect();
    let expected: Vec<_> = workspace.cohort.truth.iter().map(|(id, _)| id).collect();
    assert_eq!(ids, expected);
}

#[test]
fn a_prediction_without_a_model_has_status_and_exit_code_2() {
    let workspace = Workspace::new();
    let output = workspace.call("prediction", "model", &[&workspace.path("prediction.csv")]);
    assert_eq!(reply(&output)["status"], 2);
    assert_eq!(output.code, Some(2));
}

#[test]
fn a_missing_dataset_gets_a_reply_with_status_1_and_no_panic() {
    let workspace = Workspace::new();
    let output = workspace.call("training", "model", &[&workspace.path("nowhere.csv")]);
    assert_eq!(reply(&output)["status"], 1);
    assert!(!output.stderr.contains("panicked"), "{output:?}");
}

#[test]
fn an_evaluation_names_the_real_directory_of_its_log() {
    let workspace = Workspace::new();
    let dataset = workspace.path("training.csv");
    let reply = reply(&workspace.call("evaluation", "model", &[&dataset, "0.7", "0.5", "3"]));
    let directory = Path::new(reply["dir"].as_str().expect("a directory"));
    assert!(directory.starts_with(workspace.path("model")), "{}", directory.display());
    assert!(directory.join("info.log").is_file(), "{}", directory.display());
    assert!(reply["runid"].is_u64(), "{reply}");
}

#[test]
fn an_evaluation_can_use_a_model_that_was_trained_elsewhere() {
    let workspace = Workspace::new();
    workspace.train("model");
    let evaluate = |trained: &str| {
        let (dataset, trained) = (workspace.path("training.csv"), workspace.path(trained));
        reply(&workspace.call("evaluation", "evaluated", &[&dataset, "0.7", "0.5", "3", &trained]))
    };
    let evaluated = evaluate("model");
    assert_eq!(evaluated["score_deviation"], 0.0, "a single evaluation has no deviation: {evaluated}");
    assert_eq!(evaluate("unknown")["status"], 2);
}

#[test]
fn an_exported_model_predicts_the_same_after_its_import() {
    let workspace = Workspace::new();
    workspace.train("model");
    workspace.copy("model", "copy");
    assert_eq!(workspace.predictions("copy"), workspace.predictions("model"));
}

#[test]
fn an_export_without_a_model_prints_nothing_and_exits_with_1() {
    let workspace = Workspace::new();
    let output = workspace.call("export", "model", &[&workspace.path("exported")]);
    assert_eq!((output.stdout.as_str(), output.code), ("", Some(1)));
}

#[test]
fn an_import_of_an_empty_directory_is_refused() {
    let workspace = Workspace::new();
    fs::create_dir(workspace.path("empty")).expect("created");
    let output = workspace.call("import", "model", &[&workspace.path("empty")]);
    assert_eq!((output.stdout.as_str(), output.code), ("", Some(1)));
    assert!(!output.stderr.is_empty() && !output.stderr.contains("panicked"), "{output:?}");
}

#[test]
fn a_model_of_the_python_server_predicts_and_is_exported_evaluated_and_trained_further() {
    let workspace = Workspace::new();
    Network::of_a_line(1.0, 0.5, 2.0).write(&workspace.temp.path().join("model"));
    let predictions = workspace.predictions("model");
    assert_eq!(predictions.as_array().map(Vec::len), Some(workspace.cohort.truth.len()));
    workspace.copy("model", "copy");
    assert_eq!(workspace.predictions("copy"), predictions);

    let (dataset, trained) = (workspace.path("training.csv"), workspace.path("model"));
    let evaluated =
        reply(&workspace.call("evaluation", "evaluated", &[&dataset, "0.1", "0.5", "3", &trained]));
    assert_eq!(evaluated["score_deviation"], 0.0, "{evaluated}");
    workspace.train("model");
    assert!(Path::new(&workspace.path("model/classifier/classifier.pkl")).is_file(), "old files are kept");
}

#[test]
fn an_unpacked_export_of_the_python_server_is_imported() {
    let workspace = Workspace::new();
    Network::of_a_line(1.0, 0.5, 2.0).write(&workspace.temp.path().join("old"));
    assert_imported(&workspace.call("import", "model", &[&workspace.path("old/classifier")]));
    assert_eq!(workspace.predictions("model"), workspace.predictions("old"));
}

#[test]
fn a_model_of_a_tensorflow_1_release_is_refused_with_a_reason() {
    let workspace = Workspace::new();
    write_files(&of_tensorflow1(), &workspace.temp.path().join("old"));
    let predicted = workspace.call("prediction", "old", &[&workspace.path("prediction.csv")]);
    assert_eq!(reply(&predicted)["status"], 1);
    assert!(predicted.stdout.contains("TensorFlow 1"), "{predicted:?}");
    let imported = workspace.call("import", "model", &[&workspace.path("old/classifier")]);
    assert_eq!((imported.stdout.as_str(), imported.code), ("", Some(1)));
    assert!(imported.stderr.contains("TensorFlow 1"), "{imported:?}");
}

#[test]
fn every_shipped_model_can_be_imported_and_its_export_predicts_the_same() {
    for folder in shipped_models::all() {
        let workspace = Workspace::new();
        assert_imported(&workspace.call("import", "model", &[&folder.display().to_string()]));
        let samples = folder.join("samples.csv").display().to_string();
        let predictions = workspace.predictions_for("model", &samples);
        shipped_models::compare(&folder, &predictions);
        workspace.copy("model", "copy");
        assert_eq!(workspace.predictions_for("copy", &samples), predictions, "{}", folder.display());
    }
}
