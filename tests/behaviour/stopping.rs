//! SIGTERM: new requests are refused, running jobs finish or are discarded, and nothing is left half-done.

use std::fs;
use std::thread;

use serde_json::json;

use crate::common::{
    Form, Launch, Reply, TestServer, fired_failpoint, inject_fault, inject_fault_at, labelled, unlabelled,
    until,
};

fn rows(count: usize) -> Vec<u8> {
    let rows: Vec<String> = (0..count)
        .map(|n| format!("1,{},{},{}", n % 7, if n % 2 == 0 { "-1" } else { "-0.2" }, n % 2))
        .collect();
    labelled(&rows.iter().map(String::as_str).collect::<Vec<_>>())
}

fn train(count: usize) -> Form {
    Form::model("m", "d").file("dataset", &rows(count))
}

fn evaluate(iterations: u32) -> Form {
    Form::model("m", "e")
        .field("minscore", "0.1")
        .field("maxdeviation", "0.9")
        .field("niterations", &iterations.to_string())
        .file("dataset", &rows(400))
}

fn predict(server: &TestServer) -> Reply {
    server.post("/prediction", &Form::model("m", "d").file("dataset", &unlabelled(&["1-0,1,3,-1"])))
}

fn wait_for(server: &TestServer, line: &str) {
    until(&format!("the log says: {line}"), || server.log().contains(line));
}

#[test]
fn finishes_running_work_and_refuses_new_requests_with_retry_after() {
    let server = Launch::new().env("MOODLE_MLBACKEND_STOP_SECONDS", "300").with_faults().start();
    assert_eq!(server.post("/training", &train(40)).json()["status"], json!(0));
    // The evaluation is held at its last steps until the end of the test.
    inject_fault(&server, "hold write a report");
    thread::scope(|scope| {
        let evaluation = scope.spawn(|| server.post("/evaluation", &evaluate(1)));
        until("the evaluation has learnt", || fired_failpoint(&server.orders()).is_some());
        server.signal("TERM");
        wait_for(&server, "new requests are refused");
        let refused = [
            predict(&server),
            server.post("/training", &train(40)),
            server.get("/export?uniqueid=m&dirhash=d"),
        ];
        for reply in refused {
            assert_eq!(reply.status, 503, "{}", reply.text());
            assert!(reply.header("retry-after").is_some() && reply.text().contains("stopping"));
        }
        server.get("/version").expect(200, "3.0.5");
        assert!(!evaluation.is_finished());
        inject_fault_at(&server.orders().with_extension("go"), "");
        let reply = evaluation.join().expect("an answer");
        assert_eq!((reply.status, &reply.json()["status"]), (200, &json!(0)));
    });
    let (code, dir) = server.ended();
    assert_eq!(code, Some(0));
    assert_nothing_half_done(dir.path());
    assert_eq!(fs::read_dir(dir.path().join("data/m/e/logs")).expect("a run").count(), 1);
}

#[test]
fn a_training_that_runs_at_sigterm_is_published() {
    let server = Launch::new().env("MOODLE_MLBACKEND_STOP_SECONDS", "300").with_faults().start();
    inject_fault(&server, "hold make a file");
    thread::scope(|scope| {
        let training = scope.spawn(|| server.post("/training", &train(40)));
        until("it reaches the step before it is published", || fired_failpoint(&server.orders()).is_some());
        server.signal("TERM");
        wait_for(&server, "new requests are refused");
        assert!(!training.is_finished());
        inject_fault_at(&server.orders().with_extension("go"), "");
        assert_eq!(training.join().expect("an answer").json()["status"], json!(0));
    });
    let (code, dir) = server.ended();
    assert_eq!(code, Some(0));
    let server = Launch::again(dir).start();
    assert_eq!(predict(&server).json()["status"], json!(0));
}

#[test]
fn discards_work_beyond_the_shutdown_timeout_and_keeps_the_model() {
    let server = Launch::new().env("MOODLE_MLBACKEND_STOP_SECONDS", "0").start();
    assert_eq!(server.post("/training", &train(40)).json()["status"], json!(0));
    let before = predict(&server).json();
    let request =
        crate::common::Request::new("POST", "/evaluation").credentials("a", "b").form(&evaluate(900));
    thread::scope(|scope| {
        let evaluation = scope.spawn(|| server.try_raw(&request.bytes()));
        wait_for(&server, "evaluation begins");
        server.signal("TERM");
        assert!(evaluation.join().expect("no panic").is_none(), "it was discarded");
    });
    let (code, dir) = server.ended();
    assert_eq!(code, Some(0));
    assert_nothing_half_done(dir.path());
    assert!(!dir.path().join("data/m/e").exists());
    let server = Launch::again(dir).start();
    assert_eq!(predict(&server).json(), before);
}

fn assert_nothing_half_done(dir: &std::path::Path) {
    let left: Vec<_> = fs::read_dir(dir.join("temp")).expect("it is there").flatten().collect();
    assert!(left.is_empty(), "{left:?}");
    let sessions = fs::read_dir(dir.join("data/.mlbackend/sessions")).map_or(0, Iterator::count);
    assert_eq!(sessions, 0, "sessions are left");
}
