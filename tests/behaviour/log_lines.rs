//! The log: its content, and that a slow or failing log neither blocks the server nor makes it fail.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::json;

use crate::common::{Form, Launch, Request, TestServer, labelled, unlabelled};
#[cfg(debug_assertions)]
use crate::common::{Operation, Scene, fired_failpoint, inject_fault};

/// The requests that Moodle sends every day, and one that is refused.
#[track_caller]
fn assert_requests_work(server: &TestServer) {
    server.get("/version").expect(200, "3.0.5");
    let dataset = labelled(&["1,0,0.5,1", "0,1,0.25,0", "1,1,0.5,1", "0,0,0.75,0"]);
    let trained = server.post("/training", &Form::model("m", "d").file("dataset", &dataset));
    assert_eq!(trained.json()["status"], json!(0), "{}", trained.text());
    let samples = unlabelled(&["1-0,1,0,0.5"]);
    let predicted = server.post("/prediction", &Form::model("m", "d").file("dataset", &samples));
    assert_eq!(predicted.json()["status"], json!(0), "{}", predicted.text());
    // A refusal is logged too.
    let wrong = Request::new("GET", "/export?uniqueid=m&dirhash=d").credentials("a", "c");
    assert_eq!(server.send(&wrong).status, 401);
}

#[test]
#[cfg(target_os = "linux")]
fn works_when_the_log_cannot_be_written() {
    let full = OpenOptions::new().write(true).open("/dev/full").expect("a device that is always full");
    let server = Launch::new().start_with_log(full.into());
    assert_requests_work(&server);
    assert_eq!(server.terminate().0, Some(0));
}

#[test]
fn works_when_the_reader_of_the_log_has_exited() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let server = Launch::new().start_with_log(writer.into());
    assert_requests_work(&server);
    assert_eq!(server.terminate().0, Some(0));
}

/// More lines than a pipe holds, which is 64 KiB.
const MANY: usize = 1000;

/// A server that has logged more than an unread pipe holds.
fn with_many_lines(log: Stdio) -> TestServer {
    let server = Launch::new().start_with_log(log);
    for _ in 0..MANY {
        server.get("/version").expect(200, "3.0.5");
    }
    server
}

#[test]
fn works_while_the_reader_of_the_log_pauses_and_keeps_the_lines() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let server = with_many_lines(writer.into());
    assert_requests_work(&server);
    let stopping = std::thread::spawn(|| server.terminate());
    let lines: Vec<String> = BufReader::new(reader).lines().map(|line| line.expect("text")).collect();
    assert_eq!(stopping.join().expect("no panic").0, Some(0));
    assert!(
        lines.iter().filter(|line| line.contains("request completed")).count() >= MANY + 4,
        "{}",
        lines.len()
    );
    assert!(lines.last().is_some_and(|line| line.contains("shutting down")), "{:?}", lines.last());
}

#[test]
fn stops_on_sigterm_while_its_log_is_not_read() {
    let (_reader, writer) = std::io::pipe().expect("a pipe");
    let server = with_many_lines(writer.into());
    assert_eq!(server.terminate().0, Some(0));
}

#[test]
fn an_unknown_method_is_logged_as_other() {
    let server = TestServer::start();
    for (method, logged) in [("BREW", "method=\"other\""), ("DELETE", "method=\"DELETE\"")] {
        assert_eq!(server.send(&Request::new(method, "/version")).status, 405);
        let log = server.log();
        assert!(log.contains(logged) && !log.contains("BREW"), "{log}");
    }
}

/// The response only says that the disk is full; the log names the directory.
#[rstest::rstest]
#[case(Operation::Train, &["an upload cannot be stored", "in the data directory"])]
#[case(Operation::Evaluate, &["an upload cannot be stored", "the report of an evaluation cannot be stored"])]
#[cfg(debug_assertions)]
fn the_log_names_the_directory_of_a_full_disk(#[case] operation: Operation, #[case] expected: &[&str]) {
    const NO_SPACE: u32 = 28;
    let scene = Scene::new();
    let server = scene.server();
    let logged = || {
        server.log().lines().filter(|line| line.contains("ERROR") && line.contains("disk is full")).count()
    };
    let mut refused = 0;
    for step in 0.. {
        inject_fault(&server, &format!("{NO_SPACE} {step}"));
        let reply = server.send(&scene.request(operation, "m"));
        if fired_failpoint(&server.orders()).is_none() {
            break;
        }
        std::fs::remove_file(server.orders().with_extension("fired")).expect("the fault was recorded");
        refused += usize::from(reply.status == 507);
        assert_eq!(logged(), refused, "step {step}: {}", server.log());
    }
    let log = server.log();
    assert!(expected.iter().all(|place| log.contains(place)), "{log}");
}
