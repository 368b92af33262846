//! Every limit that the operator can set: what is just within is accepted, what is just beyond is refused with
//! a sentence that names the variable and its value.

use std::fs;
use std::path::Path;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use rstest::rstest;
use serde_json::json;

use super::inspect::sound;
use crate::common::{
    Entry, Form, Launch, RawZip, Reply, Request, TestServer, fired, labelled, labelled_with_classes, order,
    order_at, until,
};

/// A limit, what fits just within it, and what does not fit.
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

/// Answered with 200 whatever there is.
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

/// The bytes of the header lines, which follow the first line.
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

fn field_bytes() -> Limit {
    let noted = |length: usize| {
        let form = Form::model("m", "d").field("note", &"x".repeat(length));
        post("/training", &form.file("dataset", &labelled(&ROWS)))
    };
    let (variable, value) = ("MAX_FIELD_BYTES", "64".to_owned());
    Limit { variable, value, within: noted(64), beyond: noted(65), status: 413 }
}

fn parts() -> Limit {
    let form = || Form::model("m", "d").file("dataset", &labelled(&ROWS));
    let (within, beyond) = (post("/training", &form()), post("/training", &form().field("more", "")));
    Limit { variable: "MAX_PARTS", value: "3".to_owned(), within, beyond, status: 400 }
}

fn fields_of_a_plain_form() -> Limit {
    let delete = |text: &str| Request::new("POST", "/deletemodel").credentials("a", "b").urlencoded(text);
    let (within, beyond) = (delete("uniqueid=m&a=&b="), delete("uniqueid=m&a=&b=&c="));
    Limit { variable: "MAX_PARTS", value: "3".to_owned(), within, beyond, status: 400 }
}

fn request_line() -> Limit {
    let line = get("").bytes().windows(2).position(|end| end == b"\r\n").expect("a line") + 2;
    let (variable, value) = ("MAX_REQUEST_LINE_BYTES", line.to_string());
    Limit { variable, value, within: get(""), beyond: get("1"), status: 414 }
}

fn header_lines() -> Limit {
    let (variable, value) = ("MAX_HEADER_LINES", "4".to_owned());
    Limit { variable, value, within: get(""), beyond: get("").header("X-More", ""), status: 431 }
}

fn bytes_of_headers() -> Limit {
    let (variable, value) = ("MAX_HEADER_BYTES", header_bytes(&get("").header("X-More", "1")).to_string());
    let (within, beyond) = (get("").header("X-More", "1"), get("").header("X-More", "12"));
    Limit { variable, value, within, beyond, status: 431 }
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
    // Only the refusal tells of features: what is within needs no import.
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

#[rstest]
#[case(dataset_bytes())]
#[case(archive_bytes())]
#[case(unpacked_bytes())]
#[case(field_bytes())]
#[case(parts())]
#[case(fields_of_a_plain_form())]
#[case(request_line())]
#[case(header_lines())]
#[case(bytes_of_headers())]
#[case(rows())]
#[case(columns())]
#[case(features_of_an_import())]
#[case(classes())]
#[case(iterations())]
fn a_limit_lets_through_what_is_just_within_and_names_itself_to_what_is_beyond(#[case] limit: Limit) {
    let variable = format!("MOODLE_MLBACKEND_{}", limit.variable);
    let server = Launch::new().env(&variable, &limit.value).start();
    let reply = server.send(&limit.within);
    assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
    let reply = server.send(&limit.beyond);
    assert_eq!(reply.status, limit.status, "{}", reply.text());
    assert!(reply.text().contains(&variable), "{}", reply.text());
    let named = reply.text().split(|c: char| !c.is_ascii_digit()).any(|number| number == limit.value);
    assert!(named, "the value {} in {}", limit.value, reply.text());
    assert!(server.uploads().is_empty(), "{:?}", server.uploads());
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

/// A server with one slot, in which an evaluation runs until [`free`] is called.
fn busy(launch: Launch) -> TestServer {
    let server = launch.env("MOODLE_MLBACKEND_JOBS", "1").with_faults().start();
    order(&server, "hold write a report");
    let (address, bytes) = (server.address, evaluate(1).bytes());
    thread::spawn(move || crate::common::try_exchange(address, &bytes));
    until("an evaluation runs", || fired(&server.orders()).is_some());
    server
}

fn free(server: &TestServer) {
    order_at(&server.orders().with_extension("go"), "");
}

#[track_caller]
fn told_to_come_back(reply: &Reply, why: &str) {
    assert_eq!(reply.status, 503, "{}", reply.text());
    assert!(reply.header("retry-after").is_some());
    assert!(reply.text().contains(why), "{}", reply.text());
}

#[test]
fn of_as_many_as_may_wait_all_wait_and_one_more_is_told_to_come_back() {
    for waiting in [0, 1, 3] {
        let server = busy(Launch::new().env("MOODLE_MLBACKEND_QUEUE_LENGTH", &waiting.to_string()));
        let (tell, told) = channel();
        thread::scope(|scope| {
            for at in 0..=waiting {
                let (tell, server) = (tell.clone(), &server);
                let request =
                    post("/training", &Form::model(&format!("m{at}"), "d").file("dataset", &labelled(&ROWS)));
                scope.spawn(move || tell.send(server.send(&request)));
            }
            drop(tell);
            // As long as the evaluation runs, only that one is answered.
            let reply = told.recv_timeout(Duration::from_mins(1));
            free(&server);
            let reply = reply.expect("one is not let wait");
            let why = format!("{waiting} requests are already queued (MOODLE_MLBACKEND_QUEUE_LENGTH).");
            told_to_come_back(&reply, &why);
            for _ in 0..waiting {
                let reply = told.recv().expect("an answer");
                assert_eq!(reply.status, 200, "{waiting} may wait: {}", reply.text());
            }
        });
    }
}

#[test]
fn who_waits_no_longer_than_is_set_gets_its_turn() {
    let server = busy(Launch::new().env("MOODLE_MLBACKEND_QUEUE_SECONDS", "600"));
    thread::scope(|scope| {
        let training = scope.spawn(|| server.send(&train(&labelled(&ROWS))));
        until("its upload is there, too", || server.uploads().len() == 2 || training.is_finished());
        free(&server);
        let reply = training.join().expect("an answer");
        assert_eq!(reply.status, 200, "{}", reply.text());
    });
}

#[test]
fn who_waits_longer_than_is_set_is_told_to_come_back_and_finds_room_later() {
    let server = busy(Launch::new().env("MOODLE_MLBACKEND_QUEUE_SECONDS", "1"));
    let training = train(&labelled(&ROWS));
    told_to_come_back(
        &server.send(&training),
        "has waited 1 s for its turn (MOODLE_MLBACKEND_QUEUE_SECONDS).",
    );
    free(&server);
    until("there is room", || server.uploads().is_empty());
    assert_eq!(server.send(&training).status, 200);
}

#[test]
fn samples_beyond_those_that_are_kept_are_no_mistake_of_the_sender() {
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

/// The HTTP library's own limits, which cannot be set, lie beyond all that can be.
#[rstest]
#[case::lines((0..97).fold(get(""), |request, at| request.header(&format!("X-{at}"), "")))]
#[case::bytes(get("").header("X-Long", &"x".repeat(140_000)))]
fn heads_beyond_the_fixed_limits_are_refused_without_a_word(#[case] request: Request) {
    let server = Launch::new()
        .env("MOODLE_MLBACKEND_MAX_HEADER_LINES", "96")
        .env("MOODLE_MLBACKEND_MAX_HEADER_BYTES", "120KiB")
        .start();
    server.send(&request).expect(431, "");
    assert_eq!(server.send(&get("")).status, 200);
}
