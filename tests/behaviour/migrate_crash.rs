//! A kill of `moodle-mlbackend migrate` at any moment: each model predicts as before, beside a running server, and the
//! next `migrate` finishes the work. With the variable `MLBACKEND_TEST_LONG`, it is killed 200 times.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::cli_migrate::table;
use crate::common::{Dice, Form, Network, TestServer, fired_failpoint, inject_fault_at, long, program};

/// The number of models.
const MODELS: usize = 5;

fn migrate(data: &Path, flags: &[&str]) -> Command {
    let mut command = program(&["migrate"]);
    command.arg(data).args(flags).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Replaces the models in a data directory by `models` of a Python server.
fn python_server(data: &Path, models: usize, round: usize) {
    for model in 0..models {
        let model_dir = data.join(format!("m{model}/d"));
        if model_dir.exists() {
            fs::remove_dir_all(&model_dir).expect("the model of the last round");
        }
        Network::of_a_line(1.0, 0.5 + model as f32, 1.0 + round as f32 / 10.0).write(&model_dir);
    }
}

fn predictions(server: &TestServer, models: usize) -> Vec<Value> {
    let dataset = table(10).unlabelled();
    let predict = |model| {
        let form = Form::model(&format!("m{model}"), "d").file("dataset", &dataset);
        let reply = server.post("/prediction", &form).json();
        assert_eq!(reply["status"], json!(0), "{reply}");
        reply["predictions"].clone()
    };
    (0..models).map(predict).collect()
}

fn has_old_files(data: &Path, model: usize) -> bool {
    let classifier = data.join(format!("m{model}/d/classifier"));
    classifier.join("classifier.pkl").exists() || classifier.join("model.ckpt").exists()
}

fn sessions(data: &Path) -> usize {
    fs::read_dir(data.join(".mlbackend/sessions")).expect("sessions").count()
}

/// Asserts that all models are converted, with or without their old files, and nothing is incomplete.
#[track_caller]
fn assert_finished(data: &Path, models: usize, old_files: bool) {
    for model in 0..models {
        assert!(data.join(format!("m{model}/d/classifier/current.json")).is_file());
        assert_eq!(has_old_files(data, model), old_files, "model {model}");
    }
    assert_eq!(sessions(data), 1, "only the session of the server remains");
}

#[rstest::rstest]
#[case::that_keeps_the_old_files(&[])]
#[case::that_removes_them(&["--remove-old"])]
fn a_migration_that_is_killed_before_any_step_is_finished_by_the_next_one(#[case] flags: &[&str]) {
    let server = TestServer::start();
    let data = server.data_dir();
    let orders = data.with_file_name("orders-of-migrate");
    for step in 0.. {
        python_server(&data, 1, step);
        let before = predictions(&server, 1);
        inject_fault_at(&orders, &format!("die {step}"));
        let status = migrate(&data, flags).env("MLBACKEND_TEST_FAULTS", &orders).status().expect("it runs");
        let failpoint = fired_failpoint(&orders);
        assert_eq!(!status.success(), failpoint.is_some(), "step {step}");
        assert_eq!(predictions(&server, 1), before, "killed at step {step}: {failpoint:?}");

        assert!(
            migrate(&data, flags).status().expect("it runs").success(),
            "after step {step}: {failpoint:?}"
        );
        assert_eq!(predictions(&server, 1), before, "finished after step {step}: {failpoint:?}");
        assert_finished(&data, 1, flags.is_empty());
        if failpoint.is_none() {
            assert!(step > 20, "only {step} steps");
            return;
        }
        fs::remove_file(orders.with_extension("fired_failpoint")).expect("it is there");
    }
}

#[test]
fn a_migration_killed_at_any_moment_changes_no_prediction_and_is_finished_by_the_next_one() {
    let kills = if long() { 200 } else { 20 };
    let server = TestServer::start();
    let data = server.data_dir();
    python_server(&data, MODELS, 0);
    let started = Instant::now();
    assert!(migrate(&data, &["--remove-old"]).status().expect("it runs").success());
    let whole = started.elapsed();

    let mut dice = Dice::new(11);
    let mut interrupted = 0;
    for round in 1..=kills {
        python_server(&data, MODELS, round);
        let before = predictions(&server, MODELS);
        let flags: &[&str] = if round % 2 == 0 { &["--remove-old"] } else { &[] };
        let mut victim = migrate(&data, flags).spawn().expect("it runs");
        thread::sleep(Duration::from_secs_f64(dice.between(0.0, whole.as_secs_f64())));
        victim.kill().expect("it can be killed, even after its end");
        interrupted += usize::from(victim.wait().expect("it has ended").code().is_none());
        assert_eq!(predictions(&server, MODELS), before, "round {round}, killed");

        assert!(migrate(&data, flags).status().expect("it runs").success(), "round {round}");
        assert_eq!(predictions(&server, MODELS), before, "round {round}, finished");
        assert_finished(&data, MODELS, flags.is_empty());
    }
    eprintln!("{kills} rounds, {interrupted} of them killed before their end");
    assert!(interrupted > 0, "every run ended before its kill: nothing was tested");
}
