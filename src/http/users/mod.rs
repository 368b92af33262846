//! Who may use the server: the users variable, and checking a password against it.
//!
//! Owns the entries and their hashes. Must not know HTTP. No text that leaves
//! this room, no `Debug` output and no error, ever holds a password or a hash.

mod argon;
mod entry;
mod secret;

pub use argon::argon2id_entry;

use std::fmt;
use std::str::FromStr;
use std::sync::RwLock;

use sha2::{Digest, Sha512};
use subtle::ConstantTimeEq;

use entry::User;
use secret::Secret;

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
    /// What an attempt costs whose name is unknown, so that time does not tell which names exist.
    decoy: Secret,
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
        let (place, _) = self.find(name)?;
        let known = self.verified.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let same = known[place]?.ct_eq(&self.fingerprint(password));
        bool::from(same).then_some(true)
    }

    /// Whether the credentials are right. May take tens of milliseconds: not for an async worker.
    pub fn verify(&self, name: &str, password: &str) -> bool {
        let found = self.find(name);
        let right = found.is_some_and(|(_, user)| user.secret.matches(password));
        match found {
            Some((place, _)) if right => {
                let fingerprint = self.fingerprint(password);
                self.verified.write().unwrap_or_else(std::sync::PoisonError::into_inner)[place] =
                    Some(fingerprint);
            }
            // A failed attempt costs the dearest check of the list, whoever it was for.
            Some((_, user)) if user.secret.is_slow() == self.decoy.is_slow() => {}
            _ => {
                self.decoy.matches(password);
            }
        }
        right
    }

    /// Whether checking an unknown password takes long.
    pub fn is_slow(&self) -> bool {
        self.decoy.is_slow()
    }

    fn find(&self, name: &str) -> Option<(usize, &User)> {
        self.list.iter().enumerate().find(|(_, user)| user.name == name)
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
        let dearest = list.iter().map(|user| &user.secret).find(|secret| secret.is_slow());
        let decoy = dearest.unwrap_or(&list[0].secret).decoy();
        let verified = RwLock::new(vec![None; list.len()]);
        Ok(Self { list, decoy, key, verified })
    }
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.list.iter().map(|user| &user.name)).finish()
    }
}

#[cfg(test)]
mod tests;
