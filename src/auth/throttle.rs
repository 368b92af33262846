//! Slows down who guesses passwords.
//!
//! Owns how many failed logins there were lately. Must not know how passwords are checked.
//!
//! Each client address and each user name may fail so many times in a row, and gets one more try whenever a
//! share of the window has passed (a token bucket, kept as the time at which it is full again: GCRA). Ready-made
//! limiters count every attempt; here only failures count, so an attempt takes its share before the password is
//! looked at, so that many at once cannot slip through, and gets it back when the password was right.
//!
//! A limit by user name alone would let anybody lock a Moodle site out by guessing its password. So an
//! address that has not failed within the window may always try: the limit by name is for those who
//! have. Names that there are not are treated alike, so nobody learns which there are.

mod failure_ledger;

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::net::client_network::network;
use failure_ledger::Ledger;

/// The time within which the failures are counted.
const WINDOW: Duration = Duration::from_mins(1);
/// Addresses, and names, that are remembered at once; some 2 MiB in all.
const MOST: usize = 1 << 14;

/// Slows down who guesses passwords.
pub struct Throttle {
    /// `None` lets everybody guess.
    books: Option<Mutex<Books>>,
    /// New in every process: nobody can choose names that share a key.
    hasher: RandomState,
}

struct Books {
    addresses: Ledger<IpAddr>,
    names: Ledger<u64>,
}

/// How long to wait before the next attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait(Duration);

impl Wait {
    /// Rounded up, so that who waits as long is let in.
    #[must_use]
    pub fn seconds(self) -> u64 {
        self.0.as_secs() + u64::from(self.0.subsec_nanos() > 0)
    }
}

impl Throttle {
    /// Allows so many failures a minute; `None` allows any number.
    #[must_use]
    pub fn new(failures: Option<NonZeroU32>) -> Self {
        let books = failures.map(|failures| {
            let share = WINDOW / failures.get();
            Mutex::new(Books { addresses: Ledger::new(share, MOST), names: Ledger::new(share, MOST) })
        });
        Self { books, hasher: RandomState::new() }
    }

    /// Whether an attempt may be made now; nothing is counted.
    pub fn admit(&self, address: IpAddr, name: &str, now: Instant) -> Result<(), Wait> {
        self.books().map_or(Ok(()), |books| books.admit(network(address), self.hasher.hash_one(name), now))
    }

    /// Begins an attempt, which counts as failed unless it is forgiven.
    pub fn begin(&self, address: IpAddr, name: &str, now: Instant) -> Result<Attempt<'_>, Wait> {
        let (address, name) = (network(address), self.hasher.hash_one(name));
        if let Some(mut books) = self.books() {
            books.admit(address, name, now)?;
            books.addresses.begin(address, now);
            books.names.begin(name, now);
        }
        Ok(Attempt { throttle: self, address, name, forgiven: false })
    }

    fn books(&self) -> Option<MutexGuard<'_, Books>> {
        Some(self.books.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Books {
    fn admit(&self, address: IpAddr, name: u64, now: Instant) -> Result<(), Wait> {
        if let Some(wait) = self.addresses.wait(&address, now) {
            return Err(Wait(wait));
        }
        let blameless = self.addresses.blameless_in(&address, now);
        match self.names.wait(&name, now) {
            Some(wait) if !blameless.is_zero() => Err(Wait(wait.min(blameless))),
            _ => Ok(()),
        }
    }
}

/// A login that was begun. Dropped, also by a client that goes away, it has failed.
pub struct Attempt<'a> {
    throttle: &'a Throttle,
    address: IpAddr,
    name: u64,
    forgiven: bool,
}

impl Attempt<'_> {
    /// The password was right, or could not be looked at.
    pub fn forgive(mut self) {
        self.forgiven = true;
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        let now = Instant::now();
        if let Some(mut books) = self.throttle.books() {
            books.addresses.end(&self.address, self.forgiven, now);
            books.names.end(&self.name, self.forgiven, now);
        }
    }
}

#[cfg(test)]
mod tests;
