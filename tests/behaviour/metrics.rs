//! `/metrics`: who may read it, and what it counts.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use rstest::rstest;

use crate::common::{Form, Launch, Request, TestServer, exchange, free_port, labelled, unlabelled, until};

const USER: &str = "MOODLE_MLBACKEND_METRICS_USER";

/// A server whose user `a` may read the metrics.
fn server() -> TestServer {
    Launch::new().env(USER, "a").start()
}

/// The value of each series.
fn metrics(server: &TestServer) -> BTreeMap<String, f64> {
    let reply = server.get("/metrics");
    assert_eq!(
        (reply.status, reply.header("content-type")),
        (200, Some("text/plain; version=0.0.4; charset=utf-8"))
    );
    series(reply.text())
}

fn series(text: &str) -> BTreeMap<String, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let pairs = lines.map(|line| line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}")));
    pairs.map(|(series, value)| (series.to_owned(), value.parse().expect("a number"))).collect()
}

fn value(metrics: &BTreeMap<String, f64>, series: &str) -> f64 {
    let name = format!("moodle_mlbackend_{series}");
    *metrics.get(&name).unwrap_or_else(|| panic!("no {name} in {:#?}", metrics.keys()))
}

fn samples(count: usize) -> Vec<u8> {
    let rows: Vec<String> = (0..count).map(|row| format!("1,{},{},{}", row % 7, row % 5, row % 2)).collect();
    labelled(&rows.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn by_default_no_user_may_read_the_metrics() {
    let server = TestServer::start();
    assert_eq!(server.send(&Request::new("GET", "/metrics")).status, 401);
    let reply = server.get("/metrics");
    assert_eq!(reply.status, 403);
    assert!(reply.text().contains(USER), "{}", reply.text());
}

#[test]
fn only_the_user_that_the_settings_name_may_read_the_metrics() {
    let server =
        Launch::new().env("MOODLE_MLBACKEND_PYTHON_USERS", "a:b,monitor:c").env(USER, "monitor").start();
    let read =
        |user, password| server.send(&Request::new("GET", "/metrics").credentials(user, password)).status;
    assert_eq!((read("monitor", "c"), read("a", "b"), read("monitor", "b")), (200, 403, 401));
    assert_eq!(server.send(&Request::new("GET", "/metrics")).status, 401);
}

#[test]
fn a_user_of_the_metrics_that_does_not_exist_stops_the_start() {
    let ended = Launch::new().env(USER, "monitor").fail();
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains(USER) && ended.stderr.contains("monitor"), "{}", ended.stderr);
}

#[test]
fn an_address_of_their_own_needs_no_credentials_and_serves_nothing_else() {
    let port = free_port();
    let server = Launch::new().env("MOODLE_MLBACKEND_METRICS_LISTEN", &format!("127.0.0.1:{port}")).start();
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let get = |path: &str| exchange(address, &Request::new("GET", path).bytes());
    let found = series(get("/metrics").text());
    assert!((value(&found, "ready") - 1.0).abs() < 0.1, "{found:?}");
    for path in ["/health/live", "/health/ready", "/healthz", "/ready", "/v2/health/ready"] {
        assert_eq!(get(path).status, 200, "{path}");
    }
    for path in ["/version", "/training", "/export", "/"] {
        assert_eq!(get(path).status, 404, "{path}");
    }
    assert_eq!(server.get("/metrics").status, 403, "not at the main address");
    let (code, _) = server.terminate();
    assert_eq!(code, Some(0));
}

#[rstest]
#[case("127.0.0.1", "such as 127.0.0.1:9464")]
#[case("192.0.2.1:9464", "MOODLE_MLBACKEND_METRICS_LISTEN")]
fn an_address_that_cannot_be_used_stops_the_start(#[case] address: &str, #[case] expected: &str) {
    let ended = Launch::new().env("MOODLE_MLBACKEND_METRICS_LISTEN", address).fail();
    assert_ne!(ended.code, Some(0));
    assert!(ended.stderr.contains(expected), "{}", ended.stderr);
}

#[test]
fn counts_requests_operations_samples_repetitions_and_the_cache() {
    let server = server();
    server.train("m", &samples(40));
    server.train("m", &samples(40));
    for _ in 0..3 {
        server.predictions("m", &unlabelled(&["1-0,1,-1,-1", "2-0,1,1,1"]));
    }
    server.predict("other", &unlabelled(&["1-0,1,-1,-1"]));
    let evaluation = Form::model("m", "e")
        .field("minscore", "0.1")
        .field("maxdeviation", "0.9")
        .field("niterations", "3")
        .file("dataset", &samples(40));
    assert_eq!(server.post("/evaluation", &evaluation).status, 200);
    assert_eq!(server.post("/training", &Form::model("m", "d").file("dataset", b"nonsense")).status, 400);
    let metrics = metrics(&server);
    for (series, expected) in [
        ("requests_total{route=\"/training\",status=\"200\"}", 2.0),
        ("requests_total{route=\"/training\",status=\"400\"}", 1.0),
        ("requests_total{route=\"/prediction\",status=\"200\"}", 4.0),
        ("request_duration_seconds_count{route=\"/training\"}", 3.0),
        ("operations_total{operation=\"training\",outcome=\"done\"}", 2.0),
        ("operations_total{operation=\"training\",outcome=\"failed\"}", 1.0),
        ("operations_total{operation=\"prediction\",outcome=\"done\"}", 3.0),
        ("operations_total{operation=\"prediction\",outcome=\"no_result\"}", 1.0),
        ("operations_total{operation=\"evaluation\",outcome=\"done\"}", 1.0),
        ("operation_duration_seconds_count{operation=\"training\"}", 3.0),
        ("operation_samples_total{operation=\"training\"}", 80.0),
        ("operation_samples_total{operation=\"prediction\"}", 7.0),
        ("operation_samples_total{operation=\"evaluation\"}", 40.0),
        ("repeated_batches_total", 1.0),
        ("repeated_samples_total", 40.0),
        ("model_cache_hits_total", 2.0),
        ("model_cache_misses_total", 2.0),
        ("model_cache_models", 1.0),
        ("models", 1.0),
        ("ready", 1.0),
        ("ready_check{check=\"store\"}", 1.0),
        // This request.
        ("requests_in_flight", 1.0),
        ("jobs_running{queue=\"heavy\"}", 0.0),
        ("queue_length{queue=\"heavy\"}", 0.0),
        ("queue_wait_seconds_count{queue=\"heavy\"}", 4.0),
        (concat!("build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"}"), 1.0),
    ] {
        assert!((value(&metrics, series) - expected).abs() < 1e-9, "{series}: {metrics:#?}");
    }
    for series in ["model_cache_bytes", "store_bytes", "store_free_bytes", "connections"] {
        assert!(value(&metrics, series) > 0.0, "{series}");
    }
    assert!(metrics["process_resident_memory_bytes"] > 1e6, "{metrics:#?}");
}

#[test]
fn counts_refused_logins() {
    let server = Launch::new().env(USER, "a").env("MOODLE_MLBACKEND_LOGIN_FAILURES", "2").start();
    let before = metrics(&server);
    assert!(value(&before, "login_failures_total{reason=\"wrong\"}").abs() < 1e-9);
    let wrong = || server.send(&Request::new("GET", "/export").credentials("unknown", "x")).status;
    assert_eq!([wrong(), wrong(), wrong()], [401, 401, 429]);
    // The limit is per address, too.
    assert_eq!(server.get("/metrics").status, 429);
}

/// A client chooses paths, methods, user names and ids; none of them is a label.
#[test]
fn clients_cannot_add_series() {
    let server = server();
    let distinct = |server: &TestServer| metrics(server).len();
    server.get("/unknown/0");
    server.get("/metrics");
    let before = distinct(&server);
    for number in 1..20 {
        assert_eq!(server.get(&format!("/unknown/{number}")).status, 404);
        assert_eq!(server.send(&Request::new(&format!("METHOD{number}"), "/unknown/0")).status, 404);
        server.send(
            &Request::new("GET", &format!("/unknown/{number}")).credentials(&format!("u{number}"), "x"),
        );
        server.get(&format!("/metrics?uniqueid=m{number}"));
    }
    assert_eq!(distinct(&server), before);
}

/// Opens a connection, sends bytes, and waits until the server closes it.
fn send_and_wait(server: &TestServer, bytes: &[u8]) {
    let mut stream = TcpStream::connect(server.address).expect("a connection");
    stream.write_all(bytes).expect("the bytes are sent");
    let _ = stream.read_to_end(&mut Vec::new());
}

#[test]
fn counts_the_connections_that_the_guards_close() {
    let server = Launch::new()
        .env(USER, "a")
        .env("MOODLE_MLBACKEND_HEAD_SECONDS", "1")
        .env("MOODLE_MLBACKEND_STALL_SECONDS", "1")
        .env("MOODLE_MLBACKEND_LINGER_SECONDS", "1")
        .start();
    let closed =
        |guard: &str| value(&metrics(&server), &format!("connections_closed_total{{guard=\"{guard}\"}}"));
    assert!(closed("slow_head") + closed("slow_body") < 0.5);
    send_and_wait(&server, b"GET /version HTTP/1.1\r\nHost:");
    until("the slow head is counted", || (closed("slow_head") - 1.0).abs() < 1e-9);
    let head = Request::new("POST", "/training").credentials("a", "b").header("Content-Length", "1000");
    let head = head.header("Content-Type", "multipart/form-data; boundary=x");
    send_and_wait(&server, &[&head.bytes()[..], b"--x\r\n"].concat());
    until("the slow body is counted", || (closed("slow_body") - 1.0).abs() < 1e-9);
    send_and_wait(&server, b"GET /version HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert!((closed("slow_head") - 1.0).abs() < 1e-9, "a quick request is not counted");
}

#[test]
#[cfg(debug_assertions)]
fn the_jobs_that_run_and_wait_are_counted() {
    use crate::common::{Operation, Scene};
    let scene = Scene::new();
    let port = free_port();
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let server = scene.server_with(|launch| {
        launch.env("MOODLE_MLBACKEND_JOBS", "1").env("MOODLE_MLBACKEND_METRICS_LISTEN", &address.to_string())
    });
    let metric = |series: &str| {
        let text = exchange(address, &Request::new("GET", "/metrics").bytes()).text().to_string();
        value(&self::series(&text), series)
    };
    server.hold("open an upload");
    std::thread::scope(|scope| {
        let first = scope.spawn(|| server.send(&scene.request(Operation::Train, "m")));
        server.wait_until_held();
        let second = scope.spawn(|| server.send(&scene.request(Operation::Train, "other")));
        until("a job waits", || metric("queue_length{queue=\"heavy\"}") > 0.5);
        assert!((metric("jobs_running{queue=\"heavy\"}") - 1.0).abs() < 1e-9);
        assert!((metric("requests_in_flight") - 2.0).abs() < 1e-9);
        server.release();
        assert_eq!((first.join().unwrap().status, second.join().unwrap().status), (200, 200));
    });
    assert!(metric("queue_length{queue=\"heavy\"}").abs() < 1e-9);
}
