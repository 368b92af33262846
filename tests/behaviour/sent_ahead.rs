//! Requests that a client sends ahead, without waiting for the answers.

use std::cell::Cell;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

use tokio::net::TcpSocket;

use crate::common::{Form, Launch, Request, TestServer, labelled, until};

/// More memory may not be needed by all the clients that take no answers.
const MOST_MEMORY: u64 = 64 << 20;

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
    let server = Launch::new().start();
    server.get("/version").expect(200, "3.0.5");
    let Some(before) = server.memory("VmRSS") else {
        return eprintln!("SKIPPED: this system does not tell what a process needs");
    };
    let asked = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".repeat(5_000);
    let clients: Vec<TcpStream> = (0..20).map(|_| connect_with_little_room(server.address)).collect();
    // What has come is answered until there is no room for answers; then no more is taken.
    let pauses = Cell::new(0);
    until("the server takes no more of what they send", || {
        let taken: usize = clients.iter().map(|client| send_what_is_taken(client, &asked)).sum();
        pauses.set(if taken == 0 { pauses.get() + 1 } else { 0 });
        pauses.get() == 10
    });
    let during = server.memory("VmRSS").expect("told before");
    assert!(during < before + MOST_MEMORY, "{before} bytes became {during}");
    server.get("/version").expect(200, "3.0.5");
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

/// How many bytes of it the system takes now, for the server or on its way there.
fn send_what_is_taken(mut stream: &TcpStream, bytes: &[u8]) -> usize {
    let mut taken = 0;
    loop {
        match stream.write(&bytes[taken % bytes.len()..]) {
            Ok(count) => taken += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return taken,
            Err(error) => panic!("the connection was ended: {error}"),
        }
    }
}
