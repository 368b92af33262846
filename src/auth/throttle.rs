//! Throttling of password guesses.
//!
//! Owns the number of recent failed logins. Must not know how passwords are checked.
//!
//! Each client address and each user name has a limit of failures in a row, and regains one attempt whenever a
//! fraction of the window has passed (a token bucket, stored as the time at which it is full again: GCRA). Existing
//! rate limiters count every attempt; here only failures count. An attempt is charged before the password is checked,
//! so that concurrent attempts cannot exceed the limit, and refunded when the password was right.
//!
//! A limit by user name alone would let any client lock out a Moodle site by guessing its password. Therefore an
//! address without a failure within the window may always try: the limit by name applies only to addresses that have
//! failed. Unknown names are treated like known ones, so that responses do not reveal which names exist.

mod failure_ledger;

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::net::client_network::network;
use failure_ledger::{FailureLedger, WINDOW};

/// Addresses, and user names, that are remembered at once; some 2 MiB in all.
const MAX_KEYS: usize = 1 << 14;

/// Throttles password guesses.
pub struct Throttle {
    /// `None` without a limit.
    ledgers: Option<Mutex<Ledgers>>,
    /// Seeded anew in every process, so that clients cannot choose names with the same hash.
    hasher: RandomState,
}

struct Ledgers {
    addresses: FailureLedger<IpAddr>,
    names: FailureLedger<u64>,
}

/// The time until the next attempt is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait(Duration);

impl Wait {
    /// In seconds, rounded up, so that an attempt after this time is allowed.
    #[must_use]
    pub fn seconds(self) -> u64 {
        self.0.as_secs() + u64::from(self.0.subsec_nanos() > 0)
    }
}

impl Throttle {
    /// Allows this many failures per minute; 0 means no limit.
    #[must_use]
    pub fn new(failures_per_minute: u32) -> Self {
        let ledgers = WINDOW.checked_div(failures_per_minute).map(|cost| {
            Mutex::new(Ledgers {
                addresses: FailureLedger::new(cost, MAX_KEYS),
                names: FailureLedger::new(cost, MAX_KEYS),
            })
        });
        Self { ledgers, hasher: RandomState::new() }
    }

    /// Checks whether an attempt is allowed now, without counting one.
    ///
    /// # Errors
    /// The time to wait.
    pub fn admit(&self, address: IpAddr, name: &str, now: Instant) -> Result<(), Wait> {
        self.ledgers()
            .map_or(Ok(()), |ledgers| ledgers.admit(network(address), self.hasher.hash_one(name), now))
    }

    /// Begins an attempt, which counts as a failure unless [`Attempt::forgive`] is called.
    ///
    /// # Errors
    /// The time to wait.
    pub fn begin(&self, address: IpAddr, name: &str, now: Instant) -> Result<Attempt<'_>, Wait> {
        let (address, name) = (network(address), self.hasher.hash_one(name));
        if let Some(mut ledgers) = self.ledgers() {
            ledgers.admit(address, name, now)?;
            ledgers.addresses.begin(address, now);
            ledgers.names.begin(name, now);
        }
        Ok(Attempt { throttle: self, address, name, forgiven: false })
    }

    fn ledgers(&self) -> Option<MutexGuard<'_, Ledgers>> {
        Some(self.ledgers.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Ledgers {
    fn admit(&self, address: IpAddr, name: u64, now: Instant) -> Result<(), Wait> {
        if let Some(wait) = self.addresses.wait(&address, now) {
            return Err(Wait(wait));
        }
        let until_clean = self.addresses.time_until_clean(&address, now);
        match self.names.wait(&name, now) {
            Some(wait) if !until_clean.is_zero() => Err(Wait(wait.min(until_clean))),
            _ => Ok(()),
        }
    }
}

/// A login in progress. It counts as failed when it is dropped, also when the client disconnects.
pub struct Attempt<'a> {
    throttle: &'a Throttle,
    address: IpAddr,
    name: u64,
    forgiven: bool,
}

impl Attempt<'_> {
    /// Does not count the attempt: the password was right, or could not be checked.
    pub fn forgive(mut self) {
        self.forgiven = true;
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        let now = Instant::now();
        if let Some(mut ledgers) = self.throttle.ledgers() {
            ledgers.addresses.end(&self.address, self.forgiven, now);
            ledgers.names.end(&self.name, self.forgiven, now);
        }
    }
}

#[cfg(test)]
mod tests;
