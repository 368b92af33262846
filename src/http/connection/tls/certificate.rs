//! A certificate and its private key, read from files in PEM and checked.
//!
//! Owns the checks and their messages. Must not know how the certificate is used.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::{Timestamp, Unit};
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{self, InconsistentKeys};
use webpki::{EndEntityCert, KeyUsage};

use crate::config::{TLS_CERT, TLS_KEY, TlsFiles};
use crate::fs::read_small;

/// Far longer than any chain of certificates.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Why a certificate or its key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read.
    #[error("cannot read the file {} that {setting} names: it must exist, and the server's user must be able to read it", path.display())]
    Read {
        /// The setting.
        setting: &'static str,
        /// Its value.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A file is no PEM, or has nothing of the kind.
    #[error("the file {} that {setting} names has no {expected}", path.display())]
    Pem {
        /// The setting.
        setting: &'static str,
        /// Its value.
        path: PathBuf,
        /// The kind.
        expected: &'static str,
        /// The problem.
        source: pem::Error,
    },
    /// The private key has a passphrase.
    #[error(
        "the private key that {TLS_KEY} names is encrypted: remove its passphrase, for example with openssl pkey -in FILE \
         -out FILE.plain"
    )]
    Encrypted,
    /// The two files do not belong together.
    #[error("the private key that {TLS_KEY} names does not belong to the certificate that {TLS_CERT} names")]
    Mismatch,
    /// The certificate or the key is malformed or of an unknown kind.
    #[error(
        "the files that {TLS_CERT} and {TLS_KEY} name cannot be used: expected a certificate of version 3 with a key of \
         RSA (from 2048 bits), ECDSA or Ed25519"
    )]
    Unusable(#[source] rustls::Error),
    /// The certificate has expired.
    #[error("the certificate that {TLS_CERT} names expired on {0}: renew it")]
    Expired(Timestamp),
    /// The certificate is not valid yet.
    #[error("the certificate that {TLS_CERT} names is valid from {0} on: check the clock of this machine")]
    NotYetValid(Timestamp),
}

/// A certificate, which need not be valid now, and its key.
#[derive(Debug)]
pub(super) struct Certificate {
    pub(super) key: Arc<CertifiedKey>,
    not_before: Timestamp,
    /// When it ends.
    pub(super) not_after: Timestamp,
}

impl Certificate {
    /// Reads the two files.
    pub(super) fn read(files: &TlsFiles, provider: &CryptoProvider) -> Result<Self, CertificateError> {
        let (cert, key) = (read(TLS_CERT, &files.cert)?, read(TLS_KEY, &files.key)?);
        let pem = |setting, path: &Path, expected| {
            let path = path.to_owned();
            move |source| CertificateError::Pem { setting, path, expected, source }
        };
        let chain = CertificateDer::pem_slice_iter(&cert).collect::<Result<Vec<_>, _>>();
        let chain =
            chain.and_then(|chain| if chain.is_empty() { Err(pem::Error::NoItemsFound) } else { Ok(chain) });
        let chain = chain.map_err(pem(TLS_CERT, &files.cert, "certificate in PEM (BEGIN CERTIFICATE)"))?;
        let private = PrivateKeyDer::from_pem_slice(&key);
        if private.is_err() && contains(&key, b"ENCRYPTED") {
            return Err(CertificateError::Encrypted);
        }
        let private = private.map_err(pem(TLS_KEY, &files.key, "private key in PEM (BEGIN PRIVATE KEY)"))?;
        Self::new(chain, private, provider)
    }

    fn new(
        chain: Vec<CertificateDer<'static>>,
        private: PrivateKeyDer<'static>,
        provider: &CryptoProvider,
    ) -> Result<Self, CertificateError> {
        let key = CertifiedKey::from_der(chain, private, provider).map_err(|error| match error {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => CertificateError::Mismatch,
            error => CertificateError::Unusable(error),
        })?;
        let (not_before, not_after) = validity(key.end_entity_cert().map_err(CertificateError::Unusable)?)
            .map_err(|error| CertificateError::Unusable(rustls::Error::General(error.to_string())))?;
        Ok(Self { key: Arc::new(key), not_before, not_after })
    }

    /// Why clients that check certificates refuse it now.
    pub(super) fn problem(&self) -> Option<CertificateError> {
        match Timestamp::now() {
            now if now > self.not_after => Some(CertificateError::Expired(self.not_after)),
            now if now < self.not_before => Some(CertificateError::NotYetValid(self.not_before)),
            _ => None,
        }
    }
}

fn read(setting: &'static str, path: &Path) -> Result<Vec<u8>, CertificateError> {
    let read = read_small(path, MAX_FILE_BYTES);
    read.map_err(|source| CertificateError::Read { setting, path: path.to_owned(), source })
}

fn contains(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window == word)
}

/// The first and the last second of a certificate. The library does not return them, but its errors contain them: the
/// validity is what it checks first, so at the beginning and the end of time these are the errors of every certificate.
fn validity(certificate: &CertificateDer<'_>) -> Result<(Timestamp, Timestamp), webpki::Error> {
    let certificate = EndEntityCert::try_from(certificate)?;
    let at = |seconds| {
        let time = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        certificate.verify_for_usage(&[], &[], &[], time, KeyUsage::server_auth(), None, None).err()
    };
    let not_after = match at(u64::MAX) {
        Some(webpki::Error::CertExpired { not_after, .. }) => not_after,
        error => return Err(error.unwrap_or(webpki::Error::BadDerTime)),
    };
    let not_before = match at(0) {
        Some(webpki::Error::CertNotValidYet { not_before, .. }) => not_before,
        // From 1970 on.
        _ => UnixTime::since_unix_epoch(Duration::ZERO),
    };
    Ok((timestamp(not_before), timestamp(not_after)))
}

/// The year 9999, which certificates without an end have (RFC 5280, section 4.1.2.5), is within the range of timestamps.
fn timestamp(time: UnixTime) -> Timestamp {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX)
}

/// Whole days until a time; 0 if it is past.
pub(super) fn days_until(time: Timestamp) -> i64 {
    (time - Timestamp::now()).total(Unit::Hour).map_or(0, |hours| (hours / 24.0).max(0.0) as i64)
}
