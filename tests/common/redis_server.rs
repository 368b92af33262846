//! A Redis server on loopback, with a password and without files.
//!
//! Must not know what is stored there.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::tools::{free_port, tool, until};

const PASSWORD: &str = "secret-of-the-queue";

/// A Redis server, killed on drop.
pub struct RedisServer {
    program: PathBuf,
    arguments: Vec<String>,
    scheme: &'static str,
    port: u16,
    child: Option<Child>,
}

impl RedisServer {
    /// A running server; where Redis is not installed, reports a skipped test.
    pub fn start(test: &str) -> Option<Self> {
        let port = free_port();
        Self::launch(test, "redis", port, vec!["--port".to_owned(), port.to_string()])
    }

    /// The same with TLS alone.
    pub fn start_with_tls(test: &str, [certificate, key, authority]: [&Path; 3]) -> Option<Self> {
        let port = free_port();
        let mut arguments = ["--port", "0", "--tls-port"].map(str::to_owned).to_vec();
        arguments.push(port.to_string());
        let text = |path: &Path| path.to_str().expect("text").to_owned();
        arguments.extend(["--tls-cert-file".to_owned(), text(certificate)]);
        arguments.extend(["--tls-key-file".to_owned(), text(key)]);
        arguments.extend(["--tls-ca-cert-file".to_owned(), text(authority)]);
        arguments.extend(["--tls-auth-clients", "no"].map(str::to_owned));
        Self::launch(test, "rediss", port, arguments)
    }

    fn launch(test: &str, scheme: &'static str, port: u16, mut arguments: Vec<String>) -> Option<Self> {
        let program = tool(test, "redis-server")?;
        let fixed = ["--bind", "127.0.0.1", "--requirepass", PASSWORD, "--save", "", "--appendonly", "no"];
        arguments.extend(fixed.map(str::to_owned));
        let mut server = Self { program, arguments, scheme, port, child: None };
        server.start_again();
        Some(server)
    }

    /// Starts it after [`Self::kill`], without what it had.
    pub fn start_again(&mut self) {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).stdout(Stdio::null()).stderr(Stdio::null());
        self.child = Some(command.spawn().expect("Redis starts"));
        let port = self.port;
        until("Redis listens", || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok());
    }

    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Sends it a signal, such as STOP: then it accepts connections and answers nothing.
    pub fn signal(&self, name: &str) {
        let pid = self.child.as_ref().expect("Redis runs").id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.expect("kill runs").success());
    }

    pub fn url(&self) -> String {
        format!("{}://:{PASSWORD}@127.0.0.1:{}", self.scheme, self.port)
    }

    /// Empties it.
    pub fn empty(&self) {
        self.command("FLUSHALL");
    }

    /// Sends a command; the last line of the answer. Without TLS.
    fn command(&self, command: &str) -> String {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).expect("Redis listens");
        write!(stream, "AUTH {PASSWORD}\r\n{command}\r\nQUIT\r\n").expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let lines: Vec<&str> = answer.trim().lines().collect();
        lines[lines.len() - 2].to_owned()
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}
