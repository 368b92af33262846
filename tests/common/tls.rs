//! Certificates of a self-made authority, made with openssl, and a TLS client that trusts it.
//!
//! Must not know the program that is tested.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::client::{Connection, connect};
use super::server::Launch;
use super::tools::tool;

/// A self-made authority. Its certificates are for localhost and 127.0.0.1.
pub struct Authority {
    openssl: PathBuf,
    dir: Arc<TempDir>,
}

/// The files of a certificate.
pub struct CertificateFiles {
    pub cert: PathBuf,
    pub key: PathBuf,
}

impl Authority {
    /// A new authority; without openssl, reports a skipped test.
    pub fn new(test: &str) -> Option<Self> {
        let openssl = tool(test, "openssl")?;
        let authority = Self { openssl, dir: Arc::new(tempfile::tempdir().expect("a directory")) };
        authority.openssl(
            &["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"],
            |command| {
                command.args([
                    "-keyout",
                    "ca.key",
                    "-out",
                    "ca.pem",
                    "-days",
                    "3650",
                    "-subj",
                    "/CN=Test authority",
                ]);
            },
        );
        Some(authority)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The certificate of the authority.
    pub fn root(&self) -> PathBuf {
        self.path("ca.pem")
    }

    /// A new certificate, valid for some days from now on.
    pub fn issue(&self, name: &str, days: u32) -> CertificateFiles {
        self.issue_with(name, &["-days", &days.to_string()])
    }

    /// A certificate that has expired.
    pub fn issue_expired(&self, name: &str) -> CertificateFiles {
        // Not with `x509 -req`: it has options for dates only from OpenSSL 3.4 on.
        let files = self.request(name);
        let lines = "[ca]\ndefault_ca = d\n[d]\ndatabase = index.txt\nserial = serial\nnew_certs_dir = .\n\
                     default_md = sha256\nrand_serial = yes\npolicy = p\nunique_subject = no\n[p]\n";
        self.write("ca.conf", lines);
        self.write("index.txt", "");
        self.openssl(
            &["ca", "-batch", "-notext", "-config", "ca.conf", "-cert", "ca.pem", "-keyfile", "ca.key"],
            |command| {
                command.args([
                    "-startdate",
                    "20200101000000Z",
                    "-enddate",
                    "20200201000000Z",
                    "-subj",
                    "/O=expired",
                ]);
                command.args(["-in", &format!("{name}.csr"), "-extfile", &format!("{name}.ext")]);
                command.arg("-out").arg(&files.cert);
            },
        );
        files
    }

    fn issue_with(&self, name: &str, options: &[&str]) -> CertificateFiles {
        let files = self.request(name);
        self.openssl(&["x509", "-req", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"], |command| {
            command.args(["-in", &format!("{name}.csr"), "-extfile", &format!("{name}.ext")]).args(options);
            command.arg("-out").arg(&files.cert);
        });
        files
    }

    fn request(&self, name: &str) -> CertificateFiles {
        self.write(
            &format!("{name}.ext"),
            "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n",
        );
        let (cert, key) = (self.path(&format!("{name}.pem")), self.path(&format!("{name}.key")));
        self.openssl(&["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"], |command| {
            command
                .args(["-subj", &format!("/CN={name}"), "-out", &format!("{name}.csr")])
                .arg("-keyout")
                .arg(&key);
        });
        CertificateFiles { cert, key }
    }

    #[allow(clippy::disallowed_methods, reason = "a file of the test")]
    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("a file");
    }

    #[track_caller]
    fn openssl(&self, arguments: &[&str], more: impl FnOnce(&mut Command)) {
        let mut command = Command::new(&self.openssl);
        more(command.args(arguments).current_dir(self.dir.path()));
        let output = command.output().expect("openssl runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// A client that trusts only this authority.
    pub fn client(&self) -> TlsClient {
        let mut roots = RootCertStore::empty();
        let root = CertificateDer::from_pem_file(self.root()).expect("a certificate");
        roots.add(root).expect("an authority");
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let config = config.with_safe_default_protocol_versions().expect("the versions");
        let config = Arc::new(config.with_root_certificates(roots).with_no_client_auth());
        TlsClient { config, _files: self.dir.clone() }
    }
}

/// A client of TLS; it resumes sessions, as browsers do.
#[derive(Clone)]
pub struct TlsClient {
    config: Arc<ClientConfig>,
    /// A server reads its files when it starts.
    _files: Arc<TempDir>,
}

impl TlsClient {
    /// Connects; the handshake happens with the first bytes.
    pub fn connect(&self, address: SocketAddr) -> io::Result<TlsConnection> {
        Ok(self.over(connect(address)?))
    }

    /// The same over a connection that the test has made.
    pub fn over(&self, stream: TcpStream) -> TlsConnection {
        TlsConnection(StreamOwned::new(self.session(), stream))
    }

    /// A session without a connection.
    pub fn session(&self) -> ClientConnection {
        let name = ServerName::try_from("localhost").expect("a name");
        ClientConnection::new(self.config.clone(), name).expect("a session")
    }
}

/// A connection with TLS.
pub struct TlsConnection(StreamOwned<ClientConnection, TcpStream>);

impl TlsConnection {
    /// The certificate of the server, after the handshake.
    pub fn certificate(&self) -> Option<Vec<u8>> {
        Some(self.0.conn.peer_certificates()?.first()?.to_vec())
    }
}

impl Read for TlsConnection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for TlsConnection {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Connection for TlsConnection {
    fn set_nonblocking(&self, nonblocking: bool) {
        Connection::set_nonblocking(&self.0.sock, nonblocking);
    }

    fn set_write_timeout(&self, timeout: Duration) {
        Connection::set_write_timeout(&self.0.sock, timeout);
    }
}

/// The certificate in a file, in the form of [`TlsConnection::certificate`].
pub fn certificate_in(file: &Path) -> Vec<u8> {
    CertificateDer::from_pem_file(file).expect("a certificate").to_vec()
}

/// How clients connect to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    Plain,
    Tls,
}

impl Transport {
    /// A server with this transport; where a tool is missing, reports a skipped test.
    pub fn launch(self, test: &str) -> Option<Launch> {
        if self == Self::Plain {
            return Some(Launch::new());
        }
        let authority = Authority::new(test)?;
        let files = authority.issue("server", 90);
        Some(Launch::new().with_tls(&authority, &files))
    }
}
