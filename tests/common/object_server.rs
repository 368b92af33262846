//! A real S3 server, SeaweedFS, for tests of models in a bucket.
//!
//! One server serves all tests of a process, each with a bucket of its own; a test that stops the server starts its own. The
//! program comes with the Python packages of `tests/python/requirements.txt`. Must not know what is stored in it.

use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use tempfile::TempDir;

use super::client::{Request, try_exchange};
use super::skip::skip;
use super::tools::{free_port, until};

/// A running server. It ends with the process that started it, however that ends.
#[derive(Clone)]
pub struct ObjectServer(Arc<Running>);

struct Running {
    /// The pipe of its standard input ends with this process, and the server with the pipe.
    child: std::sync::Mutex<Child>,
    ports: Ports,
    dir: TempDir,
    buckets: AtomicU32,
}

#[derive(Clone, Copy)]
struct Ports {
    s3: u16,
    all: [u16; 8],
}

/// Anyone may create buckets here; requests with a key must be signed with it.
const USERS: &str = r#"{"identities": [
    {"name": "tests", "credentials": [{"accessKey": "tests", "secretKey": "secret-of-tests"}],
     "actions": ["Admin", "Read", "Write", "List"]},
    {"name": "anonymous", "actions": ["Admin"]}
]}"#;

impl ObjectServer {
    /// The server of all tests; `None`, with a visible reason, where there is no SeaweedFS.
    pub fn start() -> Option<Self> {
        static SERVER: OnceLock<Option<ObjectServer>> = OnceLock::new();
        let server = SERVER.get_or_init(|| weed().map(Self::run)).clone();
        if server.is_none() {
            let test = std::thread::current().name().unwrap_or("a test").to_owned();
            skip(&test, "SeaweedFS (`weed`) is not installed");
        }
        server
    }

    /// A server of one test, which may stop it.
    pub fn own() -> Option<Self> {
        Self::start()?;
        weed().map(Self::run)
    }

    fn run(weed: PathBuf) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("users.json"), USERS).expect("written");
        let mut all = [0; 8];
        for port in &mut all {
            *port = free_port();
        }
        let ports = Ports { s3: all[0], all };
        let child = launch(&weed, &dir, ports);
        let running = Running { child: child.into(), ports, dir, buckets: AtomicU32::new(0) };
        let server = Self(Arc::new(running));
        server.wait();
        server
    }

    fn wait(&self) {
        // It answers before it can create a bucket.
        until("the S3 server creates a bucket", || self.create("ready"));
    }

    fn create(&self, bucket: &str) -> bool {
        self.send(Request::new("PUT", &format!("/{bucket}")))
            .is_some_and(|status| [200, 409].contains(&status))
    }

    fn send(&self, request: Request) -> Option<u16> {
        let address = (Ipv4Addr::LOCALHOST, self.0.ports.s3).into();
        try_exchange(address, &request.bytes()).map(|reply| reply.status)
    }

    /// Stores an object as another program would.
    pub fn put(&self, bucket: &str, key: &str, bytes: &[u8]) {
        let request = Request::new("PUT", &format!("/{bucket}/{key}")).body(
            "Content-Type",
            "application/octet-stream",
            bytes.to_vec(),
        );
        assert_eq!(self.send(request), Some(200), "{key}");
    }

    /// Whether there is an object.
    pub fn exists(&self, bucket: &str, key: &str) -> bool {
        self.send(Request::new("GET", &format!("/{bucket}/{key}"))) == Some(200)
    }

    /// A new bucket.
    pub fn bucket(&self) -> String {
        let number = self.0.buckets.fetch_add(1, Ordering::SeqCst);
        let name = format!("models-{}-{number}", std::process::id());
        assert!(self.create(&name), "no bucket");
        name
    }

    /// The variables of a program that uses it.
    pub fn variables(&self) -> Vec<(String, String)> {
        self.variables_through(self.0.ports.s3)
    }

    /// The same through a port that leads to it.
    pub fn variables_through(&self, port: u16) -> Vec<(String, String)> {
        let endpoint = format!("http://127.0.0.1:{port}");
        let variables = [
            ("AWS_ACCESS_KEY_ID", "tests"),
            ("AWS_SECRET_ACCESS_KEY", "secret-of-tests"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ENDPOINT_URL", &endpoint),
            ("AWS_ALLOW_HTTP", "true"),
        ];
        variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.0.ports.s3
    }

    /// Ends it; what was stored stays.
    pub fn stop(&self) {
        let mut child = self.0.child.lock().expect("not poisoned");
        drop(child.stdin.take());
        child.wait().expect("it ends");
    }

    /// Starts it again on the same ports.
    pub fn start_again(&self) {
        let weed = weed().expect("it was installed");
        *self.0.child.lock().expect("not poisoned") = launch(&weed, &self.0.dir, self.0.ports);
        self.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut child = self.child.lock().expect("not poisoned");
        drop(child.stdin.take());
        let _ = child.wait();
    }
}

/// Beside the Python of the tests, or on the PATH.
fn weed() -> Option<PathBuf> {
    let python = std::env::var_os("MLBACKEND_TEST_PYTHON").map(PathBuf::from);
    let beside = python.and_then(|python| Some(python.parent()?.join("weed")));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|dir| dir.join("weed"));
    beside.into_iter().chain(on_path).find(|file| file.is_file())
}

/// A shell waits for the end of its standard input and then ends the server: a killed test leaves no server.
fn launch(weed: &PathBuf, dir: &TempDir, ports: Ports) -> Child {
    let [s3, master, volume, filer, master_grpc, volume_grpc, filer_grpc, s3_grpc] = ports.all;
    let data = dir.path().join("data");
    fs::create_dir_all(&data).expect("a directory");
    let log = File::create(dir.path().join("log")).expect("a file");
    Command::new("sh")
        .arg("-c")
        .arg("\"$0\" \"$@\" </dev/null & weed=$!; read -r _; kill -9 $weed; wait $weed 2>/dev/null")
        .arg(weed)
        .args(["server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3", "-volume.max=1000"])
        .arg("-master.volumeSizeLimitMB=64")
        .arg(format!("-dir={}", data.display()))
        .arg(format!("-s3.config={}", dir.path().join("users.json").display()))
        .arg(format!("-s3.port={s3}"))
        .arg(format!("-s3.port.grpc={s3_grpc}"))
        .arg(format!("-master.port={master}"))
        .arg(format!("-master.port.grpc={master_grpc}"))
        .arg(format!("-volume.port={volume}"))
        .arg(format!("-volume.port.grpc={volume_grpc}"))
        .arg(format!("-filer.port={filer}"))
        .arg(format!("-filer.port.grpc={filer_grpc}"))
        .stdin(Stdio::piped())
        .stdout(log.try_clone().expect("a file"))
        .stderr(log)
        .spawn()
        .expect("a shell")
}
