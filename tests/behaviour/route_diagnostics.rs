//! `GET /diagnostics/keepalive`: slow responses, to test proxies.

use std::io::Write;
use std::net::TcpStream;

use rstest::rstest;
use serde_json::json;

use crate::common::{Launch, Request, TestServer, rest_of_response, until};

fn path(seconds: &str) -> String {
    format!("/diagnostics/keepalive?seconds={seconds}")
}

/// Asks for the longest response, and does not wait for it.
fn wait_in(server: &TestServer) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.write_all(&Request::new("GET", &path("75")).credentials("a", "b").bytes()).unwrap();
    stream
}

#[test]
fn the_reply_comes_after_the_time_and_after_white_space() {
    let server = Launch::new().env("MOODLE_MLBACKEND_KEEPALIVE_SECONDS", "1").start();
    let reply = server.get(&path("0"));
    assert_eq!((reply.status, reply.json()), (200, json!({"seconds": 0, "keepalive_seconds": 1})));
    let reply = server.get(&path("4"));
    assert_eq!((reply.status, reply.json()), (200, json!({"seconds": 4, "keepalive_seconds": 1})));
    assert!(reply.text().starts_with(' ') && reply.header("content-length").is_none(), "{}", reply.text());
    let off = Launch::new().env("MOODLE_MLBACKEND_KEEPALIVE_SECONDS", "0").start();
    assert_eq!(off.get(&path("1")).json(), json!({"seconds": 1, "keepalive_seconds": 0}));
}

#[rstest]
#[case("76")]
#[case("-1")]
#[case("1.5")]
#[case("99999999999999999999")]
fn refuses_other_numbers_than_those_from_0_to_75(#[case] seconds: &str) {
    let reply = TestServer::start().get(&path(seconds));
    assert_eq!(reply.status, 400);
    assert!(reply.text().contains("send a whole number from 0 to 75"), "{}", reply.text());
}

#[test]
fn two_requests_wait_at_a_time_and_neither_delays_the_end_of_the_server() {
    let server = TestServer::start();
    let mut waiting = [wait_in(&server), wait_in(&server)];
    until("both are waiting", || server.get(&path("0")).status == 503);
    let reply = server.get(&path("0"));
    assert!(reply.text().contains("2 requests are already queued (a fixed limit)"), "{}", reply.text());
    assert!(reply.header("retry-after").is_some());

    server.signal("TERM");
    for stream in &mut waiting {
        let reply = rest_of_response(&[], stream).expect("a reply");
        assert_eq!(reply.status, 503);
        assert!(reply.text().contains("stopping"), "{}", reply.text());
    }
    assert_eq!(server.ended().0, Some(0));
}
