//! What is kept of a password, and comparing with it in constant time.

use sha2::{Digest, Sha256, Sha512};
use subtle::ConstantTimeEq;

use super::argon::Argon;

/// What is kept of a password.
pub(super) enum Secret {
    /// The password itself.
    Plain(Vec<u8>),
    /// A fast hash.
    Salted(Salted),
    /// A memory-hard hash.
    Argon(Argon),
}

/// HASH(salt ‖ password).
pub(super) struct Salted {
    pub(super) scheme: Scheme,
    pub(super) salt: Vec<u8>,
    pub(super) hash: Vec<u8>,
}

/// The fast hashes.
#[derive(Clone, Copy)]
pub(super) enum Scheme {
    Sha256,
    Sha512,
}

impl Secret {
    pub(super) fn matches(&self, password: &str) -> bool {
        match self {
            // Hashed first, so that the time does not depend on the lengths.
            Self::Plain(known) => same(&Sha256::digest(known), &Sha256::digest(password)),
            Self::Salted(known) => same(&known.hash, &known.scheme.hash(&known.salt, password)),
            Self::Argon(known) => known.hash_of(password).is_some_and(|hash| same(&known.hash, &hash)),
        }
    }

    pub(super) fn is_slow(&self) -> bool {
        matches!(self, Self::Argon(_))
    }

    /// Something that costs as much to compare with.
    pub(super) fn decoy(&self) -> Self {
        match self {
            Self::Plain(_) => Self::Plain(Vec::new()),
            Self::Salted(known) => Self::Salted(Salted {
                scheme: known.scheme,
                salt: known.salt.clone(),
                hash: vec![0; known.hash.len()],
            }),
            Self::Argon(known) => Self::Argon(known.decoy()),
        }
    }
}

impl Scheme {
    fn hash(self, salt: &[u8], password: &str) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::new().chain_update(salt).chain_update(password).finalize().to_vec(),
            Self::Sha512 => Sha512::new().chain_update(salt).chain_update(password).finalize().to_vec(),
        }
    }
}

fn same(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}
