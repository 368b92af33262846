//! `moodle-mlbackend migrate` that is killed at any moment: each model goes on answering as before, beside a
//! running server, and the next `migrate` finishes the work. With the variable `MLBACKEND_TEST_LONG` set
//! it is killed 200 times.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::common::{
    Dice, Form, Network, Table, TestServer, fired_failpoint, inject_fault_at, long, untouched,
};

/// The number of models.
const MODELS: usize = 5;

fn migrate(data: &Path, flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_moodle-mlbackend"));
    command.arg("migrate").arg(data).args(flags).stdout(Stdio::null()).stderr(Stdio::null());
    untouched(&mut command);
    command
}

/// Puts `models` of a Python server into a data directory that holds none.
fn python_server(data: &Path, models: usize, round: usize) {
    for model in 0..models {
        let home = data.join(format!("m{model}/d"));
        if home.exists() {
            fs::remove_dir_all(&home).expect("what the last round left");
        }
        Network::of_a_line(1.0, 0.5 + model as f32, 1.0 + round as f32 / 10.0).write(&home);
    }
}

fn answers(server: &TestServer, models: usize) -> Vec<Value> {
    let mut table = Table::of_two_classes(&["\\a", "\\b", "\\c", "\\d"]);
    for at in 0..10 {
        let value = at as f32 / 5.0 - 1.0;
        table.push(&[0.0, value, 1.0, -value / 3.0], u8::from(value > 0.1));
    }
    let ask = |model| {
        let form = Form::model(&format!("m{model}"), "d").file("dataset", &table.unlabelled());
        let reply = server.post("/prediction", &form).json();
        assert_eq!(reply["status"], json!(0), "{reply}");
        reply["predictions"].clone()
    };
    (0..models).map(ask).collect()
}

fn old_files_of(data: &Path, model: usize) -> bool {
    let classifier = data.join(format!("m{model}/d/classifier"));
    classifier.join("classifier.pkl").exists() || classifier.join("model.ckpt").exists()
}

fn sessions(data: &Path) -> usize {
    fs::read_dir(data.join(".mlbackend/sessions")).expect("sessions").count()
}

/// Asserts that all models are converted, with the old files still there or not, and nothing is half-made.
fn finished(data: &Path, models: usize, old_files: bool) {
    for model in 0..models {
        assert!(data.join(format!("m{model}/d/classifier/current.json")).is_file());
        assert_eq!(old_files_of(data, model), old_files, "model {model}");
    }
    assert_eq!(sessions(data), 1, "only the server's: what the killed one had begun is gone");
}

#[rstest::rstest]
#[case::that_keeps_the_old_files(&[])]
#[case::that_removes_them(&["--remove-old"])]
fn a_migration_that_dies_before_any_step_is_finished_by_the_next_one(#[case] flags: &[&str]) {
    let server = TestServer::start();
    let data = server.data_dir();
    let orders = data.with_file_name("orders-of-migrate");
    for step in 0.. {
        python_server(&data, 1, step);
        let before = answers(&server, 1);
        inject_fault_at(&orders, &format!("die {step}"));
        let died =
            !migrate(&data, flags).env("MLBACKEND_TEST_FAULTS", &orders).status().expect("it runs").success();
        let at = fired_failpoint(&orders);
        assert_eq!(died, at.is_some(), "step {step}");
        assert_eq!(answers(&server, 1), before, "died at step {step}: {at:?}");

        assert!(migrate(&data, flags).status().expect("it runs").success(), "after step {step}: {at:?}");
        assert_eq!(answers(&server, 1), before, "finished after step {step}: {at:?}");
        finished(&data, 1, flags.is_empty());
        if at.is_none() {
            assert!(step > 20, "only {step} steps were there");
            return;
        }
        fs::remove_file(orders.with_extension("fired")).expect("it is there");
    }
}

#[test]
fn a_migration_killed_at_any_moment_changes_no_answer_and_the_next_one_finishes_it() {
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
        let before = answers(&server, MODELS);
        let flags: &[&str] = if round % 2 == 0 { &["--remove-old"] } else { &[] };
        let mut victim = migrate(&data, flags).spawn().expect("it runs");
        thread::sleep(Duration::from_secs_f64(dice.between(0.0, whole.as_secs_f64())));
        victim.kill().expect("it can be killed, also when it is done");
        interrupted += usize::from(victim.wait().expect("it has ended").code().is_none());
        assert_eq!(answers(&server, MODELS), before, "round {round}, killed in the middle");

        assert!(migrate(&data, flags).status().expect("it runs").success(), "round {round}");
        assert_eq!(answers(&server, MODELS), before, "round {round}, finished");
        finished(&data, MODELS, flags.is_empty());
    }
    eprintln!("{kills} rounds, {interrupted} of them killed before the end");
    assert!(interrupted > 0, "no kill came in time: nothing was tested");
}
