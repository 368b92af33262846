//! Settings about monitoring: where metrics are served, when the server is ready, and where errors are reported.
//!
//! Must not know what is measured.

use std::fmt;
use std::net::SocketAddr;

use clap::Args;

use super::parsers::bytes_or_none;
use super::variables::METRICS_USER;

/// Settings about monitoring.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Monitoring")]
pub struct Monitoring {
    /// Address and port where /metrics and the health checks are served without credentials, such as 127.0.0.1:9464
    #[arg(long, env = "MOODLE_MLBACKEND_METRICS_LISTEN", value_name = "ADDRESS:PORT", value_parser = address)]
    pub metrics_listen: Option<Listen>,
    /// User that may read /metrics at the address where Moodle is served; without it, no user may
    #[arg(long, env = METRICS_USER, value_name = "USER", value_parser = user)]
    pub metrics_user: Option<Name>,
    /// Free space on the disks of models and uploads below which /health/ready responds with 503
    #[arg(long, env = "MOODLE_MLBACKEND_MIN_FREE_BYTES", value_name = "BYTES", default_value = "64MiB", value_parser = bytes_or_none)]
    pub min_free_bytes: u64,
    /// DSN of a receiver of error reports in Sentry's protocol; only for programs that were built with the feature
    /// `sentry`
    #[arg(long, env = "MOODLE_MLBACKEND_SENTRY_DSN", value_name = "URL", value_parser = dsn, hide_env_values = true)]
    pub sentry_dsn: Option<Dsn>,
}

impl Monitoring {
    /// The address of the metrics.
    #[must_use]
    pub fn listen(&self) -> Option<SocketAddr> {
        self.metrics_listen.and_then(|Listen(address)| address)
    }

    /// The user that may read the metrics at the main address.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.metrics_user.as_ref().map(|Name(name)| name.as_str()).filter(|name| !name.is_empty())
    }

    /// The receiver of error reports.
    #[must_use]
    pub fn dsn(&self) -> Option<&str> {
        self.sentry_dsn.as_ref().map(|Dsn(dsn)| dsn.as_str()).filter(|dsn| !dsn.is_empty())
    }
}

/// An address; an empty text is none, because compose files leave variables empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listen(Option<SocketAddr>);

/// A user's name; an empty text is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(String);

/// A DSN, whose key is not for logs; an empty text is none.
#[derive(Clone, PartialEq, Eq)]
pub struct Dsn(String);

impl fmt::Debug for Dsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Dsn")
    }
}

fn address(text: &str) -> Result<Listen, String> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(Listen(None));
    }
    let numeric = match text.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None => text.to_owned(),
    };
    let address = numeric
        .parse()
        .map_err(|_| "expected an address and a port, such as 127.0.0.1:9464 or [::1]:9464")?;
    Ok(Listen(Some(address)))
}

#[allow(clippy::unnecessary_wraps, reason = "clap needs a Result")]
fn user(text: &str) -> Result<Name, String> {
    Ok(Name(text.trim().to_owned()))
}

fn dsn(text: &str) -> Result<Dsn, String> {
    let text = text.trim();
    // https://KEY@HOST/PROJECT; the client library checks it in detail.
    let is_valid = text.split_once("://").is_some_and(|(scheme, rest)| {
        matches!(scheme, "http" | "https") && rest.contains('@') && rest.contains('/')
    });
    if is_valid || text.is_empty() {
        Ok(Dsn(text.to_owned()))
    } else {
        Err("expected a DSN, such as https://KEY@sentry.example.org/1".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("127.0.0.1:9464", Some("127.0.0.1:9464"))]
    #[case(" localhost:9464 ", Some("127.0.0.1:9464"))]
    #[case("[::1]:0", Some("[::1]:0"))]
    #[case("", None)]
    fn reads_an_address_with_a_port(#[case] text: &str, #[case] expected: Option<&str>) {
        let Listen(address) = address(text).expect("valid");
        assert_eq!(address.map(|address| address.to_string()).as_deref(), expected);
    }

    #[rstest]
    #[case("9464")]
    #[case("127.0.0.1")]
    #[case("metrics.example.org:9464")]
    fn refuses_an_address_that_is_incomplete(#[case] text: &str) {
        assert!(address(text).expect_err("invalid").contains("127.0.0.1:9464"));
    }

    #[test]
    fn a_dsn_is_checked_and_never_printed() {
        let secret = dsn("https://key@sentry.example.org/1").expect("valid");
        assert_eq!(format!("{secret:?}"), "Dsn");
        assert!(dsn("sentry.example.org").expect_err("invalid").contains("https://KEY@"));
    }
}
