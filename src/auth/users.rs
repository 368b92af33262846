//! The users of the server, and checking a password.
//!
//! Owns the entries and their hashes. Must not know HTTP. No `Debug` output and no error contains a password or a hash.

use std::fmt;
use std::str::FromStr;
use std::sync::{PoisonError, RwLock};

use sha2::{Digest, Sha256, Sha512};
use subtle::{ConditionallySelectable, ConstantTimeEq};

use super::corrections::Correction;
use super::entry::{self, Entries, User};
use super::error::UsersError;
use super::secret::Secret;
use super::suspicion::Suspicion;
use super::weak_password::Weakness;

/// The users of the server; at least one.
pub struct Users {
    list: Vec<User>,
    /// What was corrected in the variable.
    corrections: Vec<Correction>,
    /// What a tool has probably changed, but may also be meant.
    suspicions: Vec<Suspicion>,
    /// One per kind of secret in the list with its own cost. Every check computes all kinds, so that the response time
    /// does not reveal which names exist.
    decoys: Vec<Secret>,
    /// Key of the fingerprints of verified passwords; random in every process.
    key: [u8; 32],
    /// Fingerprints of verified passwords, by the user's index: the memory-hard hash is computed once per credential,
    /// not once per request.
    verified: RwLock<Vec<Option<[u8; 64]>>>,
}

impl Users {
    /// Whether these credentials were verified before; otherwise [`Self::verify`] has to compute.
    pub fn remembered(&self, name: &str, password: impl AsRef<[u8]>) -> bool {
        let password = password.as_ref();
        let index = self.index_of(name);
        let given = self.fingerprint(password);
        let verified = self.verified.read().unwrap_or_else(PoisonError::into_inner);
        // No password has this fingerprint.
        let known = index.and_then(|index| verified[index]).unwrap_or([0; 64]);
        known.ct_eq(&given).into()
    }

    /// Checks credentials; an empty password is always wrong. Blocks for tens of milliseconds: do not call it on an async
    /// worker.
    pub fn verify(&self, name: &str, password: impl AsRef<[u8]>) -> bool {
        let password = password.as_ref();
        let index = self.index_of(name);
        let found = index.map(|index| &self.list[index].secret);
        let mut right = false;
        for decoy in &self.decoys {
            let secret = found.filter(|secret| secret.has_cost_of(decoy)).unwrap_or(decoy);
            right |= secret.matches(password);
        }
        // No password matches a decoy; if one did, it would still not grant access.
        right &= index.is_some() && !password.is_empty();
        if let (Some(index), true) = (index, right) {
            let fingerprint = self.fingerprint(password);
            self.verified.write().unwrap_or_else(PoisonError::into_inner)[index] = Some(fingerprint);
        }
        right
    }

    /// A digest of the user's stored password, which changes when that does; `None` for an unknown user. It must not leave
    /// the process.
    pub(crate) fn credential(&self, name: &str) -> Option<[u8; 32]> {
        self.index_of(name).map(|index| self.list[index].secret.digest())
    }

    /// Whether checking a password that was not verified before is slow (a memory-hard hash).
    pub fn is_slow(&self) -> bool {
        self.decoys.iter().any(Secret::is_slow)
    }

    /// The names of all users, in the order of the variable.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.list.iter().map(|user| user.name.as_str())
    }

    /// The users with weak passwords.
    pub fn weak(&self) -> impl Iterator<Item = (&str, Weakness)> {
        self.list.iter().filter_map(|user| Some((user.name.as_str(), user.weakness?)))
    }

    /// What was corrected in the variable: a tool had changed it on the way.
    pub fn corrections(&self) -> &[Correction] {
        &self.corrections
    }

    /// The entries that a tool has probably changed on the way, but that may also be meant.
    pub fn suspicions(&self) -> &[Suspicion] {
        &self.suspicions
    }

    /// The index of a user, in a time that depends neither on the name nor on its index.
    fn index_of(&self, name: &str) -> Option<usize> {
        const NONE: u64 = u64::MAX;
        let wanted: [u8; 32] = Sha256::digest(name).into();
        let mut found = NONE;
        for (index, user) in (0..).zip(&self.list) {
            found.conditional_assign(&index, user.digest.ct_eq(&wanted));
        }
        if found == NONE { None } else { usize::try_from(found).ok() }
    }

    fn fingerprint(&self, password: &[u8]) -> [u8; 64] {
        Sha512::new().chain_update(self.key).chain_update(password).finalize().into()
    }
}

impl Users {
    /// Reads the users variable as the system has it; bytes that are not UTF-8 are read as Latin-1.
    ///
    /// # Errors
    /// [`UsersError`] when an entry is malformed.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, UsersError> {
        if let Ok(text) = std::str::from_utf8(bytes) {
            return text.parse();
        }
        let mut users: Self = of_latin1(bytes).parse()?;
        users.corrections.push(Correction::Latin1);
        Ok(users)
    }

    /// Reads the content of a file: like the variable, or one entry per line. Empty lines and lines that begin with `#` are
    /// ignored.
    ///
    /// # Errors
    /// [`UsersError`] when an entry is malformed.
    pub fn from_file(bytes: &[u8]) -> Result<Self, UsersError> {
        let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
        let lines = bytes.split(|byte| matches!(byte, b'\n' | b'\r'));
        let lines = lines.filter(|line| !line.trim_ascii().is_empty() && !line.starts_with(b"#"));
        let entries: Vec<&[u8]> = lines.map(|line| line.strip_suffix(b",").unwrap_or(line)).collect();
        Self::from_bytes(&entries.join(&b','))
    }

    /// These users with the verified passwords of earlier ones, where the entry is the same.
    #[must_use]
    pub fn with_verified(mut self, before: &Self) -> Self {
        self.key = before.key;
        let known = before.verified.read().unwrap_or_else(PoisonError::into_inner);
        let fingerprint = |user: &User| {
            let same = |other: &User| other.name == user.name && other.secret == user.secret;
            known[before.list.iter().position(same)?]
        };
        self.verified = RwLock::new(self.list.iter().map(fingerprint).collect());
        self
    }
}

/// The text of bytes in Latin-1, whose characters are the first 256 of Unicode.
pub fn of_latin1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

impl FromStr for Users {
    type Err = UsersError;

    fn from_str(text: &str) -> Result<Self, UsersError> {
        let Entries { users: list, corrections, suspicions } = entry::parse(text)?;
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|error| UsersError::Machine(error.to_string()))?;
        let mut decoys: Vec<Secret> = Vec::new();
        for user in &list {
            if !decoys.iter().any(|decoy| decoy.has_cost_of(&user.secret)) {
                decoys.push(user.secret.decoy());
            }
        }
        let verified = RwLock::new(vec![None; list.len()]);
        Ok(Self { list, corrections, suspicions, decoys, key, verified })
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
