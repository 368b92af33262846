//! Long work: after the keep-alive interval the response begins with white space, so that no proxy closes the connection,
//! and ends with the JSON. Evaluations are long because Moodle requests many iterations of them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::common::{
    Authority, Form, Launch, Reply, Request, TestServer, leftovers, rest_of_response, separable, unlabelled,
    until,
};

/// White space after one second; one job at a time.
fn launch() -> Launch {
    Launch::new().env("MOODLE_MLBACKEND_KEEPALIVE_SECONDS", "1").env("MOODLE_MLBACKEND_JOBS", "1")
}

/// The same, with evaluations of three seconds.
fn start() -> TestServer {
    launch().env("MOODLE_MLBACKEND_EVALUATION_SECONDS", "3").start()
}

/// An evaluation that takes as long as the server permits.
fn evaluation(id: &str) -> Request {
    post("/evaluation", &Form::model(id, "e").evaluation(1000).file("dataset", &separable(400, false)))
}

fn training(id: &str, dataset: &[u8]) -> Request {
    post("/training", &Form::model(id, "d").file("dataset", dataset))
}

fn post(path: &str, form: &Form) -> Request {
    Request::new("POST", path).credentials("a", "b").form(form)
}

/// The status of the model m.
fn prediction_status(server: &TestServer) -> Value {
    server.predict("m", &unlabelled(&["1-0,1,3,-1"]))["status"].clone()
}

/// The JSON of a response that has begun before it.
#[track_caller]
fn late_json(reply: &Reply) -> Value {
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")));
    assert_eq!(reply.header("content-length"), None, "{}", reply.text());
    assert!(reply.text().trim_start_matches(' ').starts_with('{'), "{:?}", reply.text());
    assert!(reply.text().ends_with('}'), "{:?}", reply.text());
    reply.json()
}

/// Does something while the only job is an evaluation.
fn during_an_evaluation<T>(server: &TestServer, work: impl FnOnce() -> T) -> T {
    thread::scope(|scope| {
        let evaluation = scope.spawn(|| server.send(&evaluation("long")));
        until("the evaluation has started", || server.log().contains("evaluation started"));
        let result = work();
        assert_eq!(late_json(&evaluation.join().expect("a reply"))["status"], json!(0));
        result
    })
}

/// The log line of the only request of this route that is logged.
#[track_caller]
fn log_line(server: &TestServer, route: &str) -> String {
    let log = server.log();
    let route = format!("route={route:?} ");
    let lines: Vec<_> =
        log.lines().filter(|line| line.contains("request completed") && line.contains(&route)).collect();
    assert_eq!(lines.len(), 1, "{log}");
    lines[0].to_owned()
}

#[test]
fn a_long_evaluation_begins_with_white_space_and_ends_with_its_result() {
    let server = start();
    let started = Instant::now();
    let reply = server.send(&evaluation("m"));
    let seconds = started.elapsed().as_secs() as usize;
    assert_eq!(reply.header("transfer-encoding"), Some("chunked"));
    assert_eq!(
        (reply.header("cache-control"), reply.header("x-accel-buffering")),
        (Some("no-transform"), Some("no"))
    );
    assert!(reply.header("x-request-id").is_some());
    let evaluated = late_json(&reply);
    assert_eq!(evaluated["status"], json!(0), "{evaluated}");
    let spaces = reply.text().len() - reply.text().trim_start().len();
    assert!(spaces >= 1 && spaces < seconds, "{spaces} spaces in {seconds} s");
    let log = server.get(&format!("/evaluationlog?uniqueid=m&dirhash=e&runid={}", evaluated["runid"]));
    assert!(log.body.len() > 22, "{} bytes", log.body.len());
    let line = log_line(&server, "/evaluation");
    let ms: u64 = line.split("ms=").nth(1).and_then(|ms| ms.trim().parse().ok()).expect("a duration");
    assert!(line.contains("status=200 ") && ms >= 3000, "{line}");
}

#[test]
fn quick_replies_and_those_without_the_setting_have_a_length_and_no_white_space() {
    // The default interval: one second can be too short for a training on a busy machine.
    let with = TestServer::start();
    let without = Launch::new()
        .env("MOODLE_MLBACKEND_KEEPALIVE_SECONDS", "0")
        .env("MOODLE_MLBACKEND_EVALUATION_SECONDS", "3")
        .start();
    let bytes = training("m", &separable(40, false)).bytes();
    let [with, quick] = [&with, &without].map(|server| {
        let mut reply = server.raw(&bytes);
        reply.headers.retain(|(name, _)| name != "x-request-id" && name != "date");
        reply.headers.sort();
        reply
    });
    assert_eq!((with.status, &with.headers, &with.body), (quick.status, &quick.headers, &quick.body));
    with.expect(200, r#"{"status":0,"info":[]}"#);
    assert_eq!(with.header("content-length"), Some("22"));
    let long = without.send(&evaluation("m"));
    assert!(long.header("content-length").is_some() && long.text().starts_with('{'), "{long:?}");
}

#[test]
fn http_1_0_clients_get_no_chunks_and_the_end_of_the_connection() {
    let server = start();
    let bytes = evaluation("m").bytes();
    let line = b"POST /evaluation HTTP/1.";
    assert!(bytes.starts_with(line));
    let reply = server.raw(&[line, &b"0"[..], &bytes[line.len() + 1..]].concat());
    assert_eq!((reply.header("connection"), reply.header("transfer-encoding")), (None, None));
    assert_eq!(late_json(&reply)["status"], json!(0));
}

#[test]
fn a_response_begins_in_time_over_tls_too() {
    let Some(authority) = Authority::new("a_response_begins_in_time_over_tls_too") else { return };
    let launch = launch().env("MOODLE_MLBACKEND_EVALUATION_SECONDS", "4");
    let server = launch.with_tls(&authority, &authority.issue("server", 90)).start();
    let mut stream = authority.client().connect(server.address).expect("a connection");
    stream.write_all(&evaluation("m").bytes()).expect("sent");
    stream.flush().expect("sent");
    let mut begun = [0; 15];
    stream.read_exact(&mut begun).expect("the response begins");
    assert_eq!(&begun, b"HTTP/1.1 200 OK");
    let log = server.log();
    assert!(log.contains("evaluation started") && !log.contains("evaluation ended"), "{log}");
    let reply = rest_of_response(&begun, stream).expect("a whole response");
    assert_eq!(late_json(&reply)["status"], json!(0));
}

/// A request that was sent ahead must wait for the whole response, as with quick ones.
#[test]
fn the_next_request_of_a_connection_waits_for_the_end_of_the_response() {
    let server = start();
    let mut stream = sent(&server, &evaluation("m"));
    let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        reader.read_line(&mut line).expect("the head arrives");
    }
    stream.write_all(&Request::new("GET", "/export?uniqueid=m&dirhash=d").bytes()).expect("sent");
    let mut rest = Vec::new();
    while !rest.ends_with(b"included in the request.") {
        let mut byte = [0];
        reader.read_exact(&mut byte).expect("both responses arrive");
        rest.extend(byte);
    }
    let rest = String::from_utf8(rest).expect("text");
    let (evaluated, next) = rest.split_once("\r\n0\r\n\r\n").expect("the last chunk");
    assert!(evaluated.contains(r#""runid":"#) && next.starts_with("HTTP/1.1 401 "), "{rest}");
    let log = server.log();
    let position = |route: &str| log.find(route).expect("it is logged");
    assert!(position("route=\"/evaluation\"") < position("route=\"/export\""), "{log}");
}

#[test]
fn a_training_that_waits_in_the_queue_is_answered_after_white_space() {
    let server = start();
    let reply = during_an_evaluation(&server, || server.send(&training("m", &separable(40, false))));
    assert_eq!(late_json(&reply), json!({"status": 0, "info": []}));
    assert_eq!(prediction_status(&server), json!(0));
}

#[test]
fn a_large_prediction_is_complete_after_white_space() {
    let server = launch().start();
    server.train("m", &separable(40, false));
    let row = |at: usize| format!("{at}-0,1,{},{}", at % 7, if at.is_multiple_of(2) { "-1" } else { "-0.2" });
    let last = 24_999_usize;
    let expected = server.predictions("m", &unlabelled(&[row(0), row(last)]));
    // As many samples as take long enough on this machine.
    let mut samples = last + 1;
    let predicted = loop {
        samples *= 2;
        assert!(samples < 5_000_000, "predictions are never long");
        let dataset = unlabelled(&(0..samples).map(row).collect::<Vec<_>>());
        let reply = server.send(&post("/prediction", &Form::model("m", "d").file("dataset", &dataset)));
        if reply.header("content-length").is_none() {
            break late_json(&reply);
        }
    };
    assert_eq!(predicted["status"], json!(0));
    let predictions = predicted["predictions"].as_array().expect("a list");
    assert_eq!(
        (predictions.len(), &predictions[0], &predictions[last]),
        (samples, &expected[0], &expected[1])
    );
}

/// The status of the response is sent already: Moodle shows the sentence.
#[test]
fn a_malformed_dataset_that_is_read_late_is_a_reply_with_status_1() {
    let server = start();
    let malformed = [&separable(4, false)[..], b"1,2,text,1\n"].concat();
    let [late, quick] = [true, false].map(|late| {
        let send = || server.send(&training("m", &malformed));
        if late { during_an_evaluation(&server, send) } else { send() }
    });
    assert_eq!(quick.status, 400);
    let sentence = quick.text();
    assert!(sentence.contains("line 8") && sentence.contains("column 3"), "{sentence}");
    assert_eq!(
        late.text().trim_start(),
        format!(r#"{{"status":1,"info":["{0}"],"errors":"{0}"}}"#, escaped(sentence))
    );
    let log = server.log();
    assert!(log.contains("status=200 late_status=400 "), "{log}");
}

fn escaped(text: &str) -> String {
    text.replace('\\', r"\\").replace('"', r#"\""#)
}

#[test]
fn a_request_that_waits_too_long_in_the_queue_is_refused_with_status_1_after_white_space() {
    let server = launch()
        .env("MOODLE_MLBACKEND_QUEUE_SECONDS", "2")
        .env("MOODLE_MLBACKEND_EVALUATION_SECONDS", "4")
        .start();
    let [trained, evaluated] = during_an_evaluation(&server, || {
        thread::scope(|scope| {
            let training = scope.spawn(|| server.send(&training("m", &separable(40, false))));
            let evaluated = server.send(&evaluation("m"));
            [training.join().expect("a reply"), evaluated].map(|reply| late_json(&reply))
        })
    });
    let sentence = trained["errors"].as_str().expect("a sentence");
    assert!(sentence.contains("2 s (MOODLE_MLBACKEND_QUEUE_SECONDS)"), "{sentence}");
    assert_eq!(trained, json!({"status": 1, "info": [sentence], "errors": sentence}));
    assert_eq!(prediction_status(&server), json!(2));
    // Moodle requests the log of every evaluation, and makes a directory of the run's id.
    let run = evaluated["runid"].as_u64().expect("an id");
    assert_eq!(evaluated, json!({"status": 1, "info": [sentence], "errors": sentence, "runid": run}));
    let log = server.get(&format!("/evaluationlog?uniqueid=m&dirhash=e&runid={run}"));
    assert_eq!((log.status, log.body.len()), (200, 22));
    assert_eq!(server.log().matches("late_status=503").count(), 2);
}

/// What happens to queued work must not depend on when the response begins.
#[rstest::rstest]
#[case::with_white_space("1")]
#[case::without("0")]
fn queued_work_of_a_client_that_has_gone_is_done(#[case] keepalive: &str) {
    let server = launch()
        .env("MOODLE_MLBACKEND_KEEPALIVE_SECONDS", keepalive)
        .env("MOODLE_MLBACKEND_EVALUATION_SECONDS", "4")
        .start();
    thread::scope(|scope| {
        let evaluation = scope.spawn(|| server.send(&evaluation("long")));
        until("the evaluation has started", || server.log().contains("evaluation started"));
        let client = sent(&server, &training("m", &separable(40, false)));
        thread::sleep(Duration::from_millis(1500));
        client.shutdown(Shutdown::Both).expect("open");
        drop(client);
        assert_eq!(evaluation.join().expect("a reply").json()["status"], json!(0));
    });
    until("the model is trained", || prediction_status(&server) == json!(0));
    let line = log_line(&server, "/training");
    assert_eq!(line.contains("disconnected=true"), keepalive == "1", "{line}");
}

#[test]
fn a_shutdown_waits_for_the_end_of_a_response_that_has_begun() {
    let server = launch()
        .env("MOODLE_MLBACKEND_EVALUATION_SECONDS", "4")
        .env("MOODLE_MLBACKEND_STOP_SECONDS", "300")
        .start();
    let reply = signal_after_white_space(&server, "TERM", &evaluation("m")).expect("a whole response");
    let evaluated = late_json(&reply);
    assert_eq!(evaluated["status"], json!(0), "{evaluated}");
    let log = server.get(&format!("/evaluationlog?uniqueid=m&dirhash=e&runid={}", evaluated["runid"]));
    assert!(log.status == 200 && log.body.len() > 22, "{log:?}");
    assert_eq!(server.ended().0, Some(0));
}

#[rstest::rstest]
#[case::shutdown_timeout("TERM")]
#[case::interrupt("TERM, INT")]
fn discarded_work_ends_a_response_that_has_begun_with_a_sentence(#[case] signals: &str) {
    let stop = if signals == "TERM" { "1" } else { "300" };
    let server = launch().env("MOODLE_MLBACKEND_STOP_SECONDS", stop).start();
    server.train("m", &separable(40, false));
    let before = server.predictions("m", &unlabelled(&["1-0,1,3,-1"]));
    let reply = signal_after_white_space(&server, signals, &evaluation("m")).expect("a whole response");
    let sentence = "The server is stopping. Repeat an evaluation in a minute; Moodle repeats a training or a \
                    prediction when another course has new data.";
    assert_eq!(late_json(&reply), json!({"status": 1, "info": [sentence], "errors": sentence}));
    let (code, dir) = server.ended();
    assert_eq!(code, Some(0));
    assert!(!dir.path().join("data/m/e").exists());
    let server = Launch::again(dir).start();
    assert_eq!(server.predictions("m", &unlabelled(&["1-0,1,3,-1"])), before);
}

/// Sends the signals when the response has begun; the response, if it is complete.
fn signal_after_white_space(server: &TestServer, signals: &str, request: &Request) -> Option<Reply> {
    let mut stream = sent(server, request);
    let begun = begun(&mut stream);
    for signal in signals.split(", ") {
        server.signal(signal);
        if signal == "TERM" {
            until("the shutdown begins", || server.log().contains("new work is refused"));
        }
    }
    rest_of_response(&begun, stream)
}

fn sent(server: &TestServer, request: &Request) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_mins(2))).expect("a timeout");
    stream.write_all(&request.bytes()).expect("sent");
    stream
}

/// The first bytes of the response.
fn begun(stream: &mut TcpStream) -> [u8; 15] {
    let mut bytes = [0; 15];
    stream.read_exact(&mut bytes).expect("the response begins");
    assert_eq!(&bytes, b"HTTP/1.1 200 OK");
    bytes
}

#[test]
#[cfg(debug_assertions)] // failpoints
fn a_kill_after_the_response_has_begun_leaves_the_model_as_it_was() {
    let server = launch().with_faults().start();
    server.train("m", &separable(40, false));
    let samples = unlabelled(&["1-0,1,3,-1"]);
    let before = server.predictions("m", &samples);
    // All files of the new model are written, but not published.
    server.hold("rename");
    let mut stream = sent(&server, &training("m", &separable(400, true)));
    server.wait_until_held();
    let begun = begun(&mut stream);
    server.signal("KILL");
    assert!(rest_of_response(&begun, stream).is_none());
    let server = Launch::again(server.kill()).start();
    assert_eq!(server.predictions("m", &samples), before);
    until("what was unfinished is removed", || leftovers(&server).is_empty());
    server.train("m", &separable(400, true));
}
