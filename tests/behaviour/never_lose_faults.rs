//! Every disk operation fails once, in every operation of the server: the response is clear, the model is unchanged, and
//! the next attempt succeeds.
//!
//! With `MLBACKEND_TEST_LONG`, each failpoint fails with each error; without, with one of them. Failpoints exist in
//! builds with debug assertions only.
#![cfg(debug_assertions)]

use std::collections::BTreeMap;
use std::fs;

use crate::common::{
    Operation, Reply, Scene, TestServer, fired_failpoint, inject_fault, leftovers, long, predict,
};

/// Errors of the system: I/O error, permission denied, no space left on device, read-only file system.
const ERRORS: [u32; 4] = [5, 13, 28, 30];
const NO_SPACE: u32 = 28;

#[rstest::rstest]
#[case::training(Operation::Train)]
#[case::import(Operation::Import)]
#[case::evaluation(Operation::Evaluate)]
#[case::deletion(Operation::Delete)]
#[case::export(Operation::Export)]
#[case::prediction(Operation::Predict)]
fn survives_one_disk_error_at_any_failpoint(#[case] operation: Operation) {
    let scene = Scene::new();
    let after = scene.after(operation);
    let server = scene.server();
    let mut outcomes: BTreeMap<(String, u16), u32> = BTreeMap::new();
    let (mut faults, mut failed_removals) = (0, 0);
    for step in 0.. {
        let errors = if long() { &ERRORS[..] } else { &ERRORS[step % 4..=step % 4] };
        for &error in errors {
            let id = format!("m{step}-{error}");
            scene.copy_model(&server, &id);
            inject_fault(&server, &format!("{error} {step}"));
            let reply = server.send(&scene.request(operation, &id));
            let Some(name) = fired_failpoint(&server.orders()) else {
                assert_eq!(reply.status, 200, "no fault occurred: {}", reply.text());
                assert!(step > 3, "only {step} failpoints");
                println!("{operation:?}: {faults} faults at {step} failpoints, all harmless: {outcomes:?}");
                return;
            };
            fs::remove_file(server.orders().with_extension("fired")).expect("it is there");
            let when = format!("{operation:?}, error {error} at step {step}, {name}");
            assert_clear(&reply, error, &name, &when);
            let answer = predict(&server, &id);
            // A failed sync or removal is reported, though the operation is done.
            let may_be_done = name == "sync a directory" || operation == Operation::Delete;
            let is_legal = if reply.status == 200 {
                answer == after
            } else {
                answer == scene.before || (may_be_done && answer == after)
            };
            assert!(is_legal, "{when}: {answer}");
            let again = server.send(&scene.request(operation, &id));
            let is_deleted = operation == Operation::Export && answer["status"] == 2;
            assert!(again.status == 200 || is_deleted, "{when}: {}", String::from_utf8_lossy(&again.body));
            // A training that is done although it failed trains on the same samples again.
            let is_trained_twice = operation == Operation::Train && answer == after;
            assert!(
                is_trained_twice || is_deleted || predict(&server, &id) == after,
                "{when}: the next attempt changes nothing"
            );
            failed_removals += usize::from(name == "remove");
            assert_tidy(&server, failed_removals, &when);
            *outcomes.entry((name, reply.status)).or_default() += 1;
            faults += 1;
        }
    }
}

/// Asserts that an error response states the cause and no path.
fn assert_clear(reply: &Reply, error: u32, name: &str, when: &str) {
    if reply.status == 200 {
        return;
    }
    let text = reply.text();
    let is_write = ["make", "write", "sync"].iter().any(|verb| name.starts_with(verb));
    if error == NO_SPACE && is_write {
        assert!(reply.status == 507 && text.contains("disk is full"), "{when}: {} {text}", reply.status);
    } else {
        let full = error == NO_SPACE && reply.status == 507 && text.contains("disk is full");
        assert!(
            full || (reply.status == 500 && text.contains("Search its log")),
            "{when}: {} {text}",
            reply.status
        );
    }
    assert!(!text.contains('/'), "{when}: {text}");
}

/// Asserts that only failed removals and unused lock files are left.
fn assert_tidy(server: &TestServer, failed_removals: usize, when: &str) {
    let leftovers = leftovers(server);
    let count = leftovers.iter().filter(|path| !path.to_string_lossy().contains("/locks/")).count();
    assert!(count <= failed_removals, "{when}: {leftovers:?}");
    assert!(server.uploads().is_empty(), "{when}");
}
