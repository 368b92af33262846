//! All limits: a request just within a limit is accepted, one just beyond is refused with a sentence that names the
//! limit and, if it can be set, the variable.

use std::fs;
use std::path::Path;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use rstest::rstest;
use serde_json::json;

use super::inspect::sound;
use crate::common::{
    Entry, Form, Launch, RawZip, Reply, Request, TestServer, fired_failpoint, inject_fault, inject_fault_at,
    labelled, labelled_with_classes, until,
};

/// A limit that is a setting, a request that just fits, and one that does not.
struct Limit {
    variable: &'static str,
    value: String,
    within: Request,
    beyond: Request,
    status: u16,
}

const ROWS: [&str; 4] = ["1,1,0,0", "0.8,1,0.2,0", "-1,0,0,1", "-0.8,0,0.2,1"];

fn train(dataset: &[u8]) -> Request {
    post("/training", &Form::model("m", "d").file("dataset", dataset))
}

fn import(archive: &[u8]) -> Request {
    post("/import", &Form::model("m", "d").file("importzip", archive))
}

fn post(path: &str, form: &Form) -> Request {
    Request::new("POST", path).credentials("a", "b").form(form)
}

/// A request that is answered with 200 also without a model.
fn get(query: &str) -> Request {
    let path = format!("/evaluationlog?uniqueid=m&dirhash=d&runid=1{query}");
    Request::new("GET", &path).credentials("a", "b")
}

fn shipped(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("models/scikit-learn").join(name)).expect("a file")
}

fn archive(with_card: bool) -> Vec<u8> {
    let mut entries: Vec<_> =
        ["model.onnx", "model.json"].map(|name| Entry::stored(name, &shipped(name))).into();
    if with_card {
        entries.push(Entry::stored("model-card.md", b"!"));
    }
    RawZip::of(entries).bytes()
}

/// The bytes of the header lines, without the request line.
fn header_bytes(request: &Request) -> usize {
    let bytes = request.bytes();
    let first = bytes.windows(2).position(|end| end == b"\r\n").expect("a line") + 2;
    bytes.len() - first - 2
}

fn dataset_bytes() -> Limit {
    let dataset = labelled(&ROWS);
    let longer = [&dataset[..], b"\n"].concat();
    let (variable, value) = ("MAX_DATASET_BYTES", dataset.len().to_string());
    Limit { variable, value, within: train(&dataset), beyond: train(&longer), status: 413 }
}

fn archive_bytes() -> Limit {
    let (variable, value) = ("MAX_ARCHIVE_BYTES", archive(false).len().to_string());
    Limit { variable, value, within: import(&archive(false)), beyond: import(&archive(true)), status: 413 }
}

fn unpacked_bytes() -> Limit {
    let unpacked = shipped("model.onnx").len() + shipped("model.json").len();
    let (variable, value) = ("MAX_UNPACKED_BYTES", unpacked.to_string());
    Limit { variable, value, within: import(&archive(false)), beyond: import(&archive(true)), status: 400 }
}

fn rows() -> Limit {
    let more = [&ROWS[..], &["0,0,0,1"]].concat();
    let (within, beyond) = (train(&labelled(&ROWS)), train(&labelled(&more)));
    Limit { variable: "MAX_ROWS", value: "4".to_owned(), within, beyond, status: 400 }
}

fn columns() -> Limit {
    let three = labelled(&ROWS);
    let four = String::from_utf8(three.clone()).expect("text").replace(",3,2024", ",4,2024").into_bytes();
    let (variable, value) = ("MAX_COLUMNS", "3".to_owned());
    Limit { variable, value, within: train(&three), beyond: train(&four), status: 400 }
}

fn features_of_an_import() -> Limit {
    // Only the refusal depends on the features: the request within the limit need not be an import.
    let (within, beyond) = (get(""), import(&archive(false)));
    Limit { variable: "MAX_COLUMNS", value: "1".to_owned(), within, beyond, status: 400 }
}

fn classes() -> Limit {
    let with = |classes| train(&labelled_with_classes(classes, &[&ROWS[..], &["0,0,0,2"]].concat()));
    let (within, beyond) = (train(&labelled(&ROWS)), with("[0,1,2]"));
    Limit { variable: "MAX_CLASSES", value: "2".to_owned(), within, beyond, status: 400 }
}

fn iterations() -> Limit {
    let (within, beyond) = (evaluate(2), evaluate(3));
    Limit { variable: "MAX_ITERATIONS", value: "2".to_owned(), within, beyond, status: 400 }
}

fn evaluate(iterations: usize) -> Request {
    let form = Form::model("m", "e").field("minscore", "0.1").field("maxdeviation", "0.9");
    let form = form.field("niterations", &iterations.to_string());
    post("/evaluation", &form.file("dataset", &labelled(&ROWS.repeat(10))))
}

/// A limit that is a constant: a request that just fits, one that does not, and the refusal.
struct FixedLimit {
    within: Request,
    beyond: Request,
    status: u16,
    refusal: &'static str,
}

fn field_bytes() -> FixedLimit {
    let with_note = |length: usize| {
        let form = Form::model("m", "d").field("note", &"x".repeat(length));
        post("/training", &form.file("dataset", &labelled(&ROWS)))
    };
    let refusal = "A form field is too large: the limit is 64 KiB.";
    FixedLimit { within: with_note(64 << 10), beyond: with_note((64 << 10) + 1), status: 413, refusal }
}

const TOO_MANY_PARTS: &str = "The form has too many parts: the limit is 32.";

fn parts() -> FixedLimit {
    let with_fields = |count: usize| {
        let form = (2..count).fold(Form::model("m", "d"), |form, at| form.field(&format!("field-{at}"), ""));
        post("/training", &form.file("dataset", &labelled(&ROWS)))
    };
    FixedLimit { within: with_fields(31), beyond: with_fields(32), status: 400, refusal: TOO_MANY_PARTS }
}

fn fields_of_an_urlencoded_form() -> FixedLimit {
    let with_fields = |count: usize| {
        let fields = format!("uniqueid=m{}", "&a=".repeat(count - 1));
        Request::new("POST", "/deletemodel").credentials("a", "b").urlencoded(&fields)
    };
    FixedLimit { within: with_fields(32), beyond: with_fields(33), status: 400, refusal: TOO_MANY_PARTS }
}

fn request_line() -> FixedLimit {
    let line = get("").bytes().windows(2).position(|end| end == b"\r\n").expect("a line") + 2;
    let padding = "1".repeat((16 << 10) - line);
    let refusal = "The request line is too long: the limit is 16 KiB.";
    let (within, beyond) = (get(&padding), get(&format!("{padding}1")));
    FixedLimit { within, beyond, status: 414, refusal }
}

fn header_lines() -> FixedLimit {
    // Host, Accept, Accept-Encoding and Authorization are the other four.
    let within = || (0..60).fold(get(""), |request, at| request.header(&format!("X-{at}"), ""));
    let refusal = "The request has too many header lines: the limit is 64.";
    FixedLimit { within: within(), beyond: within().header("X-More", ""), status: 431, refusal }
}

fn bytes_of_headers() -> FixedLimit {
    let padded = |length: usize| get("").header("X-Long", &"x".repeat(length));
    let length = (64 << 10) - header_bytes(&padded(0));
    let refusal = "The headers are too large: the limit is 64 KiB.";
    FixedLimit { within: padded(length), beyond: padded(length + 1), status: 431, refusal }
}

#[rstest]
#[case(dataset_bytes())]
#[case(archive_bytes())]
#[case(unpacked_bytes())]
#[case(rows())]
#[case(columns())]
#[case(features_of_an_import())]
#[case(classes())]
#[case(iterations())]
fn a_setting_accepts_requests_within_its_limit_and_is_named_in_refusals(#[case] limit: Limit) {
    let variable = format!("MOODLE_MLBACKEND_{}", limit.variable);
    let server = Launch::new().env(&variable, &limit.value).start();
    let reply = server.send(&limit.within);
    assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
    let reply = server.send(&limit.beyond);
    assert_eq!(reply.status, limit.status, "{}", reply.text());
    assert!(reply.text().contains(&variable), "{}", reply.text());
    let has_value = reply.text().split(|c: char| !c.is_ascii_digit()).any(|number| number == limit.value);
    assert!(has_value, "the value {} in {}", limit.value, reply.text());
    assert!(server.uploads().is_empty(), "{:?}", server.uploads());
}

#[rstest]
#[case(field_bytes())]
#[case(parts())]
#[case(fields_of_an_urlencoded_form())]
#[case(request_line())]
#[case(header_lines())]
#[case(bytes_of_headers())]
fn a_fixed_limit_accepts_requests_within_it_and_is_named_in_refusals(#[case] limit: FixedLimit) {
    let server = TestServer::start();
    let reply = server.send(&limit.within);
    assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
    server.send(&limit.beyond).expect(limit.status, limit.refusal);
    assert!(server.uploads().is_empty(), "{:?}", server.uploads());
}

/// A server whose only job slot is taken by an evaluation, until [`release`] is called.
fn busy(launch: Launch) -> TestServer {
    let server = launch.env("MOODLE_MLBACKEND_JOBS", "1").with_faults().start();
    inject_fault(&server, "hold write a report");
    let (address, bytes) = (server.address, evaluate(1).bytes());
    thread::spawn(move || crate::common::try_exchange(address, &bytes));
    until("an evaluation runs", || fired_failpoint(&server.orders()).is_some());
    server
}

fn release(server: &TestServer) {
    inject_fault_at(&server.orders().with_extension("go"), "");
}

#[track_caller]
fn assert_retry_later(reply: &Reply, reason: &str) {
    assert_eq!(reply.status, 503, "{}", reply.text());
    assert!(reply.header("retry-after").is_some());
    assert!(reply.text().contains(reason), "{}", reply.text());
}

#[test]
fn a_full_queue_refuses_one_more_request() {
    for waiting in [0, 1, 3] {
        let server = busy(Launch::new().env("MOODLE_MLBACKEND_QUEUE_LENGTH", &waiting.to_string()));
        let (sender, replies) = channel();
        thread::scope(|scope| {
            for at in 0..=waiting {
                let (sender, server) = (sender.clone(), &server);
                let request =
                    post("/training", &Form::model(&format!("m{at}"), "d").file("dataset", &labelled(&ROWS)));
                scope.spawn(move || sender.send(server.send(&request)));
            }
            drop(sender);
            // While the evaluation runs, only the refused request is answered.
            let reply = replies.recv_timeout(Duration::from_mins(1));
            release(&server);
            let reply = reply.expect("one request is refused");
            let reason = format!("{waiting} requests are already queued (MOODLE_MLBACKEND_QUEUE_LENGTH).");
            assert_retry_later(&reply, &reason);
            for _ in 0..waiting {
                let reply = replies.recv().expect("an answer");
                assert_eq!(reply.status, 200, "{waiting} are queued: {}", reply.text());
            }
        });
    }
}

#[test]
fn a_request_within_the_queue_timeout_is_processed() {
    let server = busy(Launch::new().env("MOODLE_MLBACKEND_QUEUE_SECONDS", "600"));
    thread::scope(|scope| {
        let training = scope.spawn(|| server.send(&train(&labelled(&ROWS))));
        until("it is queued", || !server.uploads().is_empty() || training.is_finished());
        release(&server);
        let reply = training.join().expect("an answer");
        assert_eq!(reply.status, 200, "{}", reply.text());
    });
}

#[test]
fn a_request_beyond_the_queue_timeout_is_refused_and_can_be_repeated() {
    let server = busy(Launch::new().env("MOODLE_MLBACKEND_QUEUE_SECONDS", "1"));
    let training = train(&labelled(&ROWS));
    assert_retry_later(
        &server.send(&training),
        "the request was queued for 1 s (MOODLE_MLBACKEND_QUEUE_SECONDS).",
    );
    release(&server);
    until("the slot is free", || server.log().contains("evaluation ended"));
    assert_eq!(server.send(&training).status, 200);
}

#[test]
fn samples_beyond_the_kept_ones_are_not_an_error() {
    let server = Launch::new().env("MOODLE_MLBACKEND_MAX_KEPT_ROWS", "50").start();
    let batch = |from: u32, to: u32| {
        let rows: Vec<String> = (from..to).map(|n| format!("0.{n},1,0,{}", n % 2)).collect();
        train(&labelled(&rows.iter().map(String::as_str).collect::<Vec<_>>()))
    };
    let kept = || sound(&server.data_dir())["models"][0]["samples"].clone();
    assert_eq!(server.send(&batch(100, 150)).json()["status"], json!(0));
    assert_eq!(kept(), json!(50));
    assert!(!server.log().contains("MOODLE_MLBACKEND_MAX_KEPT_ROWS"), "{}", server.log());
    assert_eq!(server.send(&batch(150, 160)).json()["status"], json!(0));
    assert_eq!(kept(), json!(50));
    assert!(server.log().contains("MOODLE_MLBACKEND_MAX_KEPT_ROWS"), "{}", server.log());
}

/// The HTTP library's own limits are higher than the server's, and it does not explain its refusal.
#[rstest]
#[case::lines((0..97).fold(get(""), |request, at| request.header(&format!("X-{at}"), "")))]
#[case::bytes(get("").header("X-Long", &"x".repeat(140_000)))]
fn heads_beyond_the_limits_of_the_library_are_refused_with_an_empty_body(#[case] request: Request) {
    let server = TestServer::start();
    server.send(&request).expect(431, "");
    assert_eq!(server.send(&get("")).status, 200);
}

#[test]
fn an_archive_with_more_entries_than_allowed_is_refused() {
    let server = TestServer::start();
    let with_entries = |count: usize| {
        let model = ["model.onnx", "model.json"].map(|name| Entry::stored(name, &shipped(name)));
        let others = (2..count).map(|at| Entry::stored(&format!("model.ckpt/{at}"), b"!"));
        import(&RawZip::of(model.into_iter().chain(others)).bytes())
    };
    // Refused for the names of the other entries, not for their number.
    let reply = server.send(&with_entries(64));
    assert!(!reply.text().contains("entries, more than"), "{}", reply.text());
    let reply = server.send(&with_entries(65));
    assert_eq!(reply.status, 400, "{}", reply.text());
    assert!(reply.text().contains("65 entries, more than the 64 that are allowed"), "{}", reply.text());
}

#[test]
fn a_dataset_line_longer_than_allowed_is_refused() {
    const MAX: usize = 4 << 20;
    let server = TestServer::start();
    let long = |length: usize| {
        let row = format!("0.{},1,0,0", "0".repeat(length - "0.,1,0,0".len()));
        train(&labelled(&[&row, ROWS[2]]))
    };
    assert_eq!(server.send(&long(MAX)).status, 200);
    let reply = server.send(&long(MAX + 1));
    assert_eq!(reply.status, 400, "{}", reply.text());
    assert!(reply.text().contains(&format!("more than {MAX} bytes in one line")), "{}", reply.text());
}
