//! Batches that Moodle sends again count once; samples of classes that the target no longer has are set aside.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::thread;

use rstest::rstest;
use serde_json::{Value, json};

use crate::common::{
    Form, Launch, Request, TestServer, exchange, labelled, labelled_with_classes, unlabelled, until, unzipped,
};

const COUNT: &str = "MOODLE_MLBACKEND_COUNT_REPEATED_BATCHES";

/// Distinct rows `from..to` of two classes.
fn rows(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|n| format!("1,{},{}.{n:02},{}", n % 7, if n % 2 == 0 { "-0" } else { "0" }, n % 2)).collect()
}

fn reversed(mut rows: Vec<String>) -> Vec<String> {
    rows.reverse();
    rows
}

/// A field of the current generation of `m/d`.
fn current(data_dir: &Path) -> Value {
    let pointer = fs::read(data_dir.join("m/d/classifier/current.json")).expect("a pointer");
    serde_json::from_slice(&pointer).expect("JSON")
}

/// The generation's number, its samples, and the samples of the batch that did not count again.
fn counts(server: &TestServer) -> (Value, Value, Value) {
    let current = current(&server.data_dir());
    (
        current["generation"].clone(),
        current["facts"]["samples"].clone(),
        current["facts"]["repeated_samples"].clone(),
    )
}

#[rstest]
#[case::in_the_same_order(rows(0..40))]
#[case::in_another_order(reversed(rows(0..40)))]
fn an_identical_batch_is_acknowledged_and_changes_nothing(#[case] again: Vec<String>) {
    let server = TestServer::start();
    server.train("m", &labelled(&rows(0..40)));
    server.train("m", &labelled(&again));
    assert_eq!(counts(&server), (json!(1), json!(40), json!(0)));
    let log = server.log();
    let line =
        log.lines().find(|line| line.contains("do not count again")).unwrap_or_else(|| panic!("{log}"));
    assert!(line.contains("samples=40") && line.contains("new=0"), "{line}");
}

#[test]
fn of_a_batch_that_contains_earlier_ones_the_rest_counts() {
    let server = TestServer::start();
    server.train("m", &labelled(&rows(0..30)));
    server.train("m", &labelled(&rows(30..60)));
    server.train("m", &labelled(&reversed(rows(0..67))));
    assert_eq!(counts(&server), (json!(3), json!(67), json!(60)));
    server.train("m", &labelled(&rows(0..67)));
    server.train("m", &labelled(&rows(30..60)));
    assert_eq!(counts(&server), (json!(3), json!(67), json!(60)), "both were sent before");
    server.train("m", &labelled(&rows(0..29)));
    assert_eq!(counts(&server), (json!(4), json!(96), json!(0)), "no whole batch is in it");
}

#[test]
fn a_batch_of_few_distinct_rows_counts_each_time() {
    let server = TestServer::start();
    let few = labelled(&[rows(0..19), rows(0..19)].concat());
    server.train("m", &few);
    server.train("m", &few);
    assert_eq!(counts(&server), (json!(2), json!(76), json!(0)));
}

#[test]
fn repeated_batches_count_again_if_the_administrator_wants_it() {
    let server = Launch::new().env(COUNT, "true").start();
    server.train("m", &labelled(&rows(0..40)));
    server.train("m", &labelled(&rows(0..40)));
    assert_eq!(counts(&server), (json!(2), json!(80), json!(0)));
}

/// Sends the batch again as Moodle does after a lost response: alone, with newer samples, and in another order.
fn send_again(server: &TestServer) {
    server.train("m", &labelled(&rows(0..40)));
    assert_eq!(counts(server), (json!(1), json!(40), json!(0)));
    server.train("m", &labelled(&rows(0..50)));
    assert_eq!(counts(server), (json!(2), json!(50), json!(40)));
    server.train("m", &labelled(&reversed(rows(0..40))));
    assert_eq!(counts(server), (json!(2), json!(50), json!(40)));
}

fn training() -> Request {
    let form = Form::model("m", "d").file("dataset", &labelled(&rows(0..40)));
    Request::new("POST", "/training").credentials("a", "b").form(&form)
}

#[test]
fn a_batch_counts_once_after_a_kill_between_its_storage_and_its_response() {
    let server = TestServer::start();
    let pointer = server.data_dir().join("m/d/classifier/current.json");
    let mut client = TcpStream::connect(server.address).expect("a connection");
    client.write_all(&training().bytes()).expect("sent");
    until("the model is stored", || pointer.exists());
    let server = Launch::again(server.kill()).start();
    send_again(&server);
}

#[test]
fn a_batch_counts_once_after_a_proxy_lost_its_response() {
    let server = TestServer::start();
    let proxy = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = proxy.local_addr().expect("an address");
    let server_address = server.address;
    let forwarding = thread::spawn(move || forward_without_response(&proxy, server_address));
    let mut client = TcpStream::connect(address).expect("a connection");
    client.write_all(&training().bytes()).expect("sent");
    client.shutdown(Shutdown::Write).expect("shut down");
    let mut received = Vec::new();
    let _ = client.read_to_end(&mut received);
    assert!(received.is_empty(), "the client has no response");
    forwarding.join().expect("forwarded");
    send_again(&server);
}

/// Forwards one request and drops the response.
fn forward_without_response(proxy: &TcpListener, server: SocketAddr) {
    let (mut client, _) = proxy.accept().expect("a client");
    let mut request = Vec::new();
    client.read_to_end(&mut request).expect("a request");
    assert_eq!(exchange(server, &request).status, 200);
}

#[test]
fn a_store_without_fingerprints_stays_readable_and_trainable() {
    let stored = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/stores/without_fingerprints");
    let (_, dir) = TestServer::start().terminate();
    for path in ["current.json", "1/generation.json", "1/model.onnx", "1/samples.bin"] {
        let to = dir.path().join("data/m/d/classifier").join(path);
        fs::create_dir_all(to.parent().expect("a directory")).expect("created");
        fs::copy(Path::new(stored).join(path), to).expect("copied");
    }
    let server = Launch::again(dir).start();
    server.train("m", &labelled(&rows(0..40)));
    assert_eq!(current(&server.data_dir())["generation"], 1, "all its samples are one earlier batch");
    server.train("m", &labelled(&rows(30..60)));
    assert_eq!(counts(&server), (json!(2), json!(70), json!(0)));
    server.train("m", &labelled(&rows(30..60)));
    assert_eq!(counts(&server).0, 2);
}

/// Rows of the classes 0, 1 and 2, or of the first two.
fn of_classes(classes: usize) -> Vec<u8> {
    let rows: Vec<String> = (0..60).map(|n| format!("1,{n},{},{}", n % classes, n % classes)).collect();
    labelled_with_classes(if classes == 3 { "[0,1,2]" } else { "[0,1]" }, &rows)
}

#[test]
fn samples_of_a_class_that_the_target_no_longer_has_are_set_aside_but_not_lost() {
    let server = TestServer::start();
    let classes = || -> Vec<String> {
        let form =
            Form::model("m", "d").file("dataset", &unlabelled(&["0-0,1,4,0", "1-0,1,4,1", "2-0,1,4,2"]));
        let reply = server.post("/prediction", &form).json();
        let rows = reply["predictions"].as_array().expect("predictions").clone();
        rows.iter().map(|row| row[1].as_str().expect("a class").to_owned()).collect()
    };
    server.train("m", &of_classes(3));
    assert_eq!(classes(), ["0", "1", "2"]);

    server.train("m", &of_classes(2));
    assert!(classes().iter().all(|class| class != "2"));
    let facts = current(&server.data_dir())["facts"].clone();
    assert_eq!(facts["classes"], json!([0.0, 1.0]));
    assert_eq!((&facts["samples"], &facts["class_counts"]), (&json!(100), &json!([50, 50])));
    assert_eq!(facts["set_aside"], json!([{ "class": 2.0, "samples": 20 }]));
    assert!(server.log().contains("samples of former classes are set aside"), "{}", server.log());
    let export = unzipped(&server.get("/export?uniqueid=m&dirhash=d").body);
    let card = String::from_utf8_lossy(&export["model-card.md"]).into_owned();
    assert!(card.contains("20 samples of classes that the target no longer has are set aside: 2."), "{card}");

    let few = ["1,9,0,0", "1,9,1,1", "1,9,2,2"];
    server.train("m", &labelled_with_classes("[0,1,2]", &few));
    assert_eq!(current(&server.data_dir())["facts"]["class_counts"], json!([51, 51, 21]));
    assert_eq!(classes(), ["0", "1", "2"]);
}

#[test]
fn many_former_classes_take_one_sentence_of_the_model_card() {
    let server = TestServer::start();
    for first in [0, 12, 24] {
        let rows: Vec<String> = (0..24).map(|n| format!("1,{n},0,{}", first + n % 12)).collect();
        let classes: Vec<String> = (first..first + 12).map(|class| class.to_string()).collect();
        server.train("m", &labelled_with_classes(&format!("[{}]", classes.join(",")), &rows));
    }
    let export = unzipped(&server.get("/export?uniqueid=m&dirhash=d").body);
    let card = String::from_utf8_lossy(&export["model-card.md"]).into_owned();
    let sentences: Vec<&str> = card.lines().filter(|line| line.contains("set aside")).collect();
    assert_eq!(sentences.len(), 1, "{card}");
    assert!(sentences[0].contains("48 samples") && sentences[0].contains("9 and 14 more."), "{card}");
}
