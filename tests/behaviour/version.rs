//! `GET /version`: the version that Moodle checks.

use crate::common::{Launch, Request, TestServer};

#[test]
fn the_version_is_the_whole_body_and_needs_no_credentials() {
    let server = TestServer::start();
    let reply = server.send(&Request::new("GET", "/version"));
    reply.expect(200, "3.0.5");
    assert_eq!(reply.header("content-type"), Some("text/plain; charset=utf-8"));
}

#[test]
fn the_version_ignores_credentials() {
    let server = TestServer::start();
    server.send(&Request::new("GET", "/version").credentials("unknown", "wrong")).expect(200, "3.0.5");
    server.send(&Request::new("GET", "/version").header("Authorization", "nonsense")).expect(200, "3.0.5");
}

#[test]
fn the_operator_can_configure_the_reported_version() {
    let server = Launch::new().env("MOODLE_MLBACKEND_REPORTED_VERSION", "3.1.0").start();
    server.get("/version").expect(200, "3.1.0");
}

#[test]
fn the_server_header_has_the_products_version() {
    let reply = TestServer::start().get("/version");
    assert_eq!(reply.header("server"), Some(concat!("moodle-mlbackend/", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn an_ordinary_http_client_can_read_the_version() {
    let server = TestServer::start();
    let body = ureq::get(server.url("/version")).call().expect("200").body_mut().read_to_string();
    assert_eq!(body.expect("text"), "3.0.5");
}
