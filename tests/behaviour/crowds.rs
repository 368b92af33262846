//! One client with many connections: it gets its share, and other clients get theirs.

use std::env;
use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;

use tokio::net::TcpSocket;

use crate::common::{Connection, TestServer, Transport, namespaces, tool, until, untouched};

/// Set in the process that runs in a network namespace of its own.
const IN_NAMESPACE: &str = "MLBACKEND_TEST_IN_NAMESPACE";

/// Two addresses that are not loopback: loopback has no limit per client.
const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7));
const OTHER_CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 8));

const MAX_CONNECTIONS: usize = 200;
/// A quarter of all connections.
const MAX_PER_CLIENT: usize = 50;

/// Runs itself again in a network namespace, in which it may add addresses.
#[test]
fn one_client_cannot_take_all_connections() {
    let test = "one_client_cannot_take_all_connections";
    let Some(ip) = tool(test, "ip") else { return };
    if env::var_os(IN_NAMESPACE).is_some() {
        let ip = |arguments: &[&str]| {
            assert!(Command::new(&ip).args(arguments).status().expect("ip runs").success(), "{arguments:?}");
        };
        ip(&["link", "set", "lo", "up"]);
        for address in [CLIENT, OTHER_CLIENT] {
            ip(&["address", "add", &format!("{address}/32"), "dev", "lo"]);
        }
        return [Transport::Plain, Transport::Tls]
            .into_iter()
            .for_each(|transport| in_namespace(test, transport));
    }
    let Some(mut unshare) = namespaces(test, &["--net"]) else { return };
    untouched(unshare.arg(env::current_exe().expect("a path")));
    unshare.args(["--exact", &format!("crowds::{test}"), "--nocapture"]).env(IN_NAMESPACE, "1");
    let output = unshare.output().expect("unshare runs");
    let [stdout, stderr] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    assert!(output.status.success() && stdout.contains("1 passed"), "{stdout}\n{stderr}");
}

fn in_namespace(test: &str, transport: Transport) {
    let Some(launch) = transport.launch(test) else { return };
    let launch = launch.arg("--host").arg(&CLIENT.to_string());
    let launch = launch.arg("--max-connections").arg(&MAX_CONNECTIONS.to_string());
    let server = launch.env("MOODLE_MLBACKEND_PYTHON_USERS", "a:b-at-length").start();

    let connections: Vec<_> = (0..MAX_PER_CLIENT + 20).map(|_| request_version(CLIENT, &server)).collect();
    assert_eq!(connections.iter().flatten().count(), MAX_PER_CLIENT);
    assert!(request_version(OTHER_CLIENT, &server).is_some(), "another client");

    drop(connections);
    until("its connections are closed", || request_version(CLIENT, &server).is_some());
    let log = server.log();
    let warnings = log
        .lines()
        .filter(|line| line.contains("WARN") && line.contains("connection limit per client reached"))
        .count();
    assert_eq!(warnings, 1, "one line for all connections that were closed: {log}");
}

/// Requests `/version`; returns the connection, which stays open, or `None` if the server closed it.
fn request_version(from: IpAddr, server: &TestServer) -> Option<Box<dyn Connection>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().expect("a runtime");
    let connected = runtime.block_on(async {
        let socket = TcpSocket::new_v4()?;
        socket.bind((from, 0).into())?;
        socket.connect(server.address).await?.into_std()
    });
    let stream = connected.expect("the system accepts the connection");
    stream.set_nonblocking(false).expect("a socket can block");
    let mut stream = server.over(stream);
    let mut response = Vec::new();
    stream.write_all(b"GET /version HTTP/1.1\r\nHost: x\r\n\r\n").ok()?;
    while !response.ends_with(b"3.0.5") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        response.push(byte[0]);
    }
    response.starts_with(b"HTTP/1.1 200").then_some(stream)
}
