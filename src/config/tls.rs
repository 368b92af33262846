//! Settings about TLS.
//!
//! Must not know what the files contain.

use std::path::PathBuf;

use clap::Args;

use super::error::ConfigError;
use super::parsers::path;
use super::variables::{TLS_CERT, TLS_KEY};

/// The files of TLS as they were given.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "TLS")]
pub struct TlsArgs {
    /// File with the certificate and its chain in PEM, such as fullchain.pem of Certbot: the server then serves HTTPS on
    /// all TCP sockets. SIGHUP reads both files again
    #[arg(long, env = TLS_CERT, value_name = "FILE", value_parser = path())]
    tls_cert: Option<PathBuf>,
    /// File with the private key of the certificate in PEM, without a passphrase, such as privkey.pem of Certbot
    #[arg(long, env = TLS_KEY, value_name = "FILE", value_parser = path())]
    tls_key: Option<PathBuf>,
}

/// The files of TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate and its chain.
    pub cert: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

impl TlsArgs {
    /// Both files, or neither.
    ///
    /// # Errors
    /// When only one is set.
    pub fn files(&self) -> Result<Option<TlsFiles>, ConfigError> {
        let set = |path: &Option<PathBuf>| path.clone().filter(|path| !path.as_os_str().is_empty());
        match (set(&self.tls_cert), set(&self.tls_key)) {
            (Some(cert), Some(key)) => Ok(Some(TlsFiles { cert, key })),
            (None, None) => Ok(None),
            (Some(_), None) => Err(ConfigError::HalfTls { set: TLS_CERT, missing: TLS_KEY }),
            (None, Some(_)) => Err(ConfigError::HalfTls { set: TLS_KEY, missing: TLS_CERT }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(cert: &str, key: &str) -> Result<Option<TlsFiles>, ConfigError> {
        TlsArgs { tls_cert: Some(cert.into()), tls_key: Some(key.into()) }.files()
    }

    #[test]
    fn needs_both_files_or_neither() {
        assert_eq!(TlsArgs::default().files().expect("valid"), None);
        assert_eq!(files("", "").expect("an empty variable counts as unset"), None);
        assert!(files("/cert.pem", "/key.pem").expect("valid").is_some());
        for (cert, key, missing) in [("/cert.pem", "", TLS_KEY), ("", "/key.pem", TLS_CERT)] {
            let error = files(cert, key).expect_err("half").to_string();
            assert!(error.contains(&format!("{missing} is not")), "{error}");
        }
    }
}
