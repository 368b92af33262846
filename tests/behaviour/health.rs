//! The health checks: what makes a server ready, and that strangers learn nothing else.
#![allow(clippy::disallowed_methods, reason = "these tests change the data directory on purpose")]

use std::fs;
use std::thread;
use std::time::Duration;

use rstest::rstest;
use serde_json::json;

use crate::common::{Launch, Operation, Request, Scene, TestServer, until};

/// Longer than a result is kept.
const KEPT: Duration = Duration::from_millis(1100);

const NOT_READY: &str = "The server is not ready. Its log says why.";

fn ask(server: &TestServer, path: &str) -> (u16, String) {
    let reply = server.send(&Request::new("GET", path));
    (reply.status, reply.text().to_string())
}

#[rstest]
#[case("/health/live", "Ok")]
#[case("/healthz", "Ok")]
#[case("/health/ready", "Ok")]
#[case("/ready", "Ok")]
#[case("/v2/health/live", "{\"live\":true}")]
#[case("/v2/health/ready", "{\"ready\":true}")]
fn every_path_of_a_health_check_works_without_credentials(#[case] path: &str, #[case] body: &str) {
    for server in [TestServer::start(), Launch::new().without("MOODLE_MLBACKEND_PYTHON_USERS").start()] {
        assert_eq!(ask(&server, path), (200, body.to_owned()));
        assert_eq!(server.send(&Request::new("HEAD", path)).status, 200);
        assert_eq!(server.send(&Request::new("POST", path)).status, 405);
    }
}

#[test]
fn a_data_directory_that_cannot_be_written_to_is_not_ready_until_it_can() {
    let server = TestServer::start();
    assert_eq!(ask(&server, "/health/ready"), (200, "Ok".to_owned()));
    let (data, elsewhere) = (server.data_dir(), server.data_dir().with_extension("elsewhere"));
    fs::rename(&data, &elsewhere).unwrap();
    thread::sleep(KEPT);
    assert_eq!(ask(&server, "/health/ready"), (503, NOT_READY.to_owned()));
    assert_eq!(ask(&server, "/ready"), (503, NOT_READY.to_owned()));
    assert_eq!(ask(&server, "/v2/health/ready"), (503, json!({"ready": false}).to_string()));
    assert_eq!(ask(&server, "/health/live"), (200, "Ok".to_owned()));
    let log = server.log();
    assert!(log.contains("not ready: the data directory cannot be written to"), "{log}");
    fs::rename(&elsewhere, &data).unwrap();
    thread::sleep(KEPT);
    assert_eq!(ask(&server, "/health/ready"), (200, "Ok".to_owned()));
    assert!(server.log().contains("ready again"), "{}", server.log());
}

#[test]
fn a_disk_with_too_little_room_is_not_ready_and_only_the_log_says_how_little() {
    let server = Launch::new().env("MOODLE_MLBACKEND_MIN_FREE_BYTES", "1000000GiB").start();
    assert_eq!(ask(&server, "/health/ready"), (503, NOT_READY.to_owned()));
    let log = server.log();
    assert!(log.contains("MOODLE_MLBACKEND_MIN_FREE_BYTES") && log.contains("free some space"), "{log}");
}

#[test]
fn a_result_is_kept_for_a_second() {
    let server = Launch::new().env("MOODLE_MLBACKEND_MIN_FREE_BYTES", "1000000GiB").start();
    for _ in 0..50 {
        assert_eq!(ask(&server, "/health/ready").0, 503);
    }
    let checks = server.log().lines().filter(|line| line.contains("not ready:")).count();
    // The requests may have taken a few seconds on a busy machine.
    assert!((1..=10).contains(&checks), "{checks} checks");
}

#[test]
fn successful_checks_are_not_logged_as_requests() {
    let server = TestServer::start();
    assert_eq!(ask(&server, "/health/ready").0, 200);
    assert!(!server.log().contains("/health/ready"), "{}", server.log());
}

#[test]
#[cfg(debug_assertions)]
fn a_server_that_is_stopping_is_live_and_not_ready() {
    let scene = Scene::new();
    let server = scene.server();
    server.hold("open an upload");
    thread::scope(|scope| {
        let training = scope.spawn(|| server.send(&scene.request(Operation::Train, "m")));
        server.wait_until_held();
        server.signal("TERM");
        until("the server is stopping", || ask(&server, "/health/ready").0 == 503);
        assert_eq!(ask(&server, "/health/live").0, 200);
        server.release();
        assert_eq!(training.join().unwrap().status, 200);
    });
}
