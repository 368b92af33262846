//! TLS: the handshake, and the certificate, which can be replaced while the server runs.
//!
//! Must not know what is sent within it.

mod certificate;

use std::io;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{self, ServerConfig};

use self::certificate::{Certificate, days_until};
use super::gated_stream::GatedStream;
use super::guarded_stream::GuardedStream;
use super::other_protocol::{SeldomLine, is_plain_http, refuse_plain_http};
use crate::config::TlsFiles;
use crate::text::Untrusted;

pub use certificate::CertificateError;

/// A certificate that ends in fewer days is logged: Certbot renews its own 30 days before.
const MIN_DAYS: i64 = 14;
/// Without this list, clients that offer HTTP/2 too might choose it.
const PROTOCOLS: [&[u8]; 2] = [b"http/1.1", b"http/1.0"];
/// Characters of an error that a log line contains.
const MAX_ERROR_CHARS: usize = 200;

/// TLS with one certificate; clones share it.
#[derive(Clone)]
pub(crate) struct Tls {
    files: Arc<TlsFiles>,
    provider: Arc<CryptoProvider>,
    current: Arc<Current>,
    config: Arc<ServerConfig>,
}

/// When the certificate that is in use ends; nothing without TLS.
#[derive(Clone)]
pub(crate) struct CertificateEnd(Option<Arc<Current>>);

impl CertificateEnd {
    pub(crate) fn of(tls: Option<&Tls>) -> Self {
        Self(tls.map(|tls| tls.current.clone()))
    }

    pub(crate) fn get(&self) -> Option<Timestamp> {
        Some(self.0.as_ref()?.read(|certificate| certificate.not_after))
    }
}

/// The certificate of new connections. Those that are open keep theirs, and sessions can be resumed across a change.
#[derive(Debug)]
struct Current(RwLock<Certificate>);

impl Current {
    fn read<T>(&self, read: impl FnOnce(&Certificate) -> T) -> T {
        read(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.read(|certificate| certificate.key.clone()))
    }
}

/// Why TLS cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificate or its key cannot be used.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The versions of TLS do not fit the cryptography.
    #[error("TLS cannot be set up")]
    Setup(#[source] rustls::Error),
}

impl Tls {
    /// Reads and checks the files. With a certificate that has expired the server starts nevertheless: Moodle accepts any
    /// certificate, and a reboot must not turn a forgotten renewal into an outage.
    pub(crate) fn new(files: TlsFiles) -> Result<Self, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let certificate = Certificate::read(&files, &provider)?;
        let current = Arc::new(Current(RwLock::new(certificate)));
        // The provider is given: with a second one in the program, the library would not choose.
        let config = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(TlsError::Setup)?;
        let mut config = config.with_no_client_auth().with_cert_resolver(current.clone());
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).into();
        let tls = Self { files: Arc::new(files), provider, current, config: Arc::new(config) };
        tls.log_end();
        Ok(tls)
    }

    /// Reads the files again. If they cannot be used, the log says why, and the current certificate stays.
    pub(crate) fn reload(&self) {
        let is_valid = || self.current.read(|certificate| certificate.problem().is_none());
        let read = Certificate::read(&self.files, &self.provider);
        match read.and_then(|new| new.problem().filter(|_| is_valid()).map_or(Ok(new), Err)) {
            Ok(certificate) => {
                *self.current.0.write().unwrap_or_else(PoisonError::into_inner) = certificate;
                tracing::info!(until = %self.not_after(), "TLS certificate loaded");
                self.log_end();
            }
            Err(error) => tracing::error!(
                cause = crate::http::error::chain(&error),
                until = %self.not_after(),
                "the TLS certificate was not replaced; the previous one stays in use"
            ),
        }
    }

    /// Logs a line if the certificate ends soon or is not valid.
    pub(crate) fn log_end(&self) {
        let not_after = self.not_after();
        if let Some(problem) = self.current.read(Certificate::problem) {
            tracing::error!("{problem}; clients that check certificates refuse it");
        } else if days_until(not_after) < MIN_DAYS {
            tracing::warn!(
                until = %not_after,
                "the TLS certificate ends in less than {MIN_DAYS} days: renew it and reload the server"
            );
        }
    }

    fn not_after(&self) -> Timestamp {
        self.current.read(|certificate| certificate.not_after)
    }

    /// Performs the handshake, which has to end within `limit`.
    pub(crate) async fn accept(
        &self,
        stream: GuardedStream<TcpStream>,
        limit: Duration,
    ) -> io::Result<GatedStream<TcpStream>> {
        timeout(limit, self.handshake(stream)).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    async fn handshake(&self, mut stream: GuardedStream<TcpStream>) -> io::Result<GatedStream<TcpStream>> {
        let mut start = [0];
        if stream.stream().peek(&mut start).await? > 0 && is_plain_http(start[0]) {
            refuse_plain_http(&mut stream).await?;
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut stream =
            TlsAcceptor::from(self.config.clone()).accept(stream).await.inspect_err(log_failure)?;
        stream.get_mut().0.end_handshake();
        Ok(GatedStream::tls(stream))
    }
}

/// A client that does not trust the certificate, or has no version of TLS in common. Connections that are closed without
/// a handshake are no failures: health checks make them.
fn log_failure(error: &io::Error) {
    static LINE: SeldomLine = SeldomLine::new();
    if error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>()).is_some() && LINE.is_due() {
        let cause = error.to_string();
        tracing::warn!(cause = %Untrusted(&cause).line(MAX_ERROR_CHARS), "a TLS handshake failed");
    }
}
