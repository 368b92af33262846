//! Azurite, Microsoft's emulator of Azure Blob Storage; `.ci/run` installs it.
//!
//! Owns its process, port and files. A shell holds the process, so that it does not survive the tests. Must not know what is stored.

use std::net::Ipv4Addr;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::client::try_exchange;
use super::tools::{free_port, tool, until};

/// Ends the emulator when stdin closes, as it does when the tests have ended.
const KEEPER: &str = r#"
directory=$1; shift
"$@" </dev/null >/dev/null 2>&1 & pid=$!
cat >/dev/null
kill -KILL "$pid"
wait "$pid" 2>/dev/null
rm -rf "$directory"
"#;

/// The account that every Azurite has.
const ACCOUNT: &str = "devstoreaccount1";
const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
const API: &str = "2021-12-02";

/// A running emulator.
pub struct Azurite {
    port: u16,
    /// The system closes its stdin at the end of the tests.
    _shell: Child,
}

impl Azurite {
    /// The emulator of all tests, which use containers of their own; `None`, and a skipped test, where it is not installed.
    pub fn shared(test: &str) -> Option<&'static Self> {
        static AZURITE: OnceLock<Azurite> = OnceLock::new();
        let program = tool(test, "azurite-blob")?;
        Some(AZURITE.get_or_init(|| {
            let port = free_port();
            // The shell removes it.
            let directory = tempfile::tempdir().expect("a temporary directory").keep();
            let mut keeper = Command::new("sh");
            keeper.args(["-c", KEEPER, "sh"]).arg(&directory).arg(program);
            keeper.args(["--silent", "--disableTelemetry", "--skipApiVersionCheck"]);
            keeper.args(["--blobPort", &port.to_string()]).arg("--location").arg(&directory);
            let shell = keeper.stdin(Stdio::piped()).spawn().expect("a shell starts");
            Self { port, _shell: shell }
        }))
    }

    /// A new, empty container.
    pub fn container(&self) -> String {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("container-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let request = put_container(&name);
        until("Azurite creates a container", || {
            let reply = try_exchange((Ipv4Addr::LOCALHOST, self.port).into(), request.as_bytes());
            reply.is_some_and(|reply| reply.status == 201)
        });
        name
    }

    /// The settings of a server that stores its models at this URL.
    pub fn settings(&self, url: &str) -> Vec<(&'static str, String)> {
        vec![
            ("MOODLE_MLBACKEND_BUCKET_URL", url.to_owned()),
            ("AZURE_STORAGE_ACCOUNT_NAME", ACCOUNT.to_owned()),
            ("AZURE_STORAGE_ACCOUNT_KEY", KEY.to_owned()),
            ("AZURE_ENDPOINT", format!("http://127.0.0.1:{}/{ACCOUNT}", self.port)),
            ("AZURE_ALLOW_HTTP", "true".to_owned()),
        ]
    }
}

/// A request with a signature, which the crate of the program cannot make: it creates no containers.
fn put_container(name: &str) -> String {
    let date = jiff::Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let resource = format!("/{ACCOUNT}/{ACCOUNT}/{name}\nrestype:container");
    // Between the method and these headers are eleven that the request does not have.
    let signed = format!("PUT{}x-ms-date:{date}\nx-ms-version:{API}\n{resource}", "\n".repeat(12));
    let key = BASE64_STANDARD.decode(KEY).expect("the key is base64");
    let mut hmac = Hmac::<Sha256>::new_from_slice(&key).expect("any length");
    hmac.update(signed.as_bytes());
    let signature = BASE64_STANDARD.encode(hmac.finalize().into_bytes());
    format!(
        "PUT /{ACCOUNT}/{name}?restype=container HTTP/1.1\r\nHost: 127.0.0.1\r\nx-ms-date: {date}\r\nx-ms-version: {API}\r\n\
         Authorization: SharedKey {ACCOUNT}:{signature}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )
}
