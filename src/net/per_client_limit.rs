//! How many connections each client has: nobody may have so many that there are none for others.
//!
//! Owns the counts. Must not know what a connection is used for. Proxies bring everybody's connections: this
//! machine and trusted proxies are not counted.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::client_network::network;
use super::trusted_proxies::TrustedProxies;

/// So many may have as many as there are: a few Moodles behind one address.
const ALWAYS: usize = 32;
/// How often the log repeats that a client has reached its limit.
const TELL_AGAIN: Duration = Duration::from_mins(1);

/// How many connections each client has.
#[derive(Clone)]
pub(crate) struct PerClientLimit {
    most: usize,
    trusted: Arc<TrustedProxies>,
    counts: Arc<Mutex<Counts>>,
}

#[derive(Default)]
struct Counts {
    connections: HashMap<IpAddr, usize>,
    told: Option<Instant>,
}

/// A connection that is counted as long as this is held.
pub(crate) struct ConnectionPermit(Option<(PerClientLimit, IpAddr)>);

impl PerClientLimit {
    /// Of so many connections at once, one client may have a quarter.
    pub(crate) fn new(connections: usize, trusted: TrustedProxies) -> Self {
        Self { most: (connections / 4).max(ALWAYS), trusted: Arc::new(trusted), counts: Arc::default() }
    }

    /// Counts one more connection of a client; `None` when it has too many.
    pub(crate) fn count(&self, address: IpAddr) -> Option<ConnectionPermit> {
        let address = address.to_canonical();
        if address.is_loopback() || self.trusted.trusts(address) {
            return Some(ConnectionPermit(None));
        }
        let client = network(address);
        let mut counts = self.counts();
        let count = counts.connections.entry(client).or_default();
        if *count >= self.most {
            counts.tell(client, self.most);
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
    fn tell(&mut self, client: IpAddr, most: usize) {
        let now = Instant::now();
        if self.told.is_none_or(|told| now.duration_since(told) > TELL_AGAIN) {
            self.told = Some(now);
            tracing::warn!(
                %client,
                most,
                "this client has as many connections as one may have: further ones are closed. If it is your proxy, \
                 name it in MOODLE_MLBACKEND_TRUSTED_PROXIES"
            );
        }
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let Some((per_client, client)) = self.0.take() else { return };
        let mut counts = per_client.counts();
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

    fn per_client() -> PerClientLimit {
        PerClientLimit::new(400, "192.0.2.1".parse().expect("a proxy"))
    }

    #[test]
    fn a_client_has_a_quarter_of_the_connections_and_leaves_the_others() {
        let per_client = per_client();
        let (busy, other) = (address("198.51.100.7"), address("198.51.100.8"));
        let mut held: Vec<_> = (0..100).map(|_| per_client.count(busy).expect("within its share")).collect();
        assert!(per_client.count(busy).is_none());
        assert!(per_client.count(other).is_some(), "another client is another client");
        held.pop();
        assert!(per_client.count(busy).is_some(), "one has ended");
        drop(held);
        assert!(per_client.counts().connections.is_empty(), "who is gone is forgotten");
    }

    #[test]
    fn all_addresses_of_one_network_of_version_6_are_one_client() {
        let per_client = per_client();
        let address_of = |at: usize| address(&format!("2001:db8::{at:x}"));
        let held: Vec<_> = (0..100).map(|at| per_client.count(address_of(at))).collect();
        assert!(held.iter().all(Option::is_some));
        assert!(per_client.count(address("2001:db8::ffff")).is_none());
        assert!(per_client.count(address("2001:db8:0:1::1")).is_some());
    }

    #[test]
    fn this_machine_and_trusted_proxies_may_have_all() {
        for proxy in ["127.0.0.1", "::1", "::ffff:127.0.0.1", "192.0.2.1"] {
            let per_client = per_client();
            let held: Vec<_> = (0..401).map(|_| per_client.count(address(proxy))).collect();
            assert!(held.iter().all(Option::is_some), "{proxy}");
        }
    }

    #[test]
    fn a_small_server_sets_no_share() {
        let per_client = PerClientLimit::new(4, TrustedProxies::default());
        let held: Vec<_> = (0..4).map(|_| per_client.count(address("198.51.100.7"))).collect();
        assert!(held.iter().all(Option::is_some));
    }
}
