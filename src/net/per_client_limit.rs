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
/// A crowd is told of once in so long a time.
const TELL_AGAIN: Duration = Duration::from_mins(1);

/// How many connections each client has.
#[derive(Clone)]
pub(crate) struct Crowd {
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
pub(crate) struct Counted(Option<(Crowd, IpAddr)>);

impl Crowd {
    /// Of so many connections at once, one client may have a quarter.
    pub(crate) fn new(connections: usize, trusted: TrustedProxies) -> Self {
        Self { most: (connections / 4).max(ALWAYS), trusted: Arc::new(trusted), counts: Arc::default() }
    }

    /// Counts one more connection of a client; `None` when it has too many.
    pub(crate) fn count(&self, address: IpAddr) -> Option<Counted> {
        let address = address.to_canonical();
        if address.is_loopback() || self.trusted.trusts(address) {
            return Some(Counted(None));
        }
        let client = network(address);
        let mut counts = self.counts();
        let count = counts.connections.entry(client).or_default();
        if *count >= self.most {
            counts.tell(client, self.most);
            return None;
        }
        *count += 1;
        Some(Counted(Some((self.clone(), client))))
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

impl Drop for Counted {
    fn drop(&mut self) {
        let Some((crowd, client)) = self.0.take() else { return };
        let mut counts = crowd.counts();
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

    fn crowd() -> Crowd {
        Crowd::new(400, "192.0.2.1".parse().expect("a proxy"))
    }

    #[test]
    fn a_client_has_a_quarter_of_the_connections_and_leaves_the_others() {
        let crowd = crowd();
        let (busy, other) = (address("198.51.100.7"), address("198.51.100.8"));
        let mut held: Vec<_> = (0..100).map(|_| crowd.count(busy).expect("within its share")).collect();
        assert!(crowd.count(busy).is_none());
        assert!(crowd.count(other).is_some(), "another client is another client");
        held.pop();
        assert!(crowd.count(busy).is_some(), "one has ended");
        drop(held);
        assert!(crowd.counts().connections.is_empty(), "who is gone is forgotten");
    }

    #[test]
    fn all_addresses_of_one_network_of_version_6_are_one_client() {
        let crowd = crowd();
        let address_of = |at: usize| address(&format!("2001:db8::{at:x}"));
        let held: Vec<_> = (0..100).map(|at| crowd.count(address_of(at))).collect();
        assert!(held.iter().all(Option::is_some));
        assert!(crowd.count(address("2001:db8::ffff")).is_none());
        assert!(crowd.count(address("2001:db8:0:1::1")).is_some());
    }

    #[test]
    fn this_machine_and_trusted_proxies_may_have_all() {
        for proxy in ["127.0.0.1", "::1", "::ffff:127.0.0.1", "192.0.2.1"] {
            let crowd = crowd();
            let held: Vec<_> = (0..401).map(|_| crowd.count(address(proxy))).collect();
            assert!(held.iter().all(Option::is_some), "{proxy}");
        }
    }

    #[test]
    fn a_small_server_sets_no_share() {
        let crowd = Crowd::new(4, TrustedProxies::default());
        let held: Vec<_> = (0..4).map(|_| crowd.count(address("198.51.100.7"))).collect();
        assert!(held.iter().all(Option::is_some));
    }
}
