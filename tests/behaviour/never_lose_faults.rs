//! Every step on the disk fails once, for every operation of the server: a clear answer, the model as it was,
//! and the next try succeeds.
//!
//! With the variable `MLBACKEND_TEST_LONG` set each step fails in each way; without, in one way or another.
//! Steps are counted in builds with debug assertions only, as `cargo test` makes them.
#![cfg(debug_assertions)]

use std::collections::BTreeMap;
use std::fs;

use crate::common::{Operation, Reply, Scene, TestServer, ask, fired, half_made, long, order};

/// The system's errors: I/O error, permission denied, no space left on device, read-only file system.
const ERRORS: [u32; 4] = [5, 13, 28, 30];
const NO_SPACE: u32 = 28;

#[rstest::rstest]
#[case::training(Operation::Train)]
#[case::import(Operation::Import)]
#[case::evaluation(Operation::Evaluate)]
#[case::deletion(Operation::Delete)]
#[case::export(Operation::Export)]
#[case::prediction(Operation::Predict)]
fn any_step_on_the_disk_may_fail_once(#[case] operation: Operation) {
    let scene = Scene::new();
    let after = scene.after(operation);
    let server = scene.server();
    let mut told: BTreeMap<(String, u16), u32> = BTreeMap::new();
    let (mut done, mut removals) = (0, 0);
    for step in 0.. {
        let errors = if long() { &ERRORS[..] } else { &ERRORS[step % 4..=step % 4] };
        for &error in errors {
            let id = format!("m{step}-{error}");
            scene.copy_model(&server, &id);
            order(&server, &format!("{error} {step}"));
            let reply = server.send(&scene.request(operation, &id));
            let Some(name) = fired(&server.orders()) else {
                assert_eq!(reply.status, 200, "no step failed: {}", reply.text());
                assert!(step > 3, "there are more steps than {step}");
                println!("{operation:?}: {done} faults at {step} steps, all harmless: {told:?}");
                return;
            };
            fs::remove_file(server.orders().with_extension("fired")).expect("it is there");
            let when = format!("{operation:?}, error {error} at step {step}, {name}");
            is_clear(&reply, error, &name, &when);
            let answer = ask(&server, &id);
            let may_be_done =
                reply.status == 200 || name == "sync a directory" || operation == Operation::Delete;
            assert!(
                (may_be_done && answer == after) || (reply.status != 200 && answer == scene.before),
                "{when}: {answer}"
            );
            assert!(reply.status != 200 || answer == after, "{when}: {answer}");
            let again = server.send(&scene.request(operation, &id));
            let gone = operation == Operation::Export && answer["status"] == 2;
            assert!(again.status == 200 || gone, "{when}: {}", String::from_utf8_lossy(&again.body));
            // What a training has done although it said otherwise counts twice the second time.
            let learnt_twice = operation == Operation::Train && answer == after;
            assert!(
                learnt_twice || gone || ask(&server, &id) == after,
                "{when}: the next try changes nothing"
            );
            removals += usize::from(name == "remove");
            is_tidy(&server, removals, &when);
            *told.entry((name, reply.status)).or_default() += 1;
            done += 1;
        }
    }
}

/// Says what is wrong, and nothing private.
fn is_clear(reply: &Reply, error: u32, name: &str, when: &str) {
    if reply.status == 200 {
        return;
    }
    let text = reply.text();
    let writing = ["make", "write", "sync"].iter().any(|verb| name.starts_with(verb));
    if error == NO_SPACE && writing {
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

/// Only what could not be removed may wait for the next start, beside an empty lock file.
fn is_tidy(server: &TestServer, failed_removals: usize, when: &str) {
    let left = half_made(server);
    let parts = left.iter().filter(|path| !path.to_string_lossy().contains("/locks/")).count();
    assert!(parts <= failed_removals, "{when}: {left:?}");
    assert!(server.uploads().is_empty(), "{when}");
}
