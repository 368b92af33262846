//! Settings about listening: the sockets, and the path below which a proxy publishes the server.
//!
//! Must not know how sockets are opened.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;

use super::parsers::{host, port};

/// The longest path of a Unix socket: `sockaddr_un` has room for 108 bytes on Linux and 104 on macOS, with a zero
/// at the end.
const MAX_SOCKET_PATH: usize = 103;

/// Settings about listening.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Listening")]
pub struct Listen {
    /// Where to listen, instead of --host and --port: unix:PATH or ADDRESS:PORT, several separated by commas. Sockets that
    /// systemd passes (socket activation) come before this setting
    #[arg(
        long = "listen",
        env = "MOODLE_MLBACKEND_LISTEN",
        value_name = "SOCKETS",
        default_value = "",
        hide_default_value = true
    )]
    pub endpoints: Endpoints,
    /// File mode of a Unix socket of --listen: users who may write to it can connect
    #[arg(long, env = "MOODLE_MLBACKEND_SOCKET_MODE", value_name = "MODE", default_value = "660", value_parser = mode)]
    pub socket_mode: u32,
    /// Path below which a proxy publishes the server, such as /mlbackend. Requests are answered with and without it
    #[arg(
        long,
        env = "MOODLE_MLBACKEND_URL_PREFIX",
        value_name = "PATH",
        default_value = "",
        hide_default_value = true
    )]
    pub url_prefix: UrlPrefix,
}

/// A socket to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// An address and a port; port 0 selects a free one.
    Tcp(SocketAddr),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

impl Endpoint {
    /// The address, if other machines can connect to it.
    #[must_use]
    pub fn exposed(&self) -> Option<IpAddr> {
        match self {
            Self::Tcp(address) => exposed(*address),
            Self::Unix(_) => None,
        }
    }
}

/// The address, if other machines can connect to it.
#[must_use]
pub fn exposed(address: SocketAddr) -> Option<IpAddr> {
    Some(address.ip()).filter(|ip| !ip.to_canonical().is_loopback())
}

/// The sockets to listen on; none if the setting is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Endpoints(pub Vec<Endpoint>);

impl FromStr for Endpoints {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        entries.map(endpoint).collect::<Result<_, _>>().map(Self)
    }
}

fn endpoint(text: &str) -> Result<Endpoint, String> {
    let expected =
        || "expected unix:/run/moodle-mlbackend/socket or an address and a port such as 127.0.0.1:5000";
    if let Some(path) = text.strip_prefix("unix:") {
        return match path.len() {
            _ if !path.starts_with('/') => Err(format!("{}; the path must begin with /", expected())),
            length if length > MAX_SOCKET_PATH => {
                Err(format!("the path of a Unix socket may have at most {MAX_SOCKET_PATH} bytes"))
            }
            _ => Ok(Endpoint::Unix(path.into())),
        };
    }
    let (address, number) = text.rsplit_once(':').ok_or_else(|| expected().to_owned())?;
    // Without brackets, the last group of an IPv6 address would be taken for the port.
    if address.contains(':') && !address.starts_with('[') {
        return Err(format!("{}, or [::1]:5000", expected()));
    }
    let address = host(address).map_err(|_| expected().to_owned())?;
    Ok(Endpoint::Tcp((address, port(number).map_err(|_| expected().to_owned())?).into()))
}

/// A file mode in octal digits.
fn mode(text: &str) -> Result<u32, String> {
    let mode = u32::from_str_radix(text.trim(), 8).ok().filter(|mode| *mode <= 0o777);
    mode.ok_or_else(|| {
        "expected three octal digits, such as 660 (owner and group) or 666 (every user)".to_owned()
    })
}

/// The path below which a proxy publishes the server: empty, or like `/mlbackend`, without a slash at its end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UrlPrefix(String);

impl UrlPrefix {
    /// Empty, or a path such as `/mlbackend`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The rest of a path that begins with the prefix, such as `/version`; `None` for other paths, and without a prefix.
    #[must_use]
    pub fn strip<'a>(&self, path: &'a str) -> Option<&'a str> {
        if self.0.is_empty() {
            return None;
        }
        match path.strip_prefix(&self.0)? {
            "" => Some("/"),
            rest => rest.starts_with('/').then_some(rest),
        }
    }
}

impl FromStr for UrlPrefix {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let path = text.trim().trim_end_matches('/');
        // Characters that need no escape in a path (RFC 3986, section 2.3), in segments that no client resolves.
        let is_plain = |segment: &str| {
            !matches!(segment, "" | "." | "..")
                && segment.chars().all(|c| c.is_ascii_alphanumeric() || "-._~".contains(c))
        };
        match path.strip_prefix('/') {
            None if path.is_empty() => Ok(Self::default()),
            Some(segments) if segments.split('/').all(is_plain) => Ok(Self(path.to_owned())),
            _ => Err("expected a path such as /mlbackend, of letters, digits, -, ., _, ~ and /"),
        }
    }
}

/// The endpoint of --host and --port.
pub(super) fn usual(address: Option<IpAddr>, world_visible: bool, port: u16) -> Endpoint {
    let default = if world_visible { Ipv4Addr::UNSPECIFIED } else { Ipv4Addr::LOCALHOST };
    Endpoint::Tcp((address.unwrap_or(default.into()), port).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::empty("", &[])]
    #[case::a_unix_socket("unix:/run/a b/socket", &["unix /run/a b/socket"])]
    #[case::several(" 127.0.0.1:5000 , [::1]:0,unix:/s", &["tcp 127.0.0.1:5000", "tcp [::1]:0", "unix /s"])]
    #[case::a_name("localhost:80", &["tcp 127.0.0.1:80"])]
    fn reads_sockets(#[case] text: &str, #[case] expected: &[&str]) {
        let Endpoints(endpoints) = text.parse().expect("valid");
        let shown: Vec<String> = endpoints
            .iter()
            .map(|endpoint| match endpoint {
                Endpoint::Tcp(address) => format!("tcp {address}"),
                Endpoint::Unix(path) => format!("unix {}", path.display()),
            })
            .collect();
        assert_eq!(shown, expected);
    }

    #[rstest]
    #[case::no_port("127.0.0.1")]
    #[case::a_relative_path("unix:socket")]
    #[case::no_path("unix:")]
    #[case::an_unknown_name("example.org:5000")]
    #[case::a_port_that_is_too_large("127.0.0.1:65536")]
    #[case::ipv6_without_brackets("::1:5000")]
    fn refuses_other_sockets_with_an_example(#[case] text: &str) {
        let error = text.parse::<Endpoints>().expect_err("invalid");
        assert!(error.contains("unix:/run/moodle-mlbackend/socket"), "{error}");
    }

    #[test]
    fn refuses_a_socket_path_that_the_system_would_cut_off() {
        let path = |length: usize| format!("unix:/{}", "x".repeat(length - 1)).parse::<Endpoints>();
        assert!(path(MAX_SOCKET_PATH).is_ok());
        assert!(path(MAX_SOCKET_PATH + 1).expect_err("too long").contains("at most 103 bytes"));
    }

    #[rstest]
    #[case("127.0.0.1:1", false)]
    #[case("[::ffff:127.0.0.1]:1", false)]
    #[case("0.0.0.0:1", true)]
    #[case("[::]:1", true)]
    #[case("unix:/s", false)]
    fn other_machines_reach_all_but_loopback_and_unix_sockets(#[case] text: &str, #[case] is_exposed: bool) {
        let Endpoints(endpoints) = text.parse().expect("valid");
        assert_eq!(endpoints[0].exposed().is_some(), is_exposed);
    }

    #[rstest]
    #[case("660", Some(0o660))]
    #[case("0666", Some(0o666))]
    #[case("1777", None)]
    #[case("rw", None)]
    #[case("689", None)]
    fn reads_modes(#[case] text: &str, #[case] expected: Option<u32>) {
        assert_eq!(mode(text).ok(), expected);
    }

    #[rstest]
    #[case("/mlbackend", "/mlbackend/version", Some("/version"))]
    #[case("/mlbackend/", "/mlbackend/version", Some("/version"))]
    #[case("/a/b", "/a/b", Some("/"))]
    #[case("/mlbackend", "/version", None)]
    #[case("/mlbackend", "/mlbackends/version", None)]
    #[case("", "/version", None)]
    fn strips_a_prefix_of_whole_segments(
        #[case] prefix: UrlPrefix,
        #[case] path: &str,
        #[case] rest: Option<&str>,
    ) {
        assert_eq!(prefix.strip(path), rest);
    }

    #[rstest]
    #[case("mlbackend")]
    #[case("/ml backend")]
    #[case("/a//b")]
    #[case("/a/../b")]
    #[case("/%2e")]
    #[case("http://example.org/a")]
    fn refuses_prefixes_that_are_no_plain_paths(#[case] text: &str) {
        assert!(text.parse::<UrlPrefix>().is_err());
    }
}
