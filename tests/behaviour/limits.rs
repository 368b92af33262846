//! All limits: a request just within a limit is accepted, one just beyond is refused with a sentence that names the
//! limit and, if it can be set, the variable.

use std::fs;
use std::io::Cursor;
use std::path::Path;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use moodle_mlbackend::backend::{ImportError, ImportLimits, ZipDirectoryError, read_archive};
use rstest::rstest;
use serde_json::json;

use super::inspect::sound;
use crate::common::{
    Entry, Form, Launch, RawZip, Reply, Request, TestServer, labelled, labelled_with_classes, until,
};

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

/// A request whose status is 200 even without a model.
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

fn dataset_of_bytes(bytes: usize) -> Request {
    let mut dataset = labelled(&ROWS);
    dataset.resize(bytes, b'\n');
    train(&dataset)
}

fn archive_of_bytes(bytes: usize) -> Request {
    import(&archive(bytes > archive(false).len()))
}

fn unpacked_model_bytes() -> usize {
    shipped("model.onnx").len() + shipped("model.json").len()
}

fn unpacked_bytes(bytes: usize) -> Request {
    import(&archive(bytes > unpacked_model_bytes()))
}

fn rows(count: usize) -> Request {
    train(&labelled(&ROWS.into_iter().cycle().take(count).collect::<Vec<_>>()))
}

fn columns(count: usize) -> Request {
    let dataset = String::from_utf8(labelled(&ROWS)).expect("text");
    train(dataset.replace(",3,2024", &format!(",{count},2024")).as_bytes())
}

/// Only the refusal depends on the features: the request within the limit need not be an import.
fn imported_features(count: usize) -> Request {
    if count == 1 { get("") } else { import(&archive(false)) }
}

fn classes(count: usize) -> Request {
    let labels: Vec<String> = (0..count).map(|class| class.to_string()).collect();
    let rows = ROWS.iter().map(ToString::to_string);
    let rows: Vec<String> = rows.chain((2..count).map(|class| format!("0,0,0,{class}"))).collect();
    train(&labelled_with_classes(&format!("[{}]", labels.join(",")), &rows))
}

fn evaluate(iterations: usize) -> Request {
    let form = Form::model("m", "e").evaluation(iterations);
    post("/evaluation", &form.file("dataset", &labelled(&ROWS.repeat(10))))
}

#[rstest]
#[case("MAX_DATASET_BYTES", labelled(&ROWS).len(), dataset_of_bytes, 413)]
#[case("MAX_ARCHIVE_BYTES", archive(false).len(), archive_of_bytes, 413)]
#[case("MAX_UNPACKED_BYTES", unpacked_model_bytes(), unpacked_bytes, 400)]
#[case("MAX_ROWS", 4, rows, 400)]
#[case("MAX_COLUMNS", 3, columns, 400)]
#[case("MAX_COLUMNS", 1, imported_features, 400)]
#[case("MAX_CLASSES", 2, classes, 400)]
#[case("MAX_ITERATIONS", 2, evaluate, 400)]
fn a_setting_accepts_requests_within_its_limit_and_is_named_in_refusals(
    #[case] variable: &str,
    #[case] limit: usize,
    #[case] request: fn(usize) -> Request,
    #[case] status: u16,
) {
    let (variable, value) = (format!("MOODLE_MLBACKEND_{variable}"), limit.to_string());
    let server = Launch::new().env(&variable, &value).start();
    let reply = server.send(&request(limit));
    assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
    let reply = server.send(&request(limit + 1));
    assert_eq!(reply.status, status, "{}", reply.text());
    assert!(reply.text().contains(&variable), "{}", reply.text());
    let has_value = reply.text().split(|c: char| !c.is_ascii_digit()).any(|number| number == value);
    assert!(has_value, "the value {value} in {}", reply.text());
    assert!(server.uploads().is_empty(), "{:?}", server.uploads());
}

fn field_of_bytes(bytes: usize) -> Request {
    let form = Form::model("m", "d").field("note", &"x".repeat(bytes));
    post("/training", &form.file("dataset", &labelled(&ROWS)))
}

fn parts(count: usize) -> Request {
    let form = (3..count).fold(Form::model("m", "d"), |form, at| form.field(&format!("field-{at}"), ""));
    post("/training", &form.file("dataset", &labelled(&ROWS)))
}

fn urlencoded(form: &str) -> Request {
    Request::new("POST", "/deletemodel").credentials("a", "b").urlencoded(form)
}

fn urlencoded_fields(count: usize) -> Request {
    urlencoded(&format!("uniqueid=m{}", "&a=".repeat(count - 1)))
}

fn urlencoded_bytes(bytes: usize) -> Request {
    urlencoded(&format!("uniqueid=m&a={}", "x".repeat(bytes - "uniqueid=m&a=".len())))
}

/// The bytes of the request line and of the header lines.
fn head_bytes(request: &Request) -> [usize; 2] {
    let bytes = request.bytes();
    let line = bytes.windows(2).position(|end| end == b"\r\n").expect("a line") + 2;
    [line, bytes.len() - line - 2]
}

fn request_line_of_bytes(bytes: usize) -> Request {
    get(&"1".repeat(bytes - head_bytes(&get(""))[0]))
}

fn header_lines(count: usize) -> Request {
    // The others are Host, Accept, Accept-Encoding and Authorization.
    (4..count).fold(get(""), |request, at| request.header(&format!("X-{at}"), ""))
}

fn headers_of_bytes(bytes: usize) -> Request {
    let padding = bytes - head_bytes(&get("").header("X-Long", ""))[1];
    get("").header("X-Long", &"x".repeat(padding))
}

#[rstest]
#[case(field_of_bytes, 64 << 10, 413, "A form field is too large: the limit is 64 KiB.")]
#[case(parts, 32, 400, "The form has too many parts: the limit is 32.")]
#[case(urlencoded_fields, 32, 400, "The form has too many parts: the limit is 32.")]
#[case(urlencoded_bytes, 64 << 10, 413, "A form field is too large: the limit is 64 KiB.")]
#[case(request_line_of_bytes, 16 << 10, 414, "The request line is too long: the limit is 16 KiB.")]
#[case(header_lines, 64, 431, "The request has too many header lines: the limit is 64.")]
#[case(headers_of_bytes, 64 << 10, 431, "The headers are too large: the limit is 64 KiB.")]
fn a_fixed_limit_accepts_requests_within_it_and_is_named_in_refusals(
    #[case] request: fn(usize) -> Request,
    #[case] limit: usize,
    #[case] status: u16,
    #[case] refusal: &str,
) {
    let server = TestServer::start();
    let reply = server.send(&request(limit));
    assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
    server.send(&request(limit + 1)).expect(status, refusal);
    assert!(server.uploads().is_empty(), "{:?}", server.uploads());
}

/// A server whose only job slot is taken by an evaluation until its release.
fn busy(launch: Launch) -> TestServer {
    let server = launch.env("MOODLE_MLBACKEND_JOBS", "1").with_faults().start();
    server.hold("write a report");
    let (address, bytes) = (server.address, evaluate(1).bytes());
    thread::spawn(move || crate::common::try_exchange(address, &bytes));
    server.wait_until_held();
    server
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
                let form =
                    Form::model(&format!("m{at}"), "e").evaluation(1).file("dataset", &labelled(&ROWS));
                let request = post("/evaluation", &form);
                scope.spawn(move || sender.send(server.send(&request)));
            }
            drop(sender);
            // While the evaluation runs, only the refused request gets a reply.
            let reply = replies.recv_timeout(Duration::from_mins(1));
            server.release();
            let reply = reply.expect("one request is refused");
            let reason = format!("{waiting} requests are already queued (MOODLE_MLBACKEND_QUEUE_LENGTH).");
            assert_retry_later(&reply, &reason);
            for _ in 0..waiting {
                let reply = replies.recv().expect("a reply");
                assert_eq!(reply.status, 200, "{waiting} are queued: {}", reply.text());
            }
        });
    }
}

/// Moodle repeats a refused training only when there are newer samples.
#[test]
fn trainings_wait_in_a_full_queue_until_their_uploads_are_too_large_together() {
    let dataset = labelled(&ROWS);
    let bytes = 2 * dataset.len();
    let launch = Launch::new().env("MOODLE_MLBACKEND_QUEUE_LENGTH", "0");
    let server = busy(launch.env("MOODLE_MLBACKEND_QUEUE_BYTES", &bytes.to_string()));
    let (sender, replies) = channel();
    thread::scope(|scope| {
        for at in 0..3 {
            let (sender, server) = (sender.clone(), &server);
            let request = post("/training", &Form::model(&format!("m{at}"), "d").file("dataset", &dataset));
            scope.spawn(move || sender.send(server.send(&request)));
        }
        drop(sender);
        // While the evaluation runs, only the refused request gets a reply.
        let reply = replies.recv_timeout(Duration::from_mins(1));
        server.release();
        assert_retry_later(&reply.expect("one request is refused"), "(MOODLE_MLBACKEND_QUEUE_BYTES).");
        for reply in replies {
            assert_eq!(reply.status, 200, "{}", reply.text());
        }
    });
}

#[test]
fn a_request_within_the_queue_timeout_is_processed() {
    let server = busy(Launch::new().env("MOODLE_MLBACKEND_QUEUE_SECONDS", "600"));
    thread::scope(|scope| {
        // An upload that is too long to stay in memory can be seen while it waits.
        let training = scope.spawn(|| server.send(&train(&labelled(&ROWS.repeat(4_000)))));
        until("it is queued", || !server.uploads().is_empty() || training.is_finished());
        server.release();
        let reply = training.join().expect("a reply");
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
    server.release();
    until("the slot is free", || server.log().contains("evaluation ended"));
    assert_eq!(server.send(&training).status, 200);
}

#[test]
fn samples_beyond_the_kept_ones_are_not_an_error() {
    let server = Launch::new().env("MOODLE_MLBACKEND_MAX_KEPT_ROWS", "50").start();
    let batch = |from: u32, to: u32| {
        let rows: Vec<String> = (from..to).map(|n| format!("0.{n},1,0,{}", n % 2)).collect();
        train(&labelled(&rows))
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

/// A model has at most 12 entries, because other names and repeated ones are refused, so a lower limit shows that an
/// archive at the limit is accepted.
#[test]
fn an_archive_may_have_as_many_entries_as_the_limit_and_not_one_more() {
    let limits = ImportLimits { entries: 2, ..ImportLimits::USUAL };
    let read = |archive: &[u8]| read_archive(Cursor::new(archive), &limits);
    let files = read(&archive(false)).expect("two entries");
    assert_eq!(files.keys().collect::<Vec<_>>(), ["model.json", "model.onnx"]);
    let error = read(&archive(true)).expect_err("three entries");
    let too_many = ZipDirectoryError::TooManyEntries { entries: 3, max: 2 };
    assert!(
        matches!(&error, ImportError::Directory(found) if found.to_string() == too_many.to_string()),
        "{error}"
    );
}

#[test]
fn an_archive_of_all_entries_that_a_model_may_have_is_imported() {
    let server = TestServer::start();
    let model = ["model.onnx", "model.json"].map(|name| Entry::stored(name, &shipped(name)));
    let directories = ["model.ckpt/", "model.ckpt/variables/", "model.ckpt/assets/"];
    let ignored = [
        "model-card.md",
        "classifier.pkl",
        "model.ckpt/saved_model.pb",
        "model.ckpt/keras_metadata.pb",
        "model.ckpt/fingerprint.pb",
        "model.ckpt/variables/variables.index",
        "model.ckpt/variables/variables.data-00000-of-00001",
    ];
    let others = directories.into_iter().chain(ignored).map(|name| Entry::stored(name, b""));
    server.send(&import(&RawZip::of(model.into_iter().chain(others)).bytes())).expect(200, "Ok");
}

#[rstest]
#[case::at_the_limit_only_names_are_refused(
    64,
    "it contains \"model.ckpt/2\", which is no part of a model; model.onnx and model.json belong at the top of the zip."
)]
#[case::beyond_the_limit(65, "it holds 65 entries, more than the 64 that are allowed.")]
fn the_limit_of_an_archives_entries_is_64(#[case] entries: usize, #[case] reason: &str) {
    let server = TestServer::start();
    let model = ["model.onnx", "model.json"].map(|name| Entry::stored(name, &shipped(name)));
    let others = (2..entries).map(|at| Entry::stored(&format!("model.ckpt/{at}"), b"!"));
    let reply = server.send(&import(&RawZip::of(model.into_iter().chain(others)).bytes()));
    reply.expect(400, &format!("The import cannot be used: {reason}"));
}

#[test]
fn a_dataset_line_longer_than_allowed_is_refused() {
    const MAX: usize = 4 << 20;
    let server = TestServer::start();
    let long = |length: usize| {
        let row = format!("0.{},1,0,0", "0".repeat(length - "0.,1,0,0".len()));
        train(&labelled(&[row.as_str(), ROWS[2]]))
    };
    assert_eq!(server.send(&long(MAX)).status, 200);
    let reply = server.send(&long(MAX + 1));
    assert_eq!(reply.status, 400, "{}", reply.text());
    assert!(reply.text().contains(&format!("more than {MAX} bytes in one line")), "{}", reply.text());
}
