//! The certificate of a server, whether or not it is valid.
//!
//! Owns reading the authorities of this system. Must not know what an administrator should do about a problem.

use std::fs;
use std::io;
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::client::{WebPkiServerVerifier, verify_server_name};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, RootCertStore, SignatureScheme, StreamOwned,
};

/// Where distributions keep the certificates of authorities: Debian, Red Hat, SUSE, Alpine.
const BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// A certificate that ends within this time should be renewed.
pub(super) const SOON: Duration = Duration::from_hours(14 * 24);

/// What is wrong with a certificate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// It is for another name.
    pub(super) other_name: Option<String>,
    /// It is not valid now, for example because it has expired, or comes from an unknown authority.
    pub(super) invalid_now: Option<String>,
    /// It will not be valid [`SOON`].
    pub(super) invalid_soon: Option<String>,
    /// It is not verifiable, because this system has no list of authorities.
    pub(super) no_authorities: bool,
}

/// What was recorded during a handshake.
pub(super) struct Recorded(Arc<Recorder>);

impl Recorded {
    /// What was wrong with the certificate.
    pub(super) fn take(self) -> Seen {
        self.0.seen.lock().map(|seen| seen.clone()).unwrap_or_default()
    }
}

/// Completes a handshake with any certificate.
pub(super) fn connect(
    mut stream: TcpStream,
    host: &str,
) -> io::Result<(StreamOwned<ClientConnection, TcpStream>, Recorded)> {
    let provider = Arc::new(ring::default_provider());
    let recorder = Arc::new(Recorder::new(&provider));
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&recorder) as Arc<dyn ServerCertVerifier>)
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    let mut connection = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
    while connection.is_handshaking() {
        connection.complete_io(&mut stream)?;
    }
    Ok((StreamOwned::new(connection, stream), Recorded(recorder)))
}

/// Accepts every certificate, as Moodle does, and records what is wrong with it. Signatures of the handshake are verified.
#[derive(Debug)]
struct Recorder {
    provider: Arc<CryptoProvider>,
    authorities: Option<Arc<WebPkiServerVerifier>>,
    seen: Mutex<Seen>,
}

impl Recorder {
    fn new(provider: &Arc<CryptoProvider>) -> Self {
        let mut roots = RootCertStore::empty();
        let bundle = BUNDLES.iter().find_map(|path| fs::read(path).ok()).unwrap_or_default();
        roots.add_parsable_certificates(CertificateDer::pem_slice_iter(&bundle).flatten());
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider)).build();
        Self { provider: Arc::clone(provider), authorities: verifier.ok(), seen: Mutex::default() }
    }
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let mut seen = Seen { no_authorities: self.authorities.is_none(), ..Seen::default() };
        let name = ParsedCertificate::try_from(end_entity)
            .and_then(|certificate| verify_server_name(&certificate, server_name));
        seen.other_name = name.err().map(|error| error.to_string());
        if let Some(verifier) = &self.authorities {
            let problem = |at: UnixTime| {
                verifier
                    .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, at)
                    .err()
                    .map(|error| error.to_string())
            };
            seen.invalid_now = problem(now);
            let soon = Duration::from_secs(now.as_secs()) + SOON;
            seen.invalid_soon = problem(UnixTime::since_unix_epoch(soon));
        }
        if let Ok(mut slot) = self.seen.lock() {
            *slot = seen;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        tokio_rustls::rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        tokio_rustls::rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
