//! kill -9 at every failpoint and at random moments: the model predicts as before or as after the operation, and the next
//! start removes everything incomplete.
//!
//! With `MLBACKEND_TEST_LONG`, at least 200 kills, at every failpoint; without, some of them. Failpoints exist in builds
//! with debug assertions only.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::common::{
    Dice, Launch, Operation, Reply, Scene, TestServer, fired_failpoint, inject_fault, leftovers, long,
    predict, start_and_prune, untouched, unzipped,
};

const OPERATIONS: [Operation; 4] =
    [Operation::Train, Operation::Import, Operation::Delete, Operation::Evaluate];

#[test]
fn predicts_as_before_or_as_after_a_kill_at_any_moment() {
    let scene = Scene::new();
    let afters = OPERATIONS.map(|operation| scene.after(operation));
    let mut failpoints = BTreeMap::new();
    let mut kills = 0;
    for (at, (operation, after)) in OPERATIONS.into_iter().zip(&afters).enumerate() {
        // In the short form, other steps for each operation.
        let (first, stride) = if long() { (0, 1) } else { (at, 13) };
        for step in (first..).step_by(stride) {
            let Some(name) = kill_at(&scene, operation, step, after) else { break };
            *failpoints.entry(name).or_insert(0) += 1;
            kills += 1;
        }
    }
    let at_failpoints = kills;
    assert!(kills > 10 || !cfg!(debug_assertions), "only {kills} kills at failpoints");
    let mut dice = Dice::new(9);
    let random = if long() { 80.max(200_usize.saturating_sub(kills)) } else { 8 };
    for round in 0..random {
        let at = round % OPERATIONS.len();
        kill_at_random(&scene, OPERATIONS[at], &afters[at], &mut dice);
        kills += 1;
    }
    println!(
        "{kills}/{kills} kills harmless: {at_failpoints} at failpoints {failpoints:?}, {random} at random moments"
    );
}

#[rstest::rstest]
fn an_operation_that_was_reported_as_done_is_done_after_a_kill(
    #[values(Operation::Train, Operation::Import, Operation::Delete, Operation::Evaluate)]
    operation: Operation,
) {
    let scene = Scene::new();
    let after = scene.after(operation);
    // Otherwise the test could not see whether it was done.
    assert_eq!(after == scene.before, operation == Operation::Evaluate, "{after}");
    let server = scene.server();
    let reply = server.send(&scene.request(operation, "m"));
    assert_eq!(reply.status, 200, "{}", reply.text());
    let server = start_and_prune(Launch::again(server.kill()));
    assert_intact(&server, &scene.before, &after, Some(&reply), &format!("{operation:?}"));
}

/// Kills the server at a failpoint of the operation; returns its name, or `None` if there are fewer.
fn kill_at(scene: &Scene, operation: Operation, step: usize, after: &Value) -> Option<String> {
    let server = scene.server();
    inject_fault(&server, &format!("die {step}"));
    let reply = server.try_raw(&scene.request(operation, "m").bytes());
    let orders = server.orders();
    let dir = server.kill();
    let name = fired_failpoint(&orders)?;
    let server = start_and_prune(Launch::again(dir));
    assert_intact(&server, &scene.before, after, reply.as_ref(), &format!("{operation:?} at {step}, {name}"));
    Some(name)
}

fn kill_at_random(scene: &Scene, operation: Operation, after: &Value, dice: &mut Dice) {
    let server = scene.server();
    let begin = Instant::now();
    let bytes = scene.request(operation, "m").bytes();
    // Measures the duration on another model.
    assert_eq!(server.send(&scene.request(operation, "other")).status, 200);
    let duration = begin.elapsed();
    let pause = duration.mul_f64(dice.uniform() * 1.2).max(Duration::from_micros(50));
    let reply = thread::scope(|scope| {
        let request = scope.spawn(|| server.try_raw(&bytes));
        thread::sleep(pause);
        server.signal("KILL");
        request.join().expect("no panic")
    });
    let dir = server.kill();
    let server = start_and_prune(Launch::again(dir));
    assert_intact(&server, &scene.before, after, reply.as_ref(), &format!("{operation:?} after {pause:?}"));
}

fn assert_intact(server: &TestServer, before: &Value, after: &Value, reply: Option<&Reply>, when: &str) {
    let is_done = reply.is_some_and(|reply| reply.status == 200);
    let answer = predict(server, "m");
    assert!(&answer == after || (!is_done && &answer == before), "{when}: {answer}");
    let runs = reports(server, when);
    let new_run = reply.filter(|_| is_done).and_then(run_of);
    assert!(new_run.is_none_or(|run| runs.contains(&run)), "{when}: its report is missing");
    assert_eq!(leftovers(server), Vec::<std::path::PathBuf>::new(), "{when}");
    let (code, output) = check(&server.data_dir());
    assert_eq!(code, Some(0), "{when}: {output}");
}

/// The run id in the reply to an evaluation.
fn run_of(reply: &Reply) -> Option<String> {
    let answer: Value = serde_json::from_slice(&reply.body).ok()?;
    Some(answer.get("runid")?.to_string())
}

/// The runs with a report, after verifying that each is complete.
fn reports(server: &TestServer, when: &str) -> Vec<String> {
    let logs = fs::read_dir(server.data_dir().join("m/d/logs")).into_iter().flatten();
    let runs = logs.map(|run| run.expect("readable").file_name().to_string_lossy().into_owned());
    let runs: Vec<String> = runs.collect();
    for run in &runs {
        let reply = server.get(&format!("/evaluationlog?uniqueid=m&dirhash=d&runid={run}"));
        assert_eq!(reply.status, 200, "{when}: {}", reply.text());
        let files = unzipped(&reply.body);
        for name in ["info.log", "report.html", "report.json", "roc-curve.png", "calibration.png"] {
            assert!(files.get(name).is_some_and(|bytes| bytes.len() > 100), "{when}: {name} of {files:?}");
        }
        assert!(files.len() > 4, "{when}: no TensorBoard files among {:?}", files.keys());
    }
    runs
}

fn check(data: &Path) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_moodle-mlbackend"));
    let result = untouched(command.arg("check").arg(data)).output().expect("it runs");
    (result.status.code(), String::from_utf8_lossy(&result.stdout).into_owned())
}
