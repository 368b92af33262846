//! The retention settings, applied by the server and by `prune`.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use moodle_mlbackend::backend::evaluation_log;
use moodle_mlbackend::store::{DirHash, ModelDir, ModelId, NewGeneration, Retention, RunId, Store};
use serde_json::json;

use crate::common::{Form, Launch, TestServer, labelled, repeat_during, start_and_prune, until, untouched};

const DAY: Duration = Duration::from_hours(24);
/// The size of the zip archive for an unknown run.
const EMPTY: usize = 22;

fn model_dir(store: &Store) -> ModelDir {
    store.model(&ModelId::new("m").unwrap(), &DirHash::new("dirhash", "d").unwrap())
}

fn store_keeping(dir: &Path, runs: usize, run_days: u32, generations: usize) -> Store {
    Store::open(dir).unwrap().with_retention(Retention { runs, run_days, generations, ..Retention::USUAL })
}

/// Creates a run that was published `days` ago; returns its number.
fn old_run(data: &Path, days: u32) -> u64 {
    let created = SystemTime::now() - DAY * days;
    let number = created.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as u64;
    let dir = data.join("m/d/logs").join(number.to_string());
    fs::create_dir_all(dir.join("tensor")).unwrap();
    for name in ["info.log", "tensor/events"] {
        File::create_new(dir.join(name)).unwrap().write_all(name.as_bytes()).unwrap();
    }
    File::open(&dir).unwrap().set_modified(created).unwrap();
    number
}

fn runs(data: &Path) -> Vec<u64> {
    let entries = fs::read_dir(data.join("m/d/logs")).into_iter().flatten().flatten();
    let mut numbers: Vec<u64> =
        entries.map(|entry| entry.file_name().to_str().unwrap().parse().unwrap()).collect();
    numbers.sort_unstable();
    numbers
}

fn publish(model_dir: &ModelDir, text: &str) {
    let new = NewGeneration { model: text.as_bytes(), samples: None, facts: &json!(null) };
    model_dir.publish(&model_dir.lock().unwrap(), &new).unwrap();
}

fn generations(data: &Path) -> Vec<String> {
    let entries = fs::read_dir(data.join("m/d/classifier")).unwrap().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.retain(|name| name != "current.json");
    names.sort();
    names
}

/// The exit code and the output.
fn prune(data: &Path, flags: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_moodle-mlbackend"));
    let result = untouched(command.arg("prune").arg(data).args(flags)).output().unwrap();
    let output = String::from_utf8(result.stdout).unwrap() + &String::from_utf8_lossy(&result.stderr);
    (result.status.code(), output)
}

fn evaluation() -> Form {
    let rows: Vec<String> = (0..40)
        .map(|n| format!("1,{},{},{}", n % 7, if n % 2 == 0 { "-1" } else { "-0.2" }, n % 2))
        .collect();
    let dataset = labelled(&rows.iter().map(String::as_str).collect::<Vec<_>>());
    Form::model("m", "d")
        .field("minscore", "0.1")
        .field("maxdeviation", "0.9")
        .field("niterations", "2")
        .file("dataset", &dataset)
}

#[test]
fn keeps_new_evaluations_for_moodle_to_download_whatever_the_settings() {
    let server = Launch::new()
        .env("MOODLE_MLBACKEND_KEEP_RUNS", "1")
        .env("MOODLE_MLBACKEND_KEEP_RUN_DAYS", "1")
        .start();
    let numbers: Vec<u64> =
        (0..4).map(|_| server.post("/evaluation", &evaluation()).json()["runid"].as_u64().unwrap()).collect();
    for number in numbers {
        let log = server.get(&format!("/evaluationlog?uniqueid=m&dirhash=d&runid={number}"));
        assert!(log.body.len() > EMPTY, "run {number} was removed");
    }
}

#[test]
fn an_evaluation_removes_runs_beyond_the_number_and_age_that_are_kept() {
    let server = Launch::new()
        .env("MOODLE_MLBACKEND_KEEP_RUNS", "3")
        .env("MOODLE_MLBACKEND_KEEP_RUN_DAYS", "30")
        .start();
    let data = server.data_dir();
    let old: Vec<u64> = [40, 20, 10, 5].into_iter().map(|days| old_run(&data, days)).collect();
    let new = server.post("/evaluation", &evaluation()).json()["runid"].as_u64().unwrap();
    assert_eq!(
        runs(&data),
        [old[2], old[3], new],
        "40 days are too old, and the run of 20 days is one too many"
    );
}

#[test]
fn keeps_a_hundred_runs_and_a_year_by_default() {
    let server = TestServer::start();
    let data = server.data_dir();
    let evaluate = || server.post("/evaluation", &evaluation()).json()["runid"].as_u64().unwrap();
    let (too_old, oldest) = (old_run(&data, 366), old_run(&data, 364));
    let new = evaluate();
    assert_eq!(runs(&data), [oldest, new], "{too_old} is too old");

    let mut kept: Vec<u64> = (2..100).rev().map(|days| old_run(&data, days)).collect();
    kept.extend([new, evaluate()]);
    assert_eq!(kept.len(), 100);
    assert_eq!(runs(&data), kept, "{oldest} is one too many");
}

#[test]
fn keeps_old_runs_in_a_data_directory_that_was_copied_today() {
    let dir = tempfile::tempdir().unwrap();
    let number = 1_500_000_000_000_u64;
    fs::create_dir_all(dir.path().join("m/d/logs").join(number.to_string())).unwrap();
    assert!(store_keeping(dir.path(), 1, 1, 2).prune(false).unwrap().is_empty());
    assert_eq!(runs(dir.path()), [number]);
}

#[test]
fn keeps_all_runs_with_the_settings_at_zero() {
    let dir = tempfile::tempdir().unwrap();
    for days in 1..5 {
        old_run(dir.path(), days * 1000);
    }
    assert!(store_keeping(dir.path(), 0, 0, 2).prune(false).unwrap().is_empty());
    assert_eq!(runs(dir.path()).len(), 4);
}

#[rstest::rstest]
#[case::current_only(1, &["7"])]
#[case::one_previous(2, &["6", "7"])]
#[case::three_previous(4, &["4", "5", "6", "7"])]
fn keeps_the_set_number_of_generations(#[case] count: usize, #[case] kept: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    let store = store_keeping(dir.path(), 100, 365, count);
    (0..7).for_each(|n| publish(&model_dir(&store), &n.to_string()));
    assert_eq!(generations(dir.path()), kept);
}

#[test]
fn a_lower_number_of_generations_applies_to_existing_models() {
    let dir = tempfile::tempdir().unwrap();
    let store = store_keeping(dir.path(), 100, 365, 5);
    (0..5).for_each(|n| publish(&model_dir(&store), &n.to_string()));
    let pruned = store_keeping(dir.path(), 100, 365, 2).prune(false).unwrap();
    assert_eq!(pruned[0].outcome.as_ref().unwrap().len(), 3);
    assert_eq!(generations(dir.path()), ["4", "5"]);
}

#[test]
#[allow(clippy::disallowed_methods, reason = "this test damages a file on purpose")]
fn keeps_all_generations_while_the_current_one_is_damaged() {
    let dir = tempfile::tempdir().unwrap();
    let store = store_keeping(dir.path(), 100, 365, 3);
    (0..3).for_each(|n| publish(&model_dir(&store), &n.to_string()));
    fs::write(dir.path().join("m/d/classifier/3/model.onnx"), b"x").unwrap();
    assert!(store_keeping(dir.path(), 100, 365, 1).prune(false).unwrap().is_empty());
    assert_eq!(generations(dir.path()), ["1", "2", "3"]);
}

#[test]
fn the_start_removes_a_generation_whose_publication_a_crash_interrupted() {
    let server = TestServer::start();
    let store = Store::open(&server.data_dir()).unwrap();
    publish(&model_dir(&store), "one");
    drop(store);
    let dir = server.kill();
    fs::create_dir(dir.path().join("data/m/d/classifier/2")).unwrap();
    let server = start_and_prune(Launch::again(dir));
    assert_eq!(generations(&server.data_dir()), ["1"]);
}

#[test]
fn prune_shows_and_removes_outdated_runs_while_a_server_runs() {
    let server = TestServer::start();
    let data = server.data_dir();
    let new = server.post("/evaluation", &evaluation()).json()["runid"].as_u64().unwrap();
    let old = old_run(&data, 50);
    let flags = ["--keep-run-days", "49"];

    let (code, output) = prune(&data, &[&flags[..], &["--dry-run"]].concat());
    assert_eq!(code, Some(0), "{output}");
    let row = format!("logs/{old}");
    assert!(
        output.contains("m/d") && output.contains(&row) && output.contains("1 directory would be removed"),
        "{output}"
    );
    assert_eq!(runs(&data), [old, new]);

    let (code, output) = prune(&data, &flags);
    assert_eq!(code, Some(0), "{output}");
    assert!(output.contains(&row) && output.contains("1 directory removed"), "{output}");
    assert_eq!(runs(&data), [new]);
    let (code, output) = prune(&data, &flags);
    assert!(code == Some(0) && output.starts_with("0 directories removed"), "{output}");
    let log = server.get(&format!("/evaluationlog?uniqueid=m&dirhash=d&runid={old}"));
    assert_eq!(log.body.len(), EMPTY, "the response for an unknown run");
}

#[test]
fn prune_names_a_missing_directory() {
    let (code, output) = prune(Path::new("nowhere-at-all"), &["--dry-run"]);
    assert!(
        code == Some(1) && output.contains("nowhere-at-all") && output.contains("does not exist"),
        "{output}"
    );
}

#[test]
fn a_download_of_a_run_that_is_being_removed_is_complete_or_empty() {
    let dir = tempfile::tempdir().unwrap();
    let store = store_keeping(dir.path(), 1, 365, 2);
    let model_dir = model_dir(&store);
    old_run(dir.path(), 5);
    for round in 10..60 {
        let run = RunId(old_run(dir.path(), round));
        let size = || evaluation_log(&model_dir, Some(run)).unwrap().len();
        let (complete, started) = (size(), AtomicBool::new(false));
        assert!(complete > EMPTY);
        let mut sizes = BTreeSet::new();
        let read = || {
            sizes.insert(size());
            started.store(true, Ordering::SeqCst);
        };
        repeat_during(read, || {
            until("it is read", || started.load(Ordering::SeqCst));
            store.prune(false).unwrap();
        });
        sizes.insert(size());
        assert_eq!(sizes, [EMPTY, complete].into());
    }
}
