//! The log: what it says, and that nobody waits for it or fails because of it.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::json;

use crate::common::{Form, Launch, Request, TestServer, labelled, unlabelled};
#[cfg(debug_assertions)]
use crate::common::{Operation, Scene, fired, order};

/// What Moodle asks for day by day.
#[track_caller]
fn does_its_work(server: &TestServer) {
    server.get("/version").expect(200, "3.0.5");
    let dataset = labelled(&["1,0,0.5,1", "0,1,0.25,0", "1,1,0.5,1", "0,0,0.75,0"]);
    let trained = server.post("/training", &Form::model("m", "d").file("dataset", &dataset));
    assert_eq!(trained.json()["status"], json!(0), "{}", trained.text());
    let questions = unlabelled(&["1-0,1,0,0.5"]);
    let predicted = server.post("/prediction", &Form::model("m", "d").file("dataset", &questions));
    assert_eq!(predicted.json()["status"], json!(0), "{}", predicted.text());
    // Refusals are logged as errors.
    let wrong = Request::new("GET", "/export?uniqueid=m&dirhash=d").credentials("a", "c");
    assert_eq!(server.send(&wrong).status, 401);
}

#[test]
#[cfg(target_os = "linux")]
fn a_log_that_cannot_be_written_hinders_nothing() {
    let full = OpenOptions::new().write(true).open("/dev/full").expect("the disk that is always full");
    let server = Launch::new().start_with_log(full.into());
    does_its_work(&server);
    let (code, _) = server.terminate();
    assert_eq!(code, Some(0));
}

#[test]
fn a_log_whose_reader_has_died_hinders_nothing() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let server = Launch::new().start_with_log(writer.into());
    does_its_work(&server);
    let (code, _) = server.terminate();
    assert_eq!(code, Some(0));
}

/// More lines than a pipe holds, which is 64 KiB.
const MANY: usize = 1000;

/// A server that has logged more than its log takes while nobody reads it.
fn asked_often(log: Stdio) -> TestServer {
    let server = Launch::new().start_with_log(log);
    for _ in 0..MANY {
        server.get("/version").expect(200, "3.0.5");
    }
    server
}

#[test]
fn a_log_whose_reader_stands_still_hinders_nothing_and_is_read_later() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let server = asked_often(writer.into());
    does_its_work(&server);
    let ends = std::thread::spawn(|| server.terminate());
    let lines: Vec<String> = BufReader::new(reader).lines().map(|line| line.expect("text")).collect();
    assert_eq!(ends.join().expect("no panic").0, Some(0));
    assert!(lines.iter().filter(|line| line.contains("answered")).count() >= MANY + 4, "{}", lines.len());
    assert!(lines.last().is_some_and(|line| line.contains("ending")), "{:?}", lines.last());
}

#[test]
fn a_server_whose_log_nobody_reads_ends_when_it_is_told_to() {
    let (_reader, writer) = std::io::pipe().expect("a pipe");
    let server = asked_often(writer.into());
    let (code, _) = server.terminate();
    assert_eq!(code, Some(0));
}

#[test]
fn a_method_that_nobody_knows_is_not_repeated() {
    let server = TestServer::start();
    for (method, named) in [("BREW", "method=\"other\""), ("DELETE", "method=\"DELETE\"")] {
        assert_eq!(server.send(&Request::new(method, "/version")).status, 405);
        let log = server.log();
        assert!(log.contains(named) && !log.contains("BREW"), "{log}");
    }
}

/// Whoever is told that the disk is full finds in the log which: that of uploads, of models or of reports.
#[rstest::rstest]
#[case(Operation::Train, &["where uploads are kept", "where models are kept"])]
#[case(Operation::Evaluate, &["where uploads are kept", "where an evaluation's report is kept"])]
#[cfg(debug_assertions)]
fn a_full_disk_is_named(#[case] operation: Operation, #[case] expected: &[&str]) {
    const NO_SPACE: u32 = 28;
    let scene = Scene::new();
    let server = scene.server();
    let named = || {
        server.log().lines().filter(|line| line.contains("ERROR") && line.contains("disk is full")).count()
    };
    let mut refused = 0;
    for step in 0.. {
        order(&server, &format!("{NO_SPACE} {step}"));
        let reply = server.send(&scene.request(operation, "m"));
        if fired(&server.orders()).is_none() {
            break;
        }
        std::fs::remove_file(server.orders().with_extension("fired")).expect("it is there");
        refused += usize::from(reply.status == 507);
        assert_eq!(named(), refused, "step {step}: {}", server.log());
    }
    let log = server.log();
    assert!(expected.iter().all(|place| log.contains(place)), "{log}");
}
