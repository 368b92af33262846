//! nginx and Apache as single processes, with a certificate of their own, killed on drop.
//!
//! Must not know what their configuration does.

use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::tools::{find, tool};

/// The host name in the configurations in `deploy`, and in the certificate.
pub const PROXY_NAME: &str = "mlbackend.example.org";

/// Where Debian has Apache's modules.
const APACHE_MODULES: &str = "/usr/lib/apache2/modules";

/// A running proxy.
pub struct Proxy {
    child: Child,
    _directory: TempDir,
    pub port: u16,
}

impl Proxy {
    /// Starts nginx with these lines in its `http` block; `None`, and a skipped test, if it is not installed.
    pub fn nginx(test: &str, directory: TempDir, port: u16, http: &str) -> Option<Self> {
        let nginx = tool(test, "nginx")?;
        let kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
        let temporary: String = kinds.map(|kind| format!("{kind}_temp_path temporary-{kind};\n")).concat();
        // A single process, so that killing it stops nginx.
        let text = format!(
            "daemon off;\nmaster_process off;\npid {0}/nginx.pid;\nerror_log {0}/error.log;\nevents {{}}\n\
             http {{\naccess_log off;\n{temporary}\n{http}\n}}\n",
            directory.path().display()
        );
        let mut command = Command::new(nginx);
        command.args(["-e", "error.log", "-p"]).arg(directory.path()).arg("-c");
        Some(Self::start(command, directory, port, &text))
    }

    /// Starts Apache with these modules and lines; `None`, and a skipped test, if it is not installed.
    pub fn apache(test: &str, directory: TempDir, port: u16, modules: &[&str], lines: &str) -> Option<Self> {
        let apache = tool(test, "apache2")?;
        let load = |module: &&str| format!("LoadModule {module}_module {APACHE_MODULES}/mod_{module}.so\n");
        let modules =
            ["mpm_event", "authz_core"].iter().chain(modules).map(load).collect::<Vec<_>>().concat();
        // Apache does not run as root; for others, user and group have no effect.
        let text = format!(
            "ServerRoot {0}\nDefaultRuntimeDir {0}\nPidFile {0}/pid\nErrorLog {0}/error.log\nServerName localhost\n\
             User #65534\nGroup #65534\n{modules}\nListen 127.0.0.1:{port}\n{lines}\n",
            directory.path().display()
        );
        let mut command = Command::new(apache);
        // A single process with threads, so that killing it stops Apache.
        command.args(["-X", "-d"]).arg(directory.path()).arg("-f");
        Some(Self::start(command, directory, port, &text))
    }

    /// Starts a command with the path of a configuration as its last argument, and waits until it listens.
    fn start(mut command: Command, directory: TempDir, port: u16, configuration: &str) -> Self {
        let file = directory.path().join("configuration");
        #[allow(clippy::disallowed_methods, reason = "a temporary file of the test")]
        fs::write(&file, configuration).expect("written");
        let child = command.arg(file).stderr(Stdio::null()).spawn().expect("the proxy starts");
        let log = directory.path().join("error.log");
        let mut proxy = Self { child, _directory: directory, port };
        let is_listening = || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok();
        let mut has_ended = || proxy.child.try_wait().expect("a child").is_some();
        while !is_listening() {
            assert!(!has_ended(), "the proxy has ended: {}", fs::read_to_string(&log).unwrap_or_default());
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        proxy
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A self-signed certificate for [`PROXY_NAME`], and its key.
pub struct Certificate {
    pub file: PathBuf,
    pub key: PathBuf,
}

impl Certificate {
    /// `None` if openssl is not installed.
    pub fn make(directory: &Path) -> Option<Self> {
        let openssl = find("openssl")?;
        let (file, key) = (directory.join("certificate.pem"), directory.join("certificate.key"));
        let names = format!("subjectAltName=DNS:{PROXY_NAME}");
        let made = Command::new(openssl)
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
            .args(["-days", "2", "-subj", &format!("/CN={PROXY_NAME}"), "-addext", &names, "-out"])
            .arg(&file)
            .arg("-keyout")
            .arg(&key)
            .output()
            .expect("openssl runs");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        Some(Self { file, key })
    }
}

/// A configuration in `deploy` with the names and ports of a test.
pub struct Shipped<'a> {
    pub name: &'a str,
    pub text: String,
}

impl Shipped<'_> {
    /// Replaces a text that must be there.
    #[track_caller]
    pub fn change(&mut self, from: &str, to: &str) {
        assert!(self.text.contains(from), "deploy/{} does not contain {from:?}", self.name);
        self.text = self.text.replace(from, to);
    }

    /// Sets the paths of the certificate.
    #[track_caller]
    pub fn certify(&mut self, certificate: &Certificate) {
        self.change("/etc/ssl/certs/mlbackend.example.org.pem", &certificate.file.display().to_string());
        self.change("/etc/ssl/private/mlbackend.example.org.key", &certificate.key.display().to_string());
    }
}
