//! Pipelined requests: those that a client sends without waiting for the responses, over plain connections and TLS.

use std::io::ErrorKind;
use std::process::Command;
use std::thread;
use std::time::Duration;

use rstest::rstest;
use tokio::net::TcpSocket;

use crate::common::{Connection, Form, Request, TestServer, Transport, labelled, skip};

/// The memory for all clients that read no responses.
const MAX_MEMORY: u64 = 100 << 20;

#[rstest]
#[case::plain(Transport::Plain)]
#[case::tls(Transport::Tls)]
fn pipelined_requests_are_answered_in_order(#[case] transport: Transport) {
    let test = "pipelined_requests_are_answered_in_order";
    let Some(launch) = transport.launch(test) else { return };
    let server = launch.start();
    let training = |id: &str| {
        let form = Form::model(id, "d").file("dataset", &labelled(&["1,1,0,0", "-1,0,0,1"].repeat(2_000)));
        Request::new("POST", "/training").credentials("a", "b").form(&form).bytes()
    };
    let version = Request::new("GET", "/version").bytes();
    let last = Request::new("GET", "/nothing").header("Connection", "close").credentials("a", "b").bytes();
    let all = [version.repeat(300), training("m"), version.repeat(3), training("n"), last].concat();
    let mut stream = server.connect();
    // The system holds all of them; with TLS, many are in one record.
    stream.write_all(&all).and_then(|()| stream.flush()).expect("sent");
    let mut responses = Vec::new();
    stream.read_to_end(&mut responses).expect("responses until the end");
    let text = String::from_utf8_lossy(&responses);
    let kinds: Vec<&str> = text
        .split("HTTP/1.1 ")
        .skip(1)
        .map(|response| match response {
            _ if response.starts_with("200") && response.ends_with("3.0.5") => "version",
            _ if response.starts_with("200") && response.contains("\"status\":0") => "trained",
            _ if response.starts_with("404") => "nothing",
            other => panic!("{other}"),
        })
        .collect();
    let expected =
        [vec!["version"; 300], vec!["trained"], vec!["version"; 3], vec!["trained", "nothing"]].concat();
    assert_eq!(kinds, expected);
}

#[rstest]
#[case::plain(Transport::Plain)]
#[case::tls(Transport::Tls)]
fn pipelining_without_reading_responses_needs_little_memory(#[case] transport: Transport) {
    let test = "pipelining_without_reading_responses_needs_little_memory";
    let Some(launch) = transport.launch(test) else { return };
    // Verifying an argon2id password takes a while, and the next requests wait.
    let passwd =
        Command::new(env!("CARGO_BIN_EXE_moodle-mlbackend")).args(["passwd", "a", "--generate"]).output();
    let entry = String::from_utf8(passwd.expect("it runs").stdout).expect("text");
    let launch = launch.env("MOODLE_MLBACKEND_PYTHON_USERS", entry.trim());
    let server = launch.env("MOODLE_MLBACKEND_LOGIN_FAILURES", "0").start();
    let request = b"GET /export HTTP/1.1\r\nHost: x\r\nAuthorization: Basic eDp5\r\n\r\n";
    assert_eq!(server.raw(request).status, 401);
    assert_little_memory(&server, b"", request, test);
}

#[rstest]
#[case::plain(Transport::Plain)]
#[case::tls(Transport::Tls)]
fn pipelining_after_a_body_needs_little_memory(#[case] transport: Transport) {
    let test = "pipelining_after_a_body_needs_little_memory";
    let Some(launch) = transport.launch(test) else { return };
    let server = launch.env("MOODLE_MLBACKEND_JOBS", "1").start();
    let form = Form::model("m", "d").file("dataset", &labelled(&["1,1,0,0", "-1,0,0,1"].repeat(2_000)));
    let training = Request::new("POST", "/training").credentials("a", "b").form(&form);
    assert_eq!(server.send(&training).status, 200);
    let request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    assert_little_memory(&server, &training.bytes(), request, test);
}

/// Twenty clients send a first request, then repeat another one, and read nothing.
fn assert_little_memory(server: &TestServer, first: &[u8], again: &[u8], test: &str) {
    let Some(before) = server.memory("VmHWM") else {
        return skip(test, "this system does not report the memory of a process");
    };
    let requests = [first, &again.repeat(20_000)].concat();
    let mut clients: Vec<FastSender> = (0..20).map(|_| FastSender::connect(server)).collect();
    for _ in 0..40 {
        clients.iter_mut().for_each(|client| client.send(&requests));
        thread::sleep(Duration::from_millis(50));
    }
    let during = server.memory("VmHWM").expect("it was reported before");
    assert!(during < before + MAX_MEMORY, "{before} bytes became {during}");
    assert_eq!(server.raw(b"GET /version HTTP/1.1\r\nHost: x\r\n\r\n").status, 200);
}

/// A client that sends as much as the system accepts, and reads nothing.
struct FastSender {
    stream: Box<dyn Connection>,
    sent: usize,
}

impl FastSender {
    /// With a small receive buffer, so that responses soon block the server.
    fn connect(server: &TestServer) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().expect("a runtime");
        let connected = runtime.block_on(async {
            let socket = TcpSocket::new_v4()?;
            socket.set_recv_buffer_size(4096)?;
            socket.connect(server.address).await?.into_std()
        });
        let connected = connected.expect("a connection");
        connected.set_nonblocking(false).expect("a socket can block");
        let mut stream = server.over(connected);
        // With TLS, this is the handshake.
        stream.flush().expect("the server answers");
        stream.set_nonblocking(true);
        Self { stream, sent: 0 }
    }

    fn send(&mut self, bytes: &[u8]) {
        while self.sent < bytes.len() {
            match self.stream.write(&bytes[self.sent..]) {
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => panic!("the server closed the connection: {error}"),
            }
        }
    }
}
