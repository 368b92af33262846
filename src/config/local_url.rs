//! The URL at which this machine reaches the server that the settings describe.
//!
//! Must not know what is requested there.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use clap::{Args as _, Command};

use super::error::ConfigError;
use super::settings::{CommandLine, Settings};
use super::{Config, Endpoint, ServeArgs};

impl Config {
    /// The URL for health checks that the settings in the environment and in files give: that of the metrics, or else that of
    /// the first port. The port of the metrics needs neither TLS nor a path.
    ///
    /// # Errors
    /// When a setting is invalid, or no plain port is set.
    pub fn local_url() -> Result<String, ConfigError> {
        let line = CommandLine::new(|| ServeArgs::augment_args(Command::new("serve")), Vec::new());
        let config = Self::unchecked(&Settings::read(&line)?, None)?;
        let plain = config.endpoints().into_iter().find_map(|endpoint| match endpoint {
            Endpoint::Tcp(address) => Some(address),
            Endpoint::Unix(_) => None,
        });
        let plain = plain.filter(|_| !config.tls.files().is_ok_and(|files| files.is_some()));
        match config.monitoring.listen().or(plain) {
            Some(address) => Ok(url_of(address)),
            None => Err(ConfigError::NoPlainPort),
        }
    }
}

fn url_of(address: SocketAddr) -> String {
    let host = match address.ip() {
        IpAddr::V4(any) if any.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(any) if any.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        host => host,
    };
    format!("http://{}", SocketAddr::new(host, address.port()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("0.0.0.0:5000", "http://127.0.0.1:5000")]
    #[case("[::]:5000", "http://[::1]:5000")]
    #[case("192.0.2.1:9464", "http://192.0.2.1:9464")]
    fn a_server_on_all_addresses_is_reached_on_the_loopback_interface(
        #[case] address: &str,
        #[case] url: &str,
    ) {
        assert_eq!(url_of(address.parse().expect("an address")), url);
    }
}
