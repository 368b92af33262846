//! Several servers with the same settings behind nginx, as `deploy/nginx-shared.conf` describes it.
//!
//! Must not know where the replicas keep their models: the settings of the test say so.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use super::client::{Reply, Request, exchange};
use super::proxy::{Proxy, Shipped};
use super::server::{Launch, TestServer};
use super::tools::{find, free_port};

/// A replica's port stays the same when it is started again.
struct Replica {
    port: u16,
    server: Option<TestServer>,
}

/// Running replicas and their proxy, ended on drop.
pub struct Replicas {
    all: Vec<Replica>,
    proxy: Proxy,
    settings: Vec<(String, String)>,
}

impl Replicas {
    /// Starts them with these settings, and without a data directory of their own; `None`, and a skipped test, if nginx is not
    /// installed.
    pub fn start(test: &str, count: usize, settings: &[(&str, String)]) -> Option<Self> {
        if find("nginx").is_none() {
            super::skip::skip(test, "nginx is not installed");
            return None;
        }
        let settings: Vec<_> =
            settings.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let ports: Vec<u16> = (0..count).map(|_| free_port()).collect();
        let replicas = ports.iter().map(|&port| Replica { port, server: Some(launch(port, &settings)) });
        let all = replicas.collect();
        let port = free_port();
        let directory = tempfile::tempdir().expect("a temporary directory");
        let proxy = Proxy::nginx(test, directory, port, &configuration(port, &ports))?;
        Some(Self { all, proxy, settings })
    }

    /// Sends a request to the proxy.
    pub fn send(&self, request: &Request) -> Reply {
        exchange(self.address(), &request.bytes())
    }

    /// The address of the proxy.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.proxy.port).into()
    }

    /// A running replica.
    #[track_caller]
    pub fn replica(&self, index: usize) -> &TestServer {
        self.all[index].server.as_ref().expect("the replica runs")
    }

    /// The port of a replica, running or not.
    pub fn port(&self, index: usize) -> u16 {
        self.all[index].port
    }

    /// Kills a replica as `kill -9` does.
    #[track_caller]
    pub fn kill(&mut self, index: usize) {
        self.all[index].server.take().expect("the replica runs").kill();
    }

    /// Starts a killed replica again, on its port and with an empty directory, as a new container does.
    pub fn start_again(&mut self, index: usize) {
        let replica = &mut self.all[index];
        replica.server = None;
        replica.server = Some(launch(replica.port, &self.settings));
    }
}

fn launch(port: u16, settings: &[(String, String)]) -> TestServer {
    let launch = Launch::new().without("MOODLE_MLBACKEND_PYTHON_DIR");
    let launch = settings.iter().fold(launch, |launch, (name, value)| launch.env(name, value));
    launch.env("MOODLE_MLBACKEND_PORT", &port.to_string()).start()
}

/// The configuration in `deploy` with the ports of a test and without TLS.
fn configuration(port: u16, replicas: &[u16]) -> String {
    const SERVERS: usize = 3;
    assert!(replicas.len() <= SERVERS, "the file has {SERVERS} servers");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/nginx-shared.conf");
    let text = fs::read_to_string(file).expect("a file of deploy/");
    let mut shipped = Shipped { name: "nginx-shared.conf", text };
    shipped.change("listen 443 ssl;", &format!("listen 127.0.0.1:{port};"));
    for line in ["ssl_certificate", "ssl_protocols"] {
        shipped.change(line, &format!("# {line}"));
    }
    // So that tests need not wait as long until a replica is used again.
    shipped.change("fail_timeout=10s", "fail_timeout=1s");
    for index in 0..SERVERS {
        let line = match replicas.get(index) {
            Some(port) => format!("server 127.0.0.1:{port}"),
            None => "# no server".to_owned(),
        };
        shipped.change(&format!("server 192.0.2.{}:5000", 21 + index), &line);
    }
    shipped.text
}
