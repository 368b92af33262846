//! The connection limit per client: one client cannot take all connections.
//!
//! Owns the counts. Must not know what a connection is used for. Connections from this machine and from trusted proxies
//! are not counted, because a proxy carries the connections of all clients.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::client_network::network;
use super::trusted_proxies::TrustedProxies;

/// The limit is never lower: several Moodle sites may share an address.
const MIN_PER_CLIENT: usize = 32;
/// The minimum time between two warnings.
const WARNING_INTERVAL: Duration = Duration::from_mins(1);

/// The connection limit per client; clones share the counts.
#[derive(Clone)]
pub(crate) struct PerClientLimit {
    max: usize,
    trusted: Arc<TrustedProxies>,
    counts: Arc<Mutex<Counts>>,
}

#[derive(Default)]
struct Counts {
    connections: HashMap<IpAddr, usize>,
    last_warning: Option<Instant>,
}

/// A connection; it is counted until this is dropped.
pub(crate) struct ConnectionPermit(Option<(PerClientLimit, IpAddr)>);

impl PerClientLimit {
    /// One client may have a quarter of `connections`, but always 32.
    pub(crate) fn new(connections: usize, trusted: TrustedProxies) -> Self {
        Self {
            max: (connections / 4).max(MIN_PER_CLIENT),
            trusted: Arc::new(trusted),
            counts: Arc::default(),
        }
    }

    /// Counts a connection of a client; `None` when the client has reached the limit.
    pub(crate) fn count(&self, address: IpAddr) -> Option<ConnectionPermit> {
        let address = address.to_canonical();
        if address.is_loopback() || self.trusted.trusts(address) {
            return Some(ConnectionPermit(None));
        }
        let client = network(address);
        let mut counts = self.counts();
        let count = counts.connections.entry(client).or_default();
        if *count >= self.max {
            counts.warn(client, self.max);
            return None;
        }
        *count += 1;
        Some(ConnectionPermit(Some((self.clone(), client))))
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn warn(&mut self, client: IpAddr, max: usize) {
        let now = Instant::now();
        if self.last_warning.is_none_or(|last| now.duration_since(last) > WARNING_INTERVAL) {
            self.last_warning = Some(now);
            tracing::warn!(
                %client,
                max,
                "connection limit per client reached: closing new connections from this client. If it is your proxy, \
                 name it in MOODLE_MLBACKEND_TRUSTED_PROXIES"
            );
        }
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let Some((limit, client)) = self.0.take() else { return };
        let mut counts = limit.counts();
        if let Some(count) = counts.connections.get_mut(&client) {
            *count -= 1;
            if *count == 0 {
                counts.connections.remove(&client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn limit() -> PerClientLimit {
        PerClientLimit::new(400, "192.0.2.1".parse().expect("a proxy"))
    }

    #[test]
    fn a_client_may_have_a_quarter_of_the_connections() {
        let limit = limit();
        let (busy, other) = (address("198.51.100.7"), address("198.51.100.8"));
        let mut held: Vec<_> = (0..100).map(|_| limit.count(busy).expect("within its share")).collect();
        assert!(limit.count(busy).is_none());
        assert!(limit.count(other).is_some(), "each client has its own limit");
        held.pop();
        assert!(limit.count(busy).is_some(), "a connection has closed");
        drop(held);
        assert!(limit.counts().connections.is_empty(), "clients without connections are removed");
    }

    #[test]
    fn all_addresses_of_an_ipv6_network_are_one_client() {
        let limit = limit();
        let address_of = |at: usize| address(&format!("2001:db8::{at:x}"));
        let held: Vec<_> = (0..100).map(|at| limit.count(address_of(at))).collect();
        assert!(held.iter().all(Option::is_some));
        assert!(limit.count(address("2001:db8::ffff")).is_none());
        assert!(limit.count(address("2001:db8:0:1::1")).is_some());
    }

    #[test]
    fn this_machine_and_trusted_proxies_have_no_limit() {
        for proxy in ["127.0.0.1", "::1", "::ffff:127.0.0.1", "192.0.2.1"] {
            let limit = limit();
            let held: Vec<_> = (0..401).map(|_| limit.count(address(proxy))).collect();
            assert!(held.iter().all(Option::is_some), "{proxy}");
        }
    }

    #[test]
    fn a_server_with_few_connections_has_no_limit_per_client() {
        let limit = PerClientLimit::new(4, TrustedProxies::default());
        let held: Vec<_> = (0..4).map(|_| limit.count(address("198.51.100.7"))).collect();
        assert!(held.iter().all(Option::is_some));
    }
}
