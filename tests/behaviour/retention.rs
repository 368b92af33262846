//! What of the past is kept, and what goes.

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

use crate::common::{Form, Launch, TestServer, labelled, repeat_during, settled, until, untouched};

const DAY: Duration = Duration::from_hours(24);
/// The length of the zip of a run that there is not.
const EMPTY: usize = 22;

fn home(store: &Store) -> ModelDir {
    store.model(&ModelId::new("m").unwrap(), &DirHash::new("dirhash", "d").unwrap())
}

fn keeping(dir: &Path, runs: usize, run_days: u32, generations: usize) -> Store {
    Store::open(dir).unwrap().keeping(Retention { runs, run_days, generations })
}

/// A run that was published that many days ago; returns its number.
fn old_run(data: &Path, days: u32) -> u64 {
    let born = SystemTime::now() - DAY * days;
    let number = born.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as u64;
    let dir = data.join("m/d/logs").join(number.to_string());
    fs::create_dir_all(dir.join("tensor")).unwrap();
    for name in ["info.log", "tensor/events"] {
        File::create_new(dir.join(name)).unwrap().write_all(name.as_bytes()).unwrap();
    }
    File::open(&dir).unwrap().set_modified(born).unwrap();
    number
}

fn runs(data: &Path) -> Vec<u64> {
    let entries = fs::read_dir(data.join("m/d/logs")).into_iter().flatten().flatten();
    let mut numbers: Vec<u64> =
        entries.map(|entry| entry.file_name().to_str().unwrap().parse().unwrap()).collect();
    numbers.sort_unstable();
    numbers
}

fn publish(home: &ModelDir, text: &str) {
    let new = NewGeneration { model: text.as_bytes(), samples: None, facts: &json!(null) };
    home.publish(&home.lock().unwrap(), &new).unwrap();
}

fn generations(data: &Path) -> Vec<String> {
    let entries = fs::read_dir(data.join("m/d/classifier")).unwrap().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.retain(|name| name != "current.json");
    names.sort();
    names
}

/// The exit code, and what was printed.
fn prune(data: &Path, flags: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_moodle-mlbackend"));
    let done = untouched(command.arg("prune").arg(data).args(flags)).output().unwrap();
    let told = String::from_utf8(done.stdout).unwrap() + &String::from_utf8_lossy(&done.stderr);
    (done.status.code(), told)
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
fn an_evaluation_is_there_for_moodle_to_fetch_however_few_runs_are_kept() {
    let server = Launch::new()
        .env("MOODLE_MLBACKEND_KEEP_RUNS", "1")
        .env("MOODLE_MLBACKEND_KEEP_RUN_DAYS", "1")
        .start();
    let numbers: Vec<u64> =
        (0..4).map(|_| server.post("/evaluation", &evaluation()).json()["runid"].as_u64().unwrap()).collect();
    for number in numbers {
        let log = server.get(&format!("/evaluationlog?uniqueid=m&dirhash=d&runid={number}"));
        assert!(log.body.len() > EMPTY, "the run {number} is gone");
    }
}

#[test]
fn an_evaluation_lets_the_runs_go_that_are_too_many_or_too_old() {
    let server = Launch::new()
        .env("MOODLE_MLBACKEND_KEEP_RUNS", "3")
        .env("MOODLE_MLBACKEND_KEEP_RUN_DAYS", "30")
        .start();
    let data = server.data_dir();
    let old: Vec<u64> = [40, 20, 10, 5].into_iter().map(|days| old_run(&data, days)).collect();
    let new = server.post("/evaluation", &evaluation()).json()["runid"].as_u64().unwrap();
    assert_eq!(runs(&data), [old[2], old[3], new], "40 days are too old, and 20 days one too many");
}

#[test]
fn by_default_a_year_and_a_hundred_runs_are_kept() {
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
fn runs_that_were_copied_here_are_as_young_as_their_copies() {
    let dir = tempfile::tempdir().unwrap();
    let number = 1_500_000_000_000_u64;
    fs::create_dir_all(dir.path().join("m/d/logs").join(number.to_string())).unwrap();
    assert!(keeping(dir.path(), 1, 1, 2).prune(false).unwrap().is_empty());
    assert_eq!(runs(dir.path()), [number]);
}

#[test]
fn nothing_is_too_many_or_too_old_where_the_settings_are_nought() {
    let dir = tempfile::tempdir().unwrap();
    for days in 1..5 {
        old_run(dir.path(), days * 1000);
    }
    assert!(keeping(dir.path(), 0, 0, 2).prune(false).unwrap().is_empty());
    assert_eq!(runs(dir.path()).len(), 4);
}

#[rstest::rstest]
#[case::only_the_current_one(1, &["7"])]
#[case::one_to_fall_back_to(2, &["6", "7"])]
#[case::four(4, &["4", "5", "6", "7"])]
fn as_many_generations_are_kept_as_is_set(#[case] count: usize, #[case] left: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    let store = keeping(dir.path(), 100, 365, count);
    (0..7).for_each(|n| publish(&home(&store), &n.to_string()));
    assert_eq!(generations(dir.path()), left);
}

#[test]
fn a_smaller_number_of_generations_applies_to_what_is_there_already() {
    let dir = tempfile::tempdir().unwrap();
    let store = keeping(dir.path(), 100, 365, 5);
    (0..5).for_each(|n| publish(&home(&store), &n.to_string()));
    let pruned = keeping(dir.path(), 100, 365, 2).prune(false).unwrap();
    assert_eq!(pruned[0].outcome.as_ref().unwrap().len(), 3);
    assert_eq!(generations(dir.path()), ["4", "5"]);
}

#[test]
#[allow(clippy::disallowed_methods, reason = "it damages a file on purpose")]
fn no_generation_goes_while_the_current_one_is_damaged() {
    let dir = tempfile::tempdir().unwrap();
    let store = keeping(dir.path(), 100, 365, 3);
    (0..3).for_each(|n| publish(&home(&store), &n.to_string()));
    fs::write(dir.path().join("m/d/classifier/3/model.onnx"), b"x").unwrap();
    assert!(keeping(dir.path(), 100, 365, 1).prune(false).unwrap().is_empty());
    assert_eq!(generations(dir.path()), ["1", "2", "3"]);
}

#[test]
fn a_generation_that_a_crash_kept_from_becoming_current_goes_at_the_next_start() {
    let server = TestServer::start();
    let store = Store::open(&server.data_dir()).unwrap();
    publish(&home(&store), "one");
    drop(store);
    let dir = server.kill();
    fs::create_dir(dir.path().join("data/m/d/classifier/2")).unwrap();
    let server = settled(Launch::again(dir));
    assert_eq!(generations(&server.data_dir()), ["1"]);
}

#[test]
fn prune_shows_what_would_go_and_then_lets_it_go_beside_a_running_server() {
    let server = TestServer::start();
    let data = server.data_dir();
    let new = server.post("/evaluation", &evaluation()).json()["runid"].as_u64().unwrap();
    let old = old_run(&data, 50);
    let flags = ["--keep-run-days", "49"];

    let (code, told) = prune(&data, &[&flags[..], &["--dry-run"]].concat());
    assert_eq!(code, Some(0), "{told}");
    let row = format!("logs/{old}");
    assert!(
        told.contains("m/d") && told.contains(&row) && told.contains("1 directory would be removed"),
        "{told}"
    );
    assert_eq!(runs(&data), [old, new]);

    let (code, told) = prune(&data, &flags);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains(&row) && told.contains("1 directory removed"), "{told}");
    assert_eq!(runs(&data), [new]);
    let (code, told) = prune(&data, &flags);
    assert!(code == Some(0) && told.starts_with("0 directories removed"), "{told}");
    let log = server.get(&format!("/evaluationlog?uniqueid=m&dirhash=d&runid={old}"));
    assert_eq!(log.body.len(), EMPTY, "as of an unknown run");
}

#[test]
fn prune_says_which_directory_is_missing() {
    let (code, told) = prune(Path::new("nowhere-at-all"), &["--dry-run"]);
    assert!(code == Some(1) && told.contains("nowhere-at-all") && told.contains("does not exist"), "{told}");
}

#[test]
fn a_run_that_goes_while_its_log_is_fetched_is_there_as_a_whole_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let store = keeping(dir.path(), 1, 365, 2);
    let home = home(&store);
    old_run(dir.path(), 5);
    for round in 10..60 {
        let run = RunId(old_run(dir.path(), round));
        let size = || evaluation_log(&home, Some(run)).unwrap().len();
        let (whole, begun) = (size(), AtomicBool::new(false));
        assert!(whole > EMPTY);
        let mut seen = BTreeSet::new();
        let read = || {
            seen.insert(size());
            begun.store(true, Ordering::SeqCst);
        };
        repeat_during(read, || {
            until("it is read", || begun.load(Ordering::SeqCst));
            store.prune(false).unwrap();
        });
        seen.insert(size());
        assert_eq!(seen, [EMPTY, whole].into(), "as a whole or not at all");
    }
}
