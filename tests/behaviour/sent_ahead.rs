//! Requests that a client sends ahead, without waiting for the answers.

use std::cell::Cell;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;

use tokio::net::TcpSocket;

use crate::common::{Form, Launch, Request, TestServer, labelled, skip, until};

/// More memory may not be needed by all the clients that take no answers.
const MOST_MEMORY: u64 = 100 << 20;

#[test]
fn requests_that_are_sent_ahead_are_answered_in_their_order() {
    let server = TestServer::start();
    let training = |id: &str| {
        let form = Form::model(id, "d").file("dataset", &labelled(&["1,1,0,0", "-1,0,0,1"].repeat(2_000)));
        Request::new("POST", "/training").credentials("a", "b").form(&form).bytes()
    };
    let version = Request::new("GET", "/version").bytes();
    let last = Request::new("GET", "/nothing").header("Connection", "close").credentials("a", "b").bytes();
    let all = [version.repeat(300), training("m"), version.repeat(3), training("n"), last].concat();
    let mut stream = TcpStream::connect(server.address).expect("a connection");
    let mut sending = stream.try_clone().expect("a second handle");
    let mut answers = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(move || sending.write_all(&all).expect("all is taken"));
        stream.read_to_end(&mut answers).expect("answers, and the end");
    });
    let text = String::from_utf8_lossy(&answers);
    let told: Vec<&str> = text
        .split("HTTP/1.1 ")
        .skip(1)
        .map(|answer| match answer {
            _ if answer.starts_with("200") && answer.ends_with("3.0.5") => "version",
            _ if answer.starts_with("200") && answer.contains("\"status\":0") => "trained",
            _ if answer.starts_with("404") => "nothing",
            other => panic!("{other}"),
        })
        .collect();
    let expected =
        [vec!["version"; 300], vec!["trained"], vec!["version"; 3], vec!["trained", "nothing"]].concat();
    assert_eq!(told, expected);
}

#[test]
fn who_asks_and_asks_and_takes_no_answer_costs_little() {
    // Each password takes a while to look at, and what is sent meanwhile waits.
    let passwd =
        Command::new(env!("CARGO_BIN_EXE_moodle-mlbackend")).args(["passwd", "a", "--generate"]).output();
    let entry = String::from_utf8(passwd.expect("it runs").stdout).expect("text");
    let launch = Launch::new().env("MOODLE_MLBACKEND_PYTHON_USERS", entry.trim());
    let server = launch.env("MOODLE_MLBACKEND_LOGIN_FAILURES", "0").start();
    let ask = b"GET /export HTTP/1.1\r\nHost: x\r\nAuthorization: Basic eDp5\r\n\r\n";
    assert_eq!(server.raw(ask).status, 401);
    let Some(before) = server.memory("VmHWM") else {
        return skip(
            "who_asks_and_asks_and_takes_no_answer_costs_little",
            "this system does not tell what a process needs",
        );
    };
    let asked = ask.repeat(5_000);
    let clients: Vec<TcpStream> = (0..20).map(|_| connect_with_little_room(server.address)).collect();
    let rounds = Cell::new(0);
    until("they have sent for a while", || {
        clients.iter().for_each(|client| send_what_is_taken(client, &asked));
        rounds.set(rounds.get() + 1);
        rounds.get() == 40
    });
    let during = server.memory("VmHWM").expect("told before");
    assert!(during < before + MOST_MEMORY, "{before} bytes became {during}");
    assert_eq!(server.raw(b"GET /version HTTP/1.1\r\nHost: x\r\n\r\n").status, 200);
}

/// A client whose system keeps few answers for it.
fn connect_with_little_room(address: SocketAddr) -> TcpStream {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().expect("a runtime");
    let connected = runtime.block_on(async {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(4096)?;
        socket.connect(address).await?.into_std()
    });
    connected.expect("a connection that need not block")
}

/// Sends as much as the system takes now, for the server or on its way there.
fn send_what_is_taken(mut stream: &TcpStream, bytes: &[u8]) {
    let mut sent = 0;
    while sent < bytes.len() {
        match stream.write(&bytes[sent..]) {
            Ok(count) => sent += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return,
            Err(error) => panic!("the connection was ended: {error}"),
        }
    }
}
