//! Unix sockets, and the path below which a proxy publishes the server.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use rstest::rstest;

use crate::common::{Form, Launch, ROUTES, Reply, Request, TestServer, exchange_over, separable, until};

fn on_a_unix_socket(launch: Launch) -> (TestServer, PathBuf) {
    let socket = launch.dir().join("socket");
    let launch = launch.arg("--listen").arg(&format!("unix:{}", socket.display()));
    (launch.start(), socket)
}

fn send(socket: &Path, request: &Request) -> Reply {
    let stream = UnixStream::connect(socket).expect("the server accepts connections");
    exchange_over(stream, &request.bytes()).expect("a response")
}

fn version() -> Request {
    Request::new("GET", "/version")
}

#[test]
fn serves_moodles_requests_on_a_unix_socket_and_removes_it_at_the_end() {
    let (server, socket) = on_a_unix_socket(Launch::new());
    send(&socket, &version()).expect(200, "3.0.5");
    let form = Form::model("m", "d").file("dataset", &separable(40, false));
    let training = Request::new("POST", "/training").credentials("a", "b").form(&form);
    assert_eq!(send(&socket, &training).json()["status"], 0);
    assert_eq!(send(&socket, &Request::new("GET", "/export?uniqueid=m&dirhash=d")).status, 401);
    let mode = fs::symlink_metadata(&socket).expect("a socket").permissions().mode();
    assert_eq!(mode & 0o777, 0o660, "owner and group");
    assert_eq!(server.terminate().0, Some(0));
    assert!(!socket.exists());
}

#[test]
fn the_mode_of_the_socket_is_a_setting() {
    let (server, socket) = on_a_unix_socket(Launch::new().arg("--socket-mode").arg("666"));
    assert_eq!(fs::symlink_metadata(&socket).expect("a socket").permissions().mode() & 0o777, 0o666);
    drop(server);
}

#[test]
fn replaces_the_socket_of_a_killed_server_but_not_that_of_a_running_one() {
    let (server, socket) = on_a_unix_socket(Launch::new());
    let listen = format!("unix:{}", socket.display());
    let ended = Launch::new().arg("--listen").arg(&listen).fail();
    assert!(
        ended.code == Some(1) && ended.stderr.contains("another process listens on it"),
        "{}",
        ended.stderr
    );
    send(&socket, &version()).expect(200, "3.0.5");
    let dir = server.kill();
    assert!(socket.exists(), "a killed server leaves its socket");
    let server = Launch::again(dir).arg("--listen").arg(&listen).start();
    send(&socket, &version()).expect(200, "3.0.5");
    drop(server);
}

/// The peer is the proxy, which the permissions of the socket admit.
#[test]
fn the_client_of_a_unix_socket_is_the_one_that_the_proxy_names() {
    let (server, socket) = on_a_unix_socket(Launch::new().arg("--login-failures").arg("2"));
    let wrong = |client: &str| {
        let request = Request::new("GET", "/export?uniqueid=m&dirhash=d").credentials("a", "wrong");
        send(&socket, &request.header("X-Forwarded-For", client)).status
    };
    assert_eq!([wrong("192.0.2.7"), wrong("192.0.2.7"), wrong("192.0.2.7")], [401, 401, 429]);
    assert_eq!(wrong("198.51.100.9, 192.0.2.7"), 429, "what the client itself wrote is not believed");
    let named = send(&socket, &version().header("X-Request-Id", "of-the-proxy"));
    assert_eq!(named.header("x-request-id"), Some("of-the-proxy"));
    until("the last request is logged", || server.log().contains("client=127.0.0.1"));
    let log = server.log();
    assert!(log.contains("client=192.0.2.7"), "{log}");
    assert!(!log.contains("clear text") && !log.contains("not a trusted proxy"), "{log}");
}

#[test]
fn a_unix_socket_and_a_port_serve_together() {
    let launch = Launch::new();
    let socket = launch.dir().join("socket");
    let listen = format!("127.0.0.1:0,unix:{}", socket.display());
    let server = launch.arg("--listen").arg(&listen).start();
    server.get("/version").expect(200, "3.0.5");
    send(&socket, &version()).expect(200, "3.0.5");
}

/// Other machines cannot connect to a Unix socket.
#[test]
fn a_unix_socket_allows_a_well_known_password_and_an_open_port_does_not() {
    let users = |launch: Launch| launch.env("MOODLE_MLBACKEND_PYTHON_USERS", "default:default");
    let (server, socket) = on_a_unix_socket(users(Launch::new()).env("MOODLE_MLBACKEND_WORLD_VISIBLE", "1"));
    send(&socket, &version()).expect(200, "3.0.5");
    drop(server);
    let ended = users(Launch::new()).arg("--listen").arg("0.0.0.0:0").fail();
    assert!(ended.stderr.contains("a well-known password"), "{}", ended.stderr);
}

#[rstest]
#[case("unix:relative", "the path must begin with /")]
#[case("5000", "expected unix:/run/moodle-mlbackend/socket")]
#[case("unix:/nowhere/at/all", "choose another path in an existing directory")]
fn an_unusable_socket_gets_an_example(#[case] listen: &str, #[case] problem: &str) {
    let ended = Launch::new().env("MOODLE_MLBACKEND_LISTEN", listen).fail();
    assert_ne!(ended.code, Some(0));
    assert!(ended.stderr.contains(problem), "{}", ended.stderr);
}

/// Apache's `ProxyPass` may keep the prefix or remove it.
#[test]
fn every_route_is_answered_with_and_without_the_url_prefix() {
    let server = Launch::new().arg("--url-prefix").arg("/moodle/mlbackend/").start();
    server.get("/moodle/mlbackend/version").expect(200, "3.0.5");
    for route in ROUTES {
        let request = |prefix: &str| {
            let target = format!("{prefix}{}?uniqueid=m", route.path);
            let reply = server.send(&Request::new(route.method, &target).credentials("a", "b"));
            // Errors name the request.
            let body = reply.text().replace(reply.header("x-request-id").unwrap_or("-"), "");
            (reply.status, body)
        };
        assert_eq!(request("/moodle/mlbackend"), request(""), "{route:?}");
        assert!(!request("").1.contains("nothing at this address"), "{route:?}");
    }
    for path in ["/moodle/mlbackend", "/moodle/mlbackendversion", "/mlbackend/version", "/moodle/version"] {
        assert_eq!(server.get(path).status, 404, "{path}");
    }
    assert!(server.log().contains("route=\"/version\""), "{}", server.log());
}

#[test]
fn without_a_url_prefix_other_paths_are_unknown() {
    assert_eq!(TestServer::start().get("/mlbackend/version").status, 404);
}
