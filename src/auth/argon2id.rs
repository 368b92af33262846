//! Argon2id entries: `user:argon2id:v19.m19456.t2.p1.SALT:HASH`, salt and hash in hexadecimal.
//!
//! Owns this format and the cost of new hashes. The usual PHC string contains commas and dollar signs, which the users
//! variable and shells interpret; this form needs no quoting.

use argon2::{Algorithm, Argon2, Params, Version};

use super::error::UsersError;
use super::user_name::check_name;

/// KiB, passes and lanes of new entries: OWASP's recommendation of 2023.
const DEFAULT_COST: (u32, u32, u32) = (19_456, 2, 1);
const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;

const MALFORMED: &str = "the argon2id hash is malformed: have `moodle-mlbackend passwd` make the entry (user:argon2id:v19.m19456.t2.p1.SALT:HASH)";
const TOO_EXPENSIVE: &str =
    "the parameters of the argon2id hash are too large: at most m1048576 (1 GiB), t64 and p16";

/// Makes an entry of the users variable with an argon2id hash of the password.
///
/// # Errors
/// When the name or password cannot be used, or the machine lacks memory or randomness.
pub fn argon2id_entry(user: &str, password: &str) -> Result<String, UsersError> {
    check_name(user).map_err(UsersError::Name)?;
    if password.is_empty() {
        return Err(UsersError::Name("the password is empty: choose one"));
    }
    let mut salt = [0; SALT_BYTES];
    getrandom::fill(&mut salt).map_err(|error| UsersError::Machine(error.to_string()))?;
    let (memory, passes, lanes) = DEFAULT_COST;
    let params = Params::new(memory, passes, lanes, Some(HASH_BYTES))
        .map_err(|error| UsersError::Machine(error.to_string()))?;
    let unhashed = Argon2idHash { params, salt: salt.to_vec(), hash: vec![0; HASH_BYTES] };
    let hash = unhashed
        .hash_of(password.as_bytes())
        .ok_or_else(|| UsersError::Machine("out of memory".to_owned()))?;
    let (salt, hash) = (hex::encode(salt), hex::encode(hash));
    Ok(format!("{user}:argon2id:v19.m{memory}.t{passes}.p{lanes}.{salt}:{hash}"))
}

/// An argon2id hash.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Argon2idHash {
    pub(crate) params: Params,
    pub(crate) salt: Vec<u8>,
    pub(crate) hash: Vec<u8>,
}

impl Argon2idHash {
    /// Parses the last two fields of an entry.
    pub(crate) fn parse(settings: &str, hash: &str) -> Result<Self, &'static str> {
        let hash = hex::decode(hash).map_err(|_| MALFORMED)?;
        let mut parts = settings.split('.');
        let mut number = |letter: char| -> Option<u32> { parts.next()?.strip_prefix(letter)?.parse().ok() };
        let (version, memory, passes, lanes) = (number('v'), number('m'), number('t'), number('p'));
        let salt = parts.next().and_then(|salt| hex::decode(salt).ok()).ok_or(MALFORMED)?;
        let (Some(19), Some(memory), Some(passes), Some(lanes), None) =
            (version, memory, passes, lanes, parts.next())
        else {
            return Err(MALFORMED);
        };
        if !(8..=64).contains(&salt.len()) || !(16..=64).contains(&hash.len()) {
            return Err(MALFORMED);
        }
        if memory > 1 << 20 || passes > 64 || lanes > 16 {
            return Err(TOO_EXPENSIVE);
        }
        let params = Params::new(memory, passes, lanes, Some(hash.len())).map_err(|_| MALFORMED)?;
        Ok(Self { params, salt, hash })
    }

    /// The hash of a password; `None` when there is not enough memory.
    pub(crate) fn hash_of(&self, password: &[u8]) -> Option<Vec<u8>> {
        let mut out = vec![0; self.hash.len()];
        Argon2::new(Algorithm::Argon2id, Version::V0x13, self.params.clone())
            .hash_password_into(password, &self.salt, &mut out)
            .ok()?;
        Some(out)
    }
}
