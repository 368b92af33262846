//! Who may use the server: the users variable, and checking a password against it.
//!
//! Owns the entries and their hashes. Must not know HTTP. No text that leaves
//! this room, no `Debug` output and no error, ever holds a password or a hash.

use std::fmt;
use std::str::FromStr;
use std::sync::{PoisonError, RwLock};

use sha2::{Digest, Sha256, Sha512};
use subtle::{ConditionallySelectable, ConstantTimeEq};

use super::entry::{self, User};
use super::secret::Secret;
use super::weak_password::Weakness;

/// Why a users variable cannot be used; never tells a password.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum UsersError {
    /// One entry is malformed.
    #[error("entry {number}{}: {problem}", name.as_deref().map(|name| format!(" (user {name:?})")).unwrap_or_default())]
    Entry {
        /// Counts from 1.
        number: usize,
        /// The user's name, when there is one.
        name: Option<String>,
        /// What is wrong and what to write instead.
        problem: &'static str,
    },
    /// A name for a new entry cannot be used.
    #[error("{0}")]
    Name(&'static str),
    /// The machine could not make an entry.
    #[error("the entry could not be made: {0}")]
    Machine(String),
}

/// The users that may use the server; at least one.
pub struct Users {
    list: Vec<User>,
    /// One for each kind of secret in the list that takes a time of its own: every check goes through all kinds,
    /// whoever it is for, so that time does not tell which names exist.
    decoys: Vec<Secret>,
    /// Keys the fingerprints of verified passwords; new in every process.
    key: [u8; 32],
    /// Fingerprints of the passwords that were found right, by the user's place in the list: the
    /// memory-hard hash is computed once per credential, not once per request.
    verified: RwLock<Vec<Option<[u8; 64]>>>,
}

impl Users {
    /// Whether the credentials are right at one glance: `Some(true)` when they were found right
    /// before, `None` when [`Self::verify`] has to compute.
    pub fn remembered(&self, name: &str, password: &str) -> Option<bool> {
        let place = self.place(name);
        let given = self.fingerprint(password);
        let verified = self.verified.read().unwrap_or_else(PoisonError::into_inner);
        // Nothing has this fingerprint.
        let known = place.and_then(|place| verified[place]).unwrap_or([0; 64]);
        bool::from(known.ct_eq(&given)).then_some(true)
    }

    /// Whether the credentials are right. May take tens of milliseconds: not for an async worker.
    pub fn verify(&self, name: &str, password: &str) -> bool {
        let place = self.place(name);
        let found = place.map(|place| &self.list[place].secret);
        let mut right = false;
        for decoy in &self.decoys {
            let secret = found.filter(|secret| secret.costs_as(decoy)).unwrap_or(decoy);
            right |= secret.matches(password);
        }
        // No password matches a decoy; should one ever, nobody is let in by it.
        right &= place.is_some();
        if let (Some(place), true) = (place, right) {
            let fingerprint = self.fingerprint(password);
            self.verified.write().unwrap_or_else(PoisonError::into_inner)[place] = Some(fingerprint);
        }
        right
    }

    /// Whether checking an unknown password takes long.
    pub fn is_slow(&self) -> bool {
        self.decoys.iter().any(Secret::is_slow)
    }

    /// All names, in the order of the list.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.list.iter().map(|user| user.name.as_str())
    }

    /// Whose passwords are soon guessed, and why.
    pub fn weak(&self) -> impl Iterator<Item = (&str, Weakness)> {
        self.list.iter().filter_map(|user| Some((user.name.as_str(), user.weakness?)))
    }

    /// Where a user stands in the list. Looks at every entry, wherever the right one is.
    fn place(&self, name: &str) -> Option<usize> {
        const NOWHERE: u64 = u64::MAX;
        let wanted: [u8; 32] = Sha256::digest(name).into();
        let mut place = NOWHERE;
        for (at, user) in (0..).zip(&self.list) {
            place.conditional_assign(&at, user.digest.ct_eq(&wanted));
        }
        if place == NOWHERE { None } else { usize::try_from(place).ok() }
    }

    fn fingerprint(&self, password: &str) -> [u8; 64] {
        Sha512::new().chain_update(self.key).chain_update(password).finalize().into()
    }
}

impl FromStr for Users {
    type Err = UsersError;

    fn from_str(text: &str) -> Result<Self, UsersError> {
        let list = entry::parse(text)?;
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|error| UsersError::Machine(error.to_string()))?;
        let mut decoys: Vec<Secret> = Vec::new();
        for user in &list {
            if !decoys.iter().any(|decoy| decoy.costs_as(&user.secret)) {
                decoys.push(user.secret.decoy());
            }
        }
        let verified = RwLock::new(vec![None; list.len()]);
        Ok(Self { list, decoys, key, verified })
    }
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.list.iter().map(|user| &user.name)).finish()
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod timing_tests;
