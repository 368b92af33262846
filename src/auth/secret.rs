//! Stored passwords and hashes, and comparison in constant time.

use sha2::{Digest, Sha256, Sha512};
use subtle::ConstantTimeEq;

use super::argon2id::Argon2idHash;

/// A stored password.
#[derive(PartialEq, Eq)]
pub(crate) enum Secret {
    /// The hash of a password that was given in plain text: hashed, because the time of comparing hashes does not depend
    /// on the length of the password.
    Plain([u8; 32]),
    /// A fast hash.
    Salted(Salted),
    /// A memory-hard hash.
    Argon2id(Argon2idHash),
}

/// HASH(salt ‖ password).
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Salted {
    pub(crate) scheme: Scheme,
    pub(crate) salt: Vec<u8>,
    pub(crate) hash: Vec<u8>,
}

/// The fast hashes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    Sha256,
    Sha512,
}

impl Secret {
    pub(crate) fn plain(password: &str) -> Self {
        Self::Plain(Sha256::digest(password).into())
    }

    pub(crate) fn matches(&self, password: &[u8]) -> bool {
        match self {
            Self::Plain(known) => same(known, &Sha256::digest(password)),
            Self::Salted(known) => same(&known.hash, &known.scheme.hash(&known.salt, password)),
            Self::Argon2id(known) => known.hash_of(password).is_some_and(|hash| same(&known.hash, &hash)),
        }
    }

    /// A digest that changes with the password. A salt makes it unique, also for the same password.
    pub(crate) fn digest(&self) -> [u8; 32] {
        let digest = Sha256::new();
        let digest = match self {
            Self::Plain(hash) => digest.chain_update("plain").chain_update(hash),
            Self::Salted(known) => {
                digest.chain_update("salted").chain_update(&known.salt).chain_update(&known.hash)
            }
            Self::Argon2id(known) => {
                digest.chain_update("argon2id").chain_update(&known.salt).chain_update(&known.hash)
            }
        };
        digest.finalize().into()
    }

    pub(crate) fn is_slow(&self) -> bool {
        matches!(self, Self::Argon2id(_))
    }

    /// Whether checking a password against the other takes as long.
    pub(crate) fn has_cost_of(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Plain(_), Self::Plain(_)) => true,
            (Self::Salted(one), Self::Salted(other)) => {
                one.scheme == other.scheme && one.salt.len() == other.salt.len()
            }
            (Self::Argon2id(one), Self::Argon2id(other)) => {
                one.params == other.params && one.salt.len() == other.salt.len()
            }
            _ => false,
        }
    }

    /// A secret with the same cost that no password matches.
    pub(crate) fn decoy(&self) -> Self {
        match self {
            Self::Plain(_) => Self::Plain([0; 32]),
            Self::Salted(known) => Self::Salted(Salted { hash: vec![0; known.hash.len()], ..known.clone() }),
            Self::Argon2id(known) => {
                Self::Argon2id(Argon2idHash { hash: vec![0; known.hash.len()], ..known.clone() })
            }
        }
    }
}

impl Scheme {
    fn hash(self, salt: &[u8], password: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::new().chain_update(salt).chain_update(password).finalize().to_vec(),
            Self::Sha512 => Sha512::new().chain_update(salt).chain_update(password).finalize().to_vec(),
        }
    }
}

fn same(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}
