//! Error reports in Sentry's protocol.
//!
//! A target of its own, so that the gate does not compile all tests a second time for the feature `sentry`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should report it and stop")]
#![cfg(debug_assertions)] // faults are injected

#[allow(dead_code, unused_imports, reason = "most of it is for other tests")]
mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;

use common::{Form, Launch, Operation, Request, Scene, TestServer, inject_fault};

/// The head of a request and its body.
type Received = (String, String);

fn read_request(stream: &TcpStream) -> Option<Received> {
    let (mut reader, mut head) = (BufReader::new(stream), String::new());
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let length =
        head.to_lowercase().lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    let body = if let Some(length) = length {
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        body
    } else {
        let mut body = Vec::new();
        loop {
            let mut size = String::new();
            reader.read_line(&mut size).ok()?;
            let size = usize::from_str_radix(size.trim(), 16).ok()?;
            let mut chunk = vec![0; size + 2];
            reader.read_exact(&mut chunk).ok()?;
            body.extend(&chunk[..size]);
            if size == 0 {
                break body;
            }
        }
    };
    Some((head, String::from_utf8(body).expect("text")))
}

/// A receiver that answers every request with this status line and header.
fn receiver(response: &'static str) -> (String, Receiver<Received>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let dsn = format!("http://secretkey@{}/42", listener.local_addr().expect("an address"));
    let (sender, received) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let Some(request) = read_request(&stream) else { continue };
            let body = format!("HTTP/1.1 {response}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}");
            let _ = (&stream).write_all(body.as_bytes());
            if sender.send(request).is_err() {
                return;
            }
        }
    });
    (dsn, received)
}

fn reporting(scene: &Scene, dsn: &str) -> TestServer {
    scene.server_with(|launch: Launch| launch.env("MOODLE_MLBACKEND_SENTRY_DSN", dsn))
}

/// A training that fails with an error of the disk; the id of its request.
fn fail(server: &TestServer, scene: &Scene) -> String {
    const IO_ERROR: u32 = 5;
    inject_fault(server, &format!("{IO_ERROR} 6"));
    let reply = server.send(&scene.request(Operation::Train, "m"));
    assert_eq!(reply.status, 500, "{}", reply.text());
    reply.header("x-request-id").expect("an id").to_owned()
}

#[test]
fn an_internal_error_is_reported_with_its_request_and_nothing_personal() {
    let (dsn, received) = receiver("200 OK");
    let scene = Scene::new();
    let server = reporting(&scene, &dsn);
    let id = fail(&server, &scene);
    let (head, body) = received.recv_timeout(Duration::from_secs(30)).expect("a report");
    assert!(head.starts_with("POST /api/42/envelope/ HTTP/1.1\r\n"), "{head}");
    let head = head.to_lowercase();
    assert!(head.contains("x-sentry-auth: sentry ") && head.contains("sentry_key=secretkey"), "{head}");
    // The header of the envelope, the header of the item, the item.
    let event: Value = serde_json::from_str(body.lines().nth(2).expect("three lines")).expect("JSON");
    // The level of an event that names none is error.
    assert!(event["level"].is_null() || event["level"] == "error", "{event}");
    assert_eq!(event["release"], concat!("moodle-mlbackend@", env!("CARGO_PKG_VERSION")));
    assert!(body.contains("request failed") && body.contains(&id), "{body}");
    for absent in ["secretkey", "127.0.0.1", "server_name", "MOODLE_MLBACKEND"] {
        assert!(!body.contains(absent), "{absent} in {body}");
    }
    assert!(!server.log().contains("secretkey"), "{}", server.log());
}

#[test]
fn refusals_and_warnings_are_not_reported() {
    let (dsn, received) = receiver("200 OK");
    let scene = Scene::new();
    let server = reporting(&scene, &dsn);
    assert_eq!(server.send(&Request::new("GET", "/export")).status, 401);
    assert_eq!(server.post("/training", &Form::model("m", "d").file("dataset", b"nonsense")).status, 400);
    let id = fail(&server, &scene);
    let (_, body) = received.recv_timeout(Duration::from_secs(30)).expect("a report");
    assert!(body.contains(&id), "the first report is about the error: {body}");
}

#[test]
fn a_receiver_that_wants_a_pause_gets_one() {
    let (dsn, received) = receiver("429 Too Many Requests\r\nRetry-After: 3600");
    let scene = Scene::new();
    let server = reporting(&scene, &dsn);
    fail(&server, &scene);
    received.recv_timeout(Duration::from_secs(30)).expect("a report");
    fail(&server, &scene);
    assert_eq!(server.terminate().0, Some(0));
    assert!(received.recv_timeout(Duration::from_secs(1)).is_err(), "no further report");
}

#[test]
fn a_receiver_that_is_not_there_delays_no_response() {
    let scene = Scene::new();
    // A port without a listener.
    let server = reporting(&scene, "http://secretkey@127.0.0.1:9/1");
    fail(&server, &scene);
    server.get("/version").expect(200, "3.0.5");
    assert_eq!(server.terminate().0, Some(0));
}
