//! SIGTERM: new requests are refused, running jobs finish or are discarded, and nothing unfinished is left.

use std::fs;
use std::thread;

use serde_json::json;

use crate::common::{Form, Launch, Reply, Request, TestServer, separable, unlabelled, until};

fn evaluation(iterations: usize) -> Form {
    Form::model("m", "e").evaluation(iterations).file("dataset", &separable(400, false))
}

/// Trains the model m with 40 samples.
fn train(server: &TestServer) -> Reply {
    server.post("/training", &Form::model("m", "d").file("dataset", &separable(40, false)))
}

fn predict(server: &TestServer) -> Reply {
    server.post("/prediction", &Form::model("m", "d").file("dataset", &unlabelled(&["1-0,1,3,-1"])))
}

fn wait_for_log(server: &TestServer, line: &str) {
    until(&format!("the log contains: {line}"), || server.log().contains(line));
}

#[test]
fn finishes_running_work_and_refuses_new_requests_with_retry_after() {
    let server = Launch::new().env("MOODLE_MLBACKEND_STOP_SECONDS", "300").with_faults().start();
    server.train("m", &separable(40, false));
    // The evaluation is held at its last steps until the end of the test.
    server.hold("write a report");
    thread::scope(|scope| {
        let evaluation = scope.spawn(|| server.post("/evaluation", &evaluation(1)));
        server.wait_until_held();
        server.signal("TERM");
        wait_for_log(&server, "new requests are refused");
        for reply in [predict(&server), train(&server), server.get("/export?uniqueid=m&dirhash=d")] {
            assert_eq!(reply.status, 503, "{}", reply.text());
            assert!(reply.header("retry-after").is_some() && reply.text().contains("stopping"));
        }
        server.get("/version").expect(200, "3.0.5");
        assert!(!evaluation.is_finished());
        server.release();
        let reply = evaluation.join().expect("a reply");
        assert_eq!((reply.status, &reply.json()["status"]), (200, &json!(0)));
    });
    let (code, dir) = server.ended();
    assert_eq!(code, Some(0));
    assert_nothing_unfinished(dir.path());
    assert_eq!(fs::read_dir(dir.path().join("data/m/e/logs")).expect("a run").count(), 1);
}

#[test]
fn a_training_that_runs_at_sigterm_is_published() {
    let server = Launch::new().env("MOODLE_MLBACKEND_STOP_SECONDS", "300").with_faults().start();
    server.hold("make a file");
    thread::scope(|scope| {
        let training = scope.spawn(|| train(&server));
        server.wait_until_held();
        server.signal("TERM");
        wait_for_log(&server, "new requests are refused");
        assert!(!training.is_finished());
        server.release();
        assert_eq!(training.join().expect("a reply").json()["status"], json!(0));
    });
    let (code, dir) = server.ended();
    assert_eq!(code, Some(0));
    let server = Launch::again(dir).start();
    assert_eq!(predict(&server).json()["status"], json!(0));
}

#[test]
fn discards_work_beyond_the_shutdown_timeout_and_keeps_the_model() {
    let server = Launch::new().env("MOODLE_MLBACKEND_STOP_SECONDS", "0").start();
    server.train("m", &separable(40, false));
    let before = predict(&server).json();
    let request = Request::new("POST", "/evaluation").credentials("a", "b").form(&evaluation(900));
    thread::scope(|scope| {
        let evaluation = scope.spawn(|| server.try_raw(&request.bytes()));
        wait_for_log(&server, "evaluation started");
        server.signal("TERM");
        assert!(evaluation.join().expect("no panic").is_none(), "it was discarded");
    });
    let (code, dir) = server.ended();
    assert_eq!(code, Some(0));
    assert_nothing_unfinished(dir.path());
    assert!(!dir.path().join("data/m/e").exists());
    let server = Launch::again(dir).start();
    assert_eq!(predict(&server).json(), before);
}

fn assert_nothing_unfinished(dir: &std::path::Path) {
    let left: Vec<_> = fs::read_dir(dir.join("temp")).expect("it is there").flatten().collect();
    assert!(left.is_empty(), "{left:?}");
    let sessions = fs::read_dir(dir.join("data/.mlbackend/sessions")).map_or(0, Iterator::count);
    assert_eq!(sessions, 0, "sessions are left");
}
