//! The server answers any bytes in a request with a clear response and keeps running.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use proptest::prelude::*;
use proptest::sample::select;

use crate::common::{Launch, Reply, Request, TestServer};

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

fn bytes(max: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..max)
}

/// A 400 with a reason, or the 500 that names a missing parameter; never an internal error.
#[track_caller]
fn expect_clear(reply: &Reply) {
    assert!(
        reply.status == 400 || reply.text().starts_with("The requested key "),
        "{} {}",
        reply.status,
        reply.text()
    );
}

fn post(kind: &str, body: Vec<u8>) -> Request {
    Request::new("POST", "/training").credentials("a", "b").body("Content-Type", kind, body)
}

const MULTIPART: &str = "multipart/form-data; boundary=q";

#[test]
fn answers_any_bytes_as_a_multipart_form() {
    let server = TestServer::start();
    proptest!(cases(64), |(body in bytes(400))| {
        let begin = b"--q\r\nContent-Disposition: form-data; name=\"uniqueid\"\r\n\r\n";
        expect_clear(&server.send(&post(MULTIPART, [begin, &body[..]].concat())));
        expect_clear(&server.send(&post(MULTIPART, body)));
    });
    server.get("/version").expect(200, "3.0.5");
}

#[test]
fn answers_pieces_of_a_multipart_form_in_any_order() {
    let server = TestServer::start();
    let pieces = select(vec![
        "--q",
        "--q--",
        "\r\n",
        "\r",
        "\n",
        "--",
        "Content-Disposition: form-data",
        "; name=\"dataset\"",
        "; filename=\"x\"",
        "Content-Length: 7",
        "Content-Type: multipart/mixed; boundary=z",
        "\r\n\r\n",
        "\r\n--q\r\n",
        "x",
    ]);
    proptest!(cases(128), |(pieces in prop::collection::vec(pieces, 0..24))| {
        expect_clear(&server.send(&post(MULTIPART, pieces.concat().into_bytes())));
    });
    server.get("/version").expect(200, "3.0.5");
}

#[test]
fn answers_any_bytes_as_an_urlencoded_form() {
    let server = TestServer::start();
    proptest!(cases(64), |(body in bytes(200))| {
        expect_clear(&server.send(&post("application/x-www-form-urlencoded", body)));
    });
}

#[test]
fn answers_any_bytes_as_an_authorization_header() {
    let server = TestServer::start();
    proptest!(cases(64), |(bytes in bytes(80), prefix in select(vec!["", "Basic "]))| {
        let value: Vec<u8> = bytes.into_iter().filter(|byte| !matches!(byte, b'\r' | b'\n' | 0)).collect();
        let head = format!("GET /export HTTP/1.1\r\nHost: x\r\nAuthorization: {prefix}");
        let reply = server.raw(&[head.as_bytes(), &value, b"\r\n\r\n"].concat());
        prop_assert!([400, 401].contains(&reply.status), "{:?}", reply);
    });
    server.get("/version").expect(200, "3.0.5");
}

#[test]
fn refuses_bytes_that_are_not_http_without_a_warning_in_the_log() {
    let server = TestServer::start();
    let http2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let two_lengths = b"POST /training HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n";
    for bytes in [&http2[..], two_lengths] {
        assert_eq!(server.raw(bytes).status, 400, "{}", String::from_utf8_lossy(bytes));
    }
    server.get("/version").expect(200, "3.0.5");
    let log = server.log();
    assert!(log.contains("/version"), "{log}");
    let warning = log.lines().find(|line| line.contains("ERROR") || line.contains("WARN"));
    assert!(warning.is_none(), "{warning:?}");
}

#[test]
fn responds_to_a_refused_head_and_closes_the_connection_without_a_reset() {
    let server = TestServer::start();
    let line = format!("X-Line: {}\r\n", "x".repeat(100));
    let head = format!("GET /version HTTP/1.1\r\nHost: x\r\n{}\r\n", line.repeat(200));
    let mut stream = TcpStream::connect(server.address).expect("a connection");
    stream.write_all(head.as_bytes()).expect("the socket buffer holds all of it");
    let mut response = String::new();
    // Unread bytes in the server would reset the connection.
    stream.read_to_string(&mut response).expect("a response and the end");
    assert!(response.starts_with("HTTP/1.1 431"), "{response}");
}

#[test]
fn refuses_any_text_as_a_number() {
    let server = TestServer::start();
    proptest!(cases(64), |(value in "\\PC{0,30}")| {
        let mut path = "/evaluation?uniqueid=m&dirhash=d&maxdeviation=0&niterations=1&minscore=".to_owned();
        for byte in value.bytes() {
            let _ = write!(path, "%{byte:02x}");
        }
        let reply = server.send(&Request::new("POST", &path).credentials("a", "b"));
        prop_assert_eq!(reply.status, 400, "{}", reply.text());
    });
}

#[test]
fn starts_or_refuses_to_start_with_any_text_as_the_users_variable() {
    proptest!(cases(16), |(text in "[^\\x00]{0,60}")| {
        let launch = Launch::new().env("MOODLE_MLBACKEND_PYTHON_USERS", &text);
        if text.parse::<moodle_mlbackend::auth::users::Users>().is_ok() {
            launch.start().get("/version").expect(200, "3.0.5");
        } else {
            let ended = launch.fail();
            prop_assert_eq!(ended.code, Some(1));
            prop_assert!(ended.stderr.contains("MOODLE_MLBACKEND_PYTHON_USERS"), "{}", ended.stderr);
        }
    });
}
