//! kill -9, at every step on the disk and at any other moment: the model answers as before or as after, and
//! the next start leaves nothing half-made.
//!
//! With the variable `MLBACKEND_TEST_LONG` set it is at least 200 kills, at every single step; without, some.
//! Steps are counted in builds with debug assertions only, as `cargo test` makes them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::common::{
    Dice, Launch, Operation, Reply, Scene, TestServer, ask, fired, half_made, long, order, settled,
    untouched, unzipped,
};

const OPERATIONS: [Operation; 4] =
    [Operation::Train, Operation::Import, Operation::Delete, Operation::Evaluate];

#[test]
fn a_server_that_is_killed_at_any_moment_answers_as_before_or_as_after() {
    let scene = Scene::new();
    let afters = OPERATIONS.map(|operation| scene.after(operation));
    let mut told = BTreeMap::new();
    let mut kills = 0;
    for (at, (operation, after)) in OPERATIONS.into_iter().zip(&afters).enumerate() {
        // Not the same steps of all, where it is not every step.
        let (first, stride) = if long() { (0, 1) } else { (at, 13) };
        for step in (first..).step_by(stride) {
            let Some(name) = die_at(&scene, operation, step, after) else { break };
            *told.entry(name).or_insert(0) += 1;
            kills += 1;
        }
    }
    let at_steps = kills;
    assert!(kills > 10 || !cfg!(debug_assertions), "only {kills} kills at steps");
    let mut dice = Dice::new(9);
    let random = if long() { 80.max(200_usize.saturating_sub(kills)) } else { 8 };
    for round in 0..random {
        let at = round % OPERATIONS.len();
        die_sometime(&scene, OPERATIONS[at], &afters[at], &mut dice);
        kills += 1;
    }
    println!("{kills}/{kills} kills harmless: {at_steps} at steps {told:?}, {random} at random moments");
}

#[rstest::rstest]
fn what_a_client_was_told_is_done_is_done_after_a_kill(
    #[values(Operation::Train, Operation::Import, Operation::Delete, Operation::Evaluate)]
    operation: Operation,
) {
    let scene = Scene::new();
    let after = scene.after(operation);
    // Or it could not be seen whether it was done.
    assert_eq!(after == scene.before, operation == Operation::Evaluate, "{after}");
    let server = scene.server();
    let reply = server.send(&scene.request(operation, "m"));
    assert_eq!(reply.status, 200, "{}", reply.text());
    let server = settled(Launch::again(server.kill()));
    is_whole(&server, &scene.before, &after, Some(&reply), &format!("{operation:?}"));
}

/// Lets the server die before that step of the operation; gives the step's name, or `None` when the operation
/// has fewer steps.
fn die_at(scene: &Scene, operation: Operation, step: usize, after: &Value) -> Option<String> {
    let server = scene.server();
    order(&server, &format!("die {step}"));
    let reply = server.try_raw(&scene.request(operation, "m").bytes());
    let orders = server.orders();
    let dir = server.kill();
    let name = fired(&orders)?;
    let server = settled(Launch::again(dir));
    is_whole(&server, &scene.before, after, reply.as_ref(), &format!("{operation:?} at {step}, {name}"));
    Some(name)
}

fn die_sometime(scene: &Scene, operation: Operation, after: &Value, dice: &mut Dice) {
    let server = scene.server();
    let begin = Instant::now();
    let bytes = scene.request(operation, "m").bytes();
    // How long it takes: on another model, which goes again.
    assert_eq!(server.send(&scene.request(operation, "other")).status, 200);
    let usual = begin.elapsed();
    let pause = usual.mul_f64(dice.uniform() * 1.2).max(Duration::from_micros(50));
    let reply = thread::scope(|scope| {
        let asked = scope.spawn(|| server.try_raw(&bytes));
        thread::sleep(pause);
        server.signal("KILL");
        asked.join().expect("no panic")
    });
    let dir = server.kill();
    let server = settled(Launch::again(dir));
    is_whole(&server, &scene.before, after, reply.as_ref(), &format!("{operation:?} after {pause:?}"));
}

fn is_whole(server: &TestServer, before: &Value, after: &Value, reply: Option<&Reply>, when: &str) {
    let promised = reply.is_some_and(|reply| reply.status == 200);
    let answer = ask(server, "m");
    assert!(&answer == after || (!promised && &answer == before), "{when}: {answer}");
    let runs = reports(server, when);
    let promised_run = reply.filter(|_| promised).and_then(run_of);
    assert!(promised_run.is_none_or(|run| runs.contains(&run)), "{when}: its report is gone");
    assert_eq!(half_made(server), Vec::<std::path::PathBuf>::new(), "{when}");
    let (code, told) = check(&server.data_dir());
    assert_eq!(code, Some(0), "{when}: {told}");
}

/// The run that an evaluation's reply names.
fn run_of(reply: &Reply) -> Option<String> {
    let answer: Value = serde_json::from_slice(&reply.body).ok()?;
    Some(answer.get("runid")?.to_string())
}

/// The runs that have a report; each is whole.
fn reports(server: &TestServer, when: &str) -> Vec<String> {
    let logs = fs::read_dir(server.data_dir().join("m/d/logs")).into_iter().flatten();
    let runs = logs.map(|run| run.expect("readable").file_name().to_string_lossy().into_owned());
    let runs: Vec<String> = runs.collect();
    for run in &runs {
        let reply = server.get(&format!("/evaluationlog?uniqueid=m&dirhash=d&runid={run}"));
        assert_eq!(reply.status, 200, "{when}: {}", reply.text());
        let files = unzipped(&reply.body);
        for name in ["info.log", "report.json", "roc-curve.png", "calibration.png"] {
            assert!(files.get(name).is_some_and(|bytes| bytes.len() > 100), "{when}: {name} of {files:?}");
        }
        assert!(files.len() > 4, "{when}: no figures for charts among {:?}", files.keys());
    }
    runs
}

fn check(data: &Path) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_moodle-mlbackend"));
    let done = untouched(command.arg("check").arg(data)).output().expect("it runs");
    (done.status.code(), String::from_utf8_lossy(&done.stdout).into_owned())
}
