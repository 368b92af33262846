//! A client with a great many connections: others have theirs all the same.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, UdpSocket};

use crate::common::{Launch, skip, until};

/// An address of this machine that is not one for itself alone; `None` without a network. Nothing is sent.
fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // An address of the documentation: only the way there is looked up.
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    socket.local_addr().ok().map(|own| own.ip()).filter(|own| !own.is_loopback() && !own.is_unspecified())
}

/// Asks for the version and keeps the connection; `None` when it is closed instead.
fn version_of(address: SocketAddr) -> Option<TcpStream> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.write_all(b"GET /version HTTP/1.1\r\nHost: x\r\n\r\n").ok()?;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).ok()?;
    assert_eq!(&answer, b"HTTP/1.1 200");
    Some(stream)
}

#[test]
fn a_client_gets_its_share_of_the_connections_and_others_get_theirs() {
    let Some(own) = own_address() else {
        return skip(
            "a_client_gets_its_share_of_the_connections_and_others_get_theirs",
            "this machine has no address that others could use",
        );
    };
    let server = Launch::new().arg("--world-visible").env("MOODLE_MLBACKEND_MAX_CONNECTIONS", "200").start();
    let address = SocketAddr::new(own, server.address.port());
    let served = || (0..70).filter_map(|_| version_of(address)).collect::<Vec<_>>();
    let held = served();
    assert_eq!(held.len(), 50, "a quarter");
    server.get("/version").expect(200, "3.0.5");
    let told = "this client has as many connections as one may have";
    assert_eq!(server.log().matches(told).count(), 1, "not once a connection: {}", server.log());
    drop(held);
    until("its share is free again", || version_of(address).is_some());
}
