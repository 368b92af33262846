//! SIGTERM: new work is refused, running jobs finish or are discarded, what belongs to finished work is answered, and
//! nothing unfinished is left.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::common::{
    Form, Launch, Reply, Request, TestServer, rest_of_response, separable, unlabelled, until,
};

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
fn finishes_running_work_and_refuses_new_work_with_retry_after() {
    let server = Launch::new().env("MOODLE_MLBACKEND_STOP_SECONDS", "300").with_faults().start();
    server.train("m", &separable(40, false));
    // The evaluation is held at its last steps until the end of the test.
    server.hold("write a report");
    let run = thread::scope(|scope| {
        let running = scope.spawn(|| server.post("/evaluation", &evaluation(1)));
        server.wait_until_held();
        server.signal("TERM");
        wait_for_log(&server, "new work is refused");
        let import = Form::model("m", "d").file("importzip", b"x");
        let delete = Form::new().field("uniqueid", "m");
        let new_work = [("/evaluation", evaluation(1)), ("/import", import), ("/deletemodel", delete)];
        let refusals = new_work.map(|(path, form)| server.post(path, &form));
        for reply in refusals.iter().chain([&train(&server)]) {
            assert_eq!(reply.status, 503, "{}", reply.text());
            assert!(reply.header("retry-after").is_some() && reply.text().contains("stopping"));
        }
        server.get("/version").expect(200, "3.0.5");
        assert!(!running.is_finished());
        server.release();
        let reply = running.join().expect("a reply");
        assert_eq!((reply.status, &reply.json()["status"]), (200, &json!(0)));
        reply.json()["runid"].clone()
    });
    let log = server.get(&format!("/evaluationlog?uniqueid=m&dirhash=e&runid={run}"));
    assert!(log.status == 200 && log.body.len() > 22, "{}: {} bytes", log.status, log.body.len());
    let (code, dir) = server.ended();
    assert_eq!(code, Some(0));
    assert_nothing_unfinished(dir.path());
    assert_eq!(fs::read_dir(dir.path().join("data/m/e/logs")).expect("a run").count(), 1);
}

#[test]
fn answers_quick_requests_while_work_finishes() {
    let server = Launch::new().env("MOODLE_MLBACKEND_STOP_SECONDS", "300").with_faults().start();
    server.train("m", &separable(40, false));
    let (prediction, export) = (predict(&server).json(), server.get("/export?uniqueid=m&dirhash=d").body);
    server.hold("write a report");
    thread::scope(|scope| {
        let running = scope.spawn(|| server.post("/evaluation", &evaluation(1)));
        server.wait_until_held();
        server.signal("TERM");
        wait_for_log(&server, "new work is refused");
        assert_eq!(predict(&server).json(), prediction);
        assert_eq!(server.get("/export?uniqueid=m&dirhash=d").body, export);
        // A prediction that announces a large body is not quick.
        let large =
            Request::new("POST", "/prediction").credentials("a", "b").header("Content-Length", "99000000");
        let large = server.raw(&large.header("Content-Type", "multipart/form-data; boundary=x").bytes());
        assert_eq!(large.status, 503, "{}", large.text());
        server.release();
        assert_eq!(running.join().expect("a reply").status, 200);
    });
    assert_eq!(server.ended().0, Some(0));
}

/// Moodle requests the log right after an evaluation; without it, the result is lost.
#[test]
fn waits_some_seconds_for_the_request_that_follows_an_evaluation() {
    let server = TestServer::start();
    let run = server.post("/evaluation", &evaluation(1)).json()["runid"].clone();
    let stopping = Instant::now();
    server.signal("TERM");
    wait_for_log(&server, "new work is refused");
    thread::sleep(Duration::from_secs(1));
    let log = server.get(&format!("/evaluationlog?uniqueid=m&dirhash=e&runid={run}"));
    assert!(log.status == 200 && log.body.len() > 22, "{}: {} bytes", log.status, log.body.len());
    assert_eq!(server.ended().0, Some(0));

    // Without that request, the server ends after some seconds all the same.
    let server = TestServer::start();
    let evaluated = Instant::now();
    assert_eq!(server.post("/evaluation", &evaluation(1)).status, 200);
    assert_eq!(server.terminate().0, Some(0));
    assert!(evaluated.elapsed() > Duration::from_secs(4), "{:?}", evaluated.elapsed());
    assert!(stopping.elapsed() < Duration::from_mins(1), "{:?}", stopping.elapsed());
}

/// Predictions are served until the work is finished, but do not prolong the shutdown.
#[test]
fn ends_although_a_prediction_is_always_in_progress() {
    let server = Launch::new().env("MOODLE_MLBACKEND_STOP_SECONDS", "300").with_faults().start();
    server.train("m", &separable(40, false));
    server.hold("write a report");
    let served = AtomicUsize::new(0);
    thread::scope(|scope| {
        let evaluation = scope.spawn(|| server.post("/evaluation", &evaluation(1)));
        server.wait_until_held();
        server.signal("TERM");
        wait_for_log(&server, "new work is refused");
        let predictions = scope.spawn(|| predict_until_refused(&server, &served));
        until("predictions are served", || served.load(Ordering::SeqCst) > 20);
        server.release();
        let run = evaluation.join().expect("a reply").json()["runid"].clone();
        let log = server.get(&format!("/evaluationlog?uniqueid=m&dirhash=e&runid={run}"));
        assert_eq!(log.status, 200, "{}", log.text());
        predictions.join().expect("the predictions are refused in time");
    });
    assert_eq!(server.ended().0, Some(0));
}

/// Sends predictions, the next one always before the end of the one before.
fn predict_until_refused(server: &TestServer, served: &AtomicUsize) {
    let form = Form::model("m", "d").file("dataset", &unlabelled(&["1-0,1,3,-1"]));
    let request = Request::new("POST", "/prediction").credentials("a", "b").header("Expect", "100-continue");
    let bytes = request.form(&form).bytes();
    let end = bytes.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("a head") + 4;
    let (head, body) = bytes.split_at(end);
    // `None` if the server has ended.
    let begin = || {
        let mut stream = TcpStream::connect(server.address).ok()?;
        stream.set_read_timeout(Some(Duration::from_mins(2))).ok()?;
        stream.write_all(head).ok()?;
        let mut interim = [0; b"HTTP/1.1 100 Continue\r\n\r\n".len()];
        stream.read_exact(&mut interim).ok()?;
        Some(stream)
    };
    let mut current = begin().expect("the server runs");
    let started = Instant::now();
    while started.elapsed() < Duration::from_mins(1) {
        let Some(next) = begin() else { return };
        current.write_all(body).expect("sent");
        let reply = rest_of_response(b"", current).expect("a response");
        if reply.status == 503 {
            return;
        }
        assert_eq!(reply.status, 200, "{}", reply.text());
        served.fetch_add(1, Ordering::SeqCst);
        current = next;
    }
    panic!("predictions are still served");
}

#[test]
fn a_training_that_runs_at_sigterm_is_published() {
    let server = Launch::new().env("MOODLE_MLBACKEND_STOP_SECONDS", "300").with_faults().start();
    server.hold("make a file");
    thread::scope(|scope| {
        let training = scope.spawn(|| train(&server));
        server.wait_until_held();
        server.signal("TERM");
        wait_for_log(&server, "new work is refused");
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
