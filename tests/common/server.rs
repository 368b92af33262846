//! Starts and ends the real binary.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::client::{Connection, Form, Reply, Request, connect, exchange, exchange_over, try_exchange};
use super::faults::{fired_failpoint, inject_fault, inject_fault_at};
use super::tls::{Authority, CertificateFiles, TlsClient};
use super::tools::until;

/// Names a program to test instead of the one that was built with the tests, such as a release.
const PROGRAM: &str = "MLBACKEND_TEST_PROGRAM";

pub(super) fn program() -> OsString {
    std::env::var_os(PROGRAM).unwrap_or_else(|| env!("CARGO_BIN_EXE_moodle-mlbackend").into())
}

/// A running server, killed on drop.
pub struct TestServer {
    child: Child,
    /// Its first port; with Unix sockets only, the address of no machine.
    pub address: SocketAddr,
    dir: TempDir,
    tls: Option<TlsClient>,
}

/// How a server starts.
pub struct Launch {
    command: Command,
    dir: TempDir,
    tls: Option<TlsClient>,
}

/// The result of a server that ended by itself.
pub struct Ended {
    pub code: Option<i32>,
    pub stderr: String,
}

/// Where the logs of all servers are kept, for a fault that is seldom seen. A directory on the disk of temporary files.
const KEPT_LOGS: &str = "MLBACKEND_TEST_LOGS";

/// Gives the log a second name, if a directory for it is named: the first one goes with the server.
fn keep(log: &Path) {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let Some(directory) = env::var_os(KEPT_LOGS) else { return };
    let name = format!("{}-{:05}.log", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    fs::hard_link(log, Path::new(&directory).join(name)).expect("the directory of kept logs exists");
}

impl Launch {
    /// The default settings: port 0, new directories, user `a` with password `b`.
    pub fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        for name in ["data", "temp", "stash"] {
            fs::create_dir(dir.path().join(name)).expect("a directory");
        }
        Self::again(dir)
    }

    /// The same, in the directory of a server that has ended.
    pub fn again(dir: TempDir) -> Self {
        let mut command = Command::new(program());
        for (name, _) in std::env::vars_os() {
            // A MALLOC_ variable of the environment would keep the server from setting its own.
            if ["MOODLE_", "MALLOC_", "AWS_", "AZURE_", "GOOGLE_"]
                .iter()
                .any(|begin| name.to_string_lossy().starts_with(begin))
            {
                command.env_remove(name);
            }
        }
        let _ = fs::remove_file(dir.path().join("log"));
        command
            .arg("serve")
            .env("MOODLE_MLBACKEND_PORT", "0")
            // Not the file of an installation on this machine.
            .env("MOODLE_MLBACKEND_CONFIG", "/dev/null")
            .env_remove("RUST_BACKTRACE")
            .env("MOODLE_MLBACKEND_PYTHON_DIR", dir.path().join("data"))
            .env("MOODLE_MLBACKEND_TEMPDIR", dir.path().join("temp"))
            .env("MOODLE_MLBACKEND_PYTHON_USERS", "a:b");
        Self { command, dir, tls: None }
    }

    /// A server on a bucket, without a data directory.
    pub fn on_bucket(settings: &[(&'static str, String)]) -> Self {
        let launch = Self::new().without("MOODLE_MLBACKEND_PYTHON_DIR");
        settings.iter().fold(launch, |launch, (name, value)| launch.env(name, value))
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Serves HTTPS; the server's own requests then use TLS too.
    pub fn with_tls(mut self, authority: &Authority, files: &CertificateFiles) -> Self {
        self.tls = Some(authority.client());
        let text = |path: &Path| path.to_str().expect("text").to_owned();
        self.env("MOODLE_MLBACKEND_TLS_CERT", &text(&files.cert))
            .env("MOODLE_MLBACKEND_TLS_KEY", &text(&files.key))
    }

    /// The directory of the server's directories, for other files of a test.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub fn without(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    pub fn arg(mut self, argument: &str) -> Self {
        self.command.arg(argument);
        self
    }

    /// Enables injected disk faults, see [`TestServer::orders`].
    pub fn with_faults(self) -> Self {
        let orders = self.dir.path().join("orders");
        let orders = orders.to_str().expect("text").to_owned();
        self.env("MLBACKEND_TEST_FAULTS", &orders)
    }

    /// Sets the limit of open files, soft and hard.
    pub fn with_open_files(self, max: usize) -> Self {
        let mut limited = Command::new("prlimit");
        limited.arg(format!("--nofile={max}"));
        self.through(limited)
    }

    /// Runs the server from a shell script, whose arguments `"$@"` are its command, through a command such as that of
    /// [`super::tools::namespaces`].
    pub fn inside(self, mut command: Command, script: &str) -> Self {
        command.args(["sh", "-c", script, "sh"]);
        self.through(command)
    }

    /// Runs the server through a command that takes it as its last arguments.
    fn through(mut self, mut command: Command) -> Self {
        command.arg(self.command.get_program()).args(self.command.get_args());
        for (name, value) in self.command.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        self.command = command;
        self
    }

    /// The directory for debug copies of uploads, for tests that set its variable to it.
    pub fn stash_dir(&self) -> PathBuf {
        self.dir.path().join("stash")
    }

    /// Its directories, without a start.
    pub fn into_dir(self) -> TempDir {
        self.dir
    }

    /// A path for a file of the test, which the server keeps too: [`TestServer::path`].
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Starts a server that must listen.
    pub fn start(self) -> TestServer {
        let path = self.dir.path().join("log");
        let log = File::create_new(&path).expect("a log file");
        keep(&path);
        self.start_with_log(log.into())
    }

    /// The same, with its log elsewhere: [`TestServer::log`] cannot read it.
    pub fn start_with_log(mut self, log: Stdio) -> TestServer {
        let mut child = self.command.stdout(Stdio::piped()).stderr(log).spawn().expect("the binary starts");
        let mut line = String::new();
        let out = child.stdout.take().expect("stdout is piped");
        BufReader::new(out).read_line(&mut line).expect("stdout is readable");
        let scheme = if self.tls.is_some() { "https://" } else { "http://" };
        let url = line.trim().strip_prefix("listening on ");
        let address = url.and_then(|url| match url.strip_prefix("unix:") {
            Some(_) => Some((Ipv4Addr::UNSPECIFIED, 0).into()),
            None => url.strip_prefix(scheme)?.parse().ok(),
        });
        let Some(address) = address else {
            let log = fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
            panic!("the server did not start; stdout: {line:?}, stderr: {log}");
        };
        TestServer { child, address, dir: self.dir, tls: self.tls }
    }

    /// Starts a server that must refuse to run.
    pub fn fail(mut self) -> Ended {
        let mut child =
            self.command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the binary starts");
        let mut stderr = String::new();
        child.stderr.take().expect("stderr is piped").read_to_string(&mut stderr).expect("stderr is text");
        let code = child.wait().expect("the server ends").code();
        Ended { code, stderr }
    }
}

impl TestServer {
    pub fn start() -> Self {
        Launch::new().start()
    }

    pub fn url(&self, path: &str) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}{path}", self.address)
    }

    /// Sends a request.
    pub fn send(&self, request: &Request) -> Reply {
        self.raw(&request.bytes())
    }

    /// Sends bytes unchanged.
    pub fn raw(&self, bytes: &[u8]) -> Reply {
        match &self.tls {
            None => exchange(self.address, bytes),
            Some(_) => exchange_over(self.connect(), bytes).expect("a response"),
        }
    }

    /// A new connection, with TLS if the server has it.
    pub fn connect(&self) -> Box<dyn Connection> {
        self.over(connect(self.address).expect("the server accepts connections"))
    }

    /// The same over a connection that the test has made.
    pub fn over(&self, stream: TcpStream) -> Box<dyn Connection> {
        match &self.tls {
            None => Box::new(stream),
            Some(tls) => Box::new(tls.over(stream)),
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// GET with the right credentials.
    pub fn get(&self, path_and_query: &str) -> Reply {
        self.send(&Request::new("GET", path_and_query).credentials("a", "b"))
    }

    /// POST of a form with the right credentials.
    pub fn post(&self, path_and_query: &str, form: &Form) -> Reply {
        self.send(&Request::new("POST", path_and_query).credentials("a", "b").form(form))
    }

    /// Trains the model `id`/d and expects status 0.
    #[track_caller]
    pub fn train(&self, id: &str, dataset: &[u8]) {
        let reply = self.post("/training", &Form::model(id, "d").file("dataset", dataset));
        assert_eq!((reply.status, &reply.json()["status"]), (200, &json!(0)), "{}", reply.text());
    }

    /// The reply of the model `id`/d to a prediction.
    #[track_caller]
    pub fn predict(&self, id: &str, dataset: &[u8]) -> Value {
        let reply = self.post("/prediction", &Form::model(id, "d").file("dataset", dataset));
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()
    }

    /// The predictions of the model `id`/d, which has to be trained.
    #[track_caller]
    pub fn predictions(&self, id: &str, dataset: &[u8]) -> Value {
        let mut reply = self.predict(id, dataset);
        assert_eq!(reply["status"], json!(0), "{reply}");
        reply["predictions"].take()
    }

    /// Imports an archive as the model `id`/d.
    pub fn import(&self, id: &str, archive: &[u8]) -> Reply {
        self.post("/import", &Form::model(id, "d").file("importzip", archive))
    }

    /// The export of the model `id`/d, which has to be trained.
    #[track_caller]
    pub fn export(&self, id: &str) -> Vec<u8> {
        let reply = self.get(&format!("/export?uniqueid={id}&dirhash=d"));
        assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/zip")));
        reply.body
    }

    /// Makes the next job stop at a step, with [`Launch::with_faults`].
    pub fn hold(&self, step: &str) {
        inject_fault(self, &format!("hold {step}"));
    }

    /// Waits until a job has stopped at the step.
    #[track_caller]
    pub fn wait_until_held(&self) {
        until("a job stops at the step", || fired_failpoint(&self.orders()).is_some());
    }

    /// Lets the stopped job continue.
    pub fn release(&self) {
        inject_fault_at(&self.orders().with_extension("go"), "");
    }

    /// The log so far. Another thread writes the lines, in order: once the line of one more request is there, so are all
    /// before it.
    pub fn log(&self) -> String {
        let read = || fs::read_to_string(self.dir.path().join("log")).expect("the log is text");
        let last = self.try_raw(&Request::new("GET", "/version").bytes());
        // A server that has ended wrote all its lines before.
        let Some(id) = last.as_ref().and_then(|reply| reply.header("x-request-id")) else { return read() };
        until("the log is written", || read().lines().any(|line| line.contains(id)));
        read().split_inclusive('\n').filter(|line| !line.contains(id)).collect()
    }

    /// See [`Launch::path`].
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn data_dir(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// The uploads that the server has open now, which are unnamed files of the temporary directory, and any named file that
    /// it has left there. Without /proc, or after the end of the server, only the second.
    pub fn uploads(&self) -> Vec<PathBuf> {
        let temp = self.dir.path().join("temp");
        let descriptors = fs::read_dir(format!("/proc/{}/fd", self.child.id())).into_iter().flatten();
        let open = descriptors.flatten().flat_map(|descriptor| fs::read_link(descriptor.path()));
        let named = fs::read_dir(&temp).into_iter().flatten().flatten().map(|entry| entry.path());
        open.filter(|file| file.starts_with(&temp)).chain(named).collect()
    }

    /// A value of /proc/PID/status in bytes, such as `VmRSS` or `VmHWM`; `None` where there is no /proc.
    pub fn memory(&self, key: &str) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
        line.split_whitespace().next()?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
    }

    /// The number of open file descriptors; `None` where there is no /proc.
    pub fn descriptors(&self) -> Option<usize> {
        Some(fs::read_dir(format!("/proc/{}/fd", self.child.id())).ok()?.count())
    }

    /// Resets `VmHWM`; where that is not allowed, it keeps an earlier, higher value.
    #[allow(clippy::disallowed_methods, reason = "not a file on a disk but a command to the kernel")]
    pub fn forget_peak_memory(&self) {
        let _ = fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5");
    }

    /// The result of some work and by how much it raises the peak memory in bytes; 0 where there is no /proc.
    pub fn with_memory_growth<T>(&self, work: impl FnOnce() -> T) -> (T, u64) {
        self.forget_peak_memory();
        let before = self.memory("VmRSS");
        let result = work();
        let growth = self.memory("VmHWM").zip(before).map_or(0, |(peak, before)| peak.saturating_sub(before));
        (result, growth)
    }

    /// Sends bytes; the response, unless the server ends before.
    pub fn try_raw(&self, bytes: &[u8]) -> Option<Reply> {
        match &self.tls {
            None => try_exchange(self.address, bytes),
            Some(tls) => exchange_over(tls.connect(self.address).ok()?, bytes).ok(),
        }
    }

    /// Kills the server as `kill -9` does, unless it has ended; returns its directory.
    pub fn kill(mut self) -> TempDir {
        let _ = self.child.kill();
        self.ended().1
    }

    /// The file that names the faults to inject, with [`Launch::with_faults`].
    pub fn orders(&self) -> PathBuf {
        self.dir.path().join("orders")
    }

    /// Sends a signal.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(sent.expect("kill runs").success());
    }

    /// Stops the server with SIGTERM, as an init system does, and waits; returns its exit code.
    pub fn terminate(self) -> (Option<i32>, TempDir) {
        self.signal("TERM");
        self.ended()
    }

    /// Stops the server with SIGTERM, and waits for ten seconds at most.
    fn terminate_for_profile(&mut self) {
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        for _ in 0..1_000 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until the server ends; returns its exit code.
    pub fn ended(mut self) -> (Option<i32>, TempDir) {
        let code = self.child.wait().expect("the server ends").code();
        let dir = std::mem::replace(&mut self.dir, tempfile::tempdir().expect("a temporary directory"));
        (code, dir)
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        // A process that is killed writes no coverage profile.
        if std::env::var_os("LLVM_PROFILE_FILE").is_some() {
            self.terminate_for_profile();
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
