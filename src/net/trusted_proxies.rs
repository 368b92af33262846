//! Trusted reverse proxies, and the address of the client behind them.
//!
//! Owns the list of proxies and parsing `X-Forwarded-For`. Must not know what an address is used for.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

use actix_web::http::header::{HeaderMap, HeaderName};
use ipnet::IpNet;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The proxies whose `X-Forwarded-For` header is trusted; the header of other peers is ignored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Whether no proxy is trusted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The address of the client. Each proxy appends the address of its peer to the header, so the header is read from
    /// its end for as long as the addresses are trusted proxies.
    ///
    /// A Unix socket has no `peer` address. The administrator decides which programs of this machine may connect to it, so
    /// its peer is a trusted proxy; without the header, the client is this machine.
    pub(crate) fn client(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> IpAddr {
        let lines: Vec<&str> =
            headers.get_all(FORWARDED_FOR).map(|line| line.to_str().unwrap_or("")).collect();
        let mut hops = lines.iter().rev().flat_map(|line| line.rsplit(','));
        let mut client = peer.map(|peer| peer.to_canonical());
        while client.is_none_or(|client| self.trusts(client)) {
            let Some(before) = hops.next().and_then(address) else { break };
            client = Some(before);
        }
        client.unwrap_or(Ipv4Addr::LOCALHOST.into())
    }

    /// Whether the request seems to come through a proxy on this machine or a private network that is not trusted.
    pub(crate) fn misses(&self, peer: IpAddr, headers: &HeaderMap) -> bool {
        let near = match peer.to_canonical() {
            IpAddr::V4(peer) => peer.is_loopback() || peer.is_private(),
            IpAddr::V6(peer) => peer.is_loopback() || peer.is_unique_local(),
        };
        near && headers.contains_key(FORWARDED_FOR) && !self.trusts(peer.to_canonical())
    }

    /// Whether the address is a trusted proxy.
    pub(crate) fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// Parses an address as proxies write it; some add a port.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let found = bare.parse().or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()));
    found.ok().map(|address: IpAddr| address.to_canonical())
}

impl FromStr for TrustedProxies {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        entries.map(network).collect::<Result<_, _>>().map(Self).map_err(str::to_owned)
    }
}

fn network(text: &str) -> Result<IpNet, &'static str> {
    let address = text.parse::<IpAddr>().map(|address| IpNet::from(address.to_canonical()));
    match address.or_else(|_| text.parse::<IpNet>()) {
        Ok(network) if network.prefix_len() == 0 => {
            Err("it trusts every address, so any client could claim any address: name your proxies")
        }
        Ok(network) => Ok(network),
        Err(_) => Err("expected addresses or networks such as 127.0.0.1 or 10.1.0.0/16, separated by commas"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;
    use proptest::prelude::*;
    use rstest::rstest;

    const UNIX_SOCKET: &str = "unix";

    fn client(trusted: &str, peer: &str, lines: &[&[u8]]) -> String {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED_FOR, HeaderValue::from_bytes(line).expect("a header's value"));
        }
        let trusted: TrustedProxies = trusted.parse().expect("addresses and networks");
        let peer = (peer != UNIX_SOCKET).then(|| peer.parse().expect("an address"));
        trusted.client(peer, &headers).to_string()
    }

    #[rstest]
    #[case::no_proxy_is_trusted("", "127.0.0.1", &["192.0.2.7"], "127.0.0.1")]
    #[case::an_untrusted_peer("10.0.0.1", "192.0.2.1", &["192.0.2.7"], "192.0.2.1")]
    #[case::a_trusted_proxy("127.0.0.1", "127.0.0.1", &["192.0.2.7"], "192.0.2.7")]
    #[case::no_header("127.0.0.1", "127.0.0.1", &[], "127.0.0.1")]
    #[case::addresses_forged_by_the_client_are_on_the_left("127.0.0.1", "127.0.0.1", &["198.51.100.1, 192.0.2.7"], "192.0.2.7")]
    #[case::two_proxies("127.0.0.1,10.1.0.0/16", "127.0.0.1", &["6.6.6.6, 192.0.2.7, 10.1.2.3"], "192.0.2.7")]
    #[case::two_lines("127.0.0.1,10.1.0.0/16", "127.0.0.1", &["6.6.6.6, 192.0.2.7", "10.1.2.3"], "192.0.2.7")]
    #[case::all_are_trusted("127.0.0.1,10.1.0.0/16", "127.0.0.1", &["10.1.0.1,10.1.0.2"], "10.1.0.1")]
    #[case::an_invalid_address_ends_the_search("127.0.0.1", "127.0.0.1", &["192.0.2.7, unknown"], "127.0.0.1")]
    #[case::nothing_between_commas("127.0.0.1", "127.0.0.1", &["192.0.2.7,"], "127.0.0.1")]
    #[case::with_a_port("127.0.0.1", "127.0.0.1", &["192.0.2.7:443"], "192.0.2.7")]
    #[case::ipv6("::1", "::1", &["[2001:db8::7]:443"], "2001:db8::7")]
    #[case::ipv6_in_brackets("::1", "::1", &["[2001:db8::7]"], "2001:db8::7")]
    #[case::the_peer_of_a_unix_socket_is_trusted("", UNIX_SOCKET, &["198.51.100.1, 192.0.2.7"], "192.0.2.7")]
    #[case::a_unix_socket_without_a_header("", UNIX_SOCKET, &[], "127.0.0.1")]
    #[case::a_second_proxy_in_front_of_a_unix_socket("10.1.0.0/16", UNIX_SOCKET, &["192.0.2.7, 10.1.2.3"], "192.0.2.7")]
    #[case::ipv4_in_ipv6("10.0.0.0/8", "::ffff:10.0.0.1", &["::ffff:192.0.2.7"], "192.0.2.7")]
    fn the_client_is_the_rightmost_address_that_is_not_a_trusted_proxy(
        #[case] trusted: &str,
        #[case] peer: &str,
        #[case] lines: &[&str],
        #[case] expected: &str,
    ) {
        let lines: Vec<&[u8]> = lines.iter().map(|line| line.as_bytes()).collect();
        assert_eq!(client(trusted, peer, &lines), expected);
    }

    #[rstest]
    #[case("localhost", "such as 127.0.0.1")]
    #[case("127.0.0.1;10.0.0.1", "separated by commas")]
    #[case("10.0.0.0/33", "such as 127.0.0.1")]
    #[case("0.0.0.0/0", "name your proxies")]
    #[case("127.0.0.1,::/0", "name your proxies")]
    fn refuses_invalid_proxies(#[case] text: &str, #[case] problem: &str) {
        let error = text.parse::<TrustedProxies>().expect_err("invalid");
        assert!(error.contains(problem), "{error}");
    }

    proptest! {
        #[test]
        fn an_untrusted_peer_cannot_choose_its_address(line in "[ -~]{0,60}") {
            prop_assert_eq!(client("10.0.0.1", "192.0.2.1", &[line.as_bytes()]), "192.0.2.1");
        }

        #[test]
        fn a_client_behind_a_proxy_cannot_choose_its_address(line in prop::collection::vec(0x20_u8..0x7f, 0..60)) {
            let line = [&line, b", 192.0.2.7".as_slice()].concat();
            prop_assert_eq!(client("127.0.0.1", "127.0.0.1", &[&line]), "192.0.2.7");
        }
    }
}
