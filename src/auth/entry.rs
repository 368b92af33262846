//! Parsing of the users variable.
//!
//! Owns the format of an entry. Must not know how a password is checked.

use sha2::{Digest, Sha256};

use super::argon2id::Argon2idHash;
use super::corrections::{self, Correction};
use super::error::UsersError;
use super::secret::{Salted, Scheme, Secret};
use super::suspicion::{Suspicion, suspicious};
use super::user_name::check_name;
use super::weak_password::Weakness;

/// A user.
pub(crate) struct User {
    pub(crate) name: String,
    /// The hash of the name, for comparison in constant time.
    pub(crate) digest: [u8; 32],
    pub(crate) weakness: Option<Weakness>,
    pub(crate) secret: Secret,
}

/// The entries of a users variable.
pub(crate) struct Entries {
    pub(crate) users: Vec<User>,
    pub(crate) corrections: Vec<Correction>,
    pub(crate) suspicions: Vec<Suspicion>,
}

/// Parses `name:password` and `name:SCHEME:SALT:HASH`, separated by commas.
pub(crate) fn parse(text: &str) -> Result<Entries, UsersError> {
    let (mut users, mut suspicions) = (Vec::<User>::new(), Vec::new());
    let (entries, corrections) = corrections::entries(text);
    for (index, text) in entries.into_iter().enumerate() {
        let refuse = |name: Option<&str>, problem| UsersError::Entry {
            number: index + 1,
            name: name.map(str::to_owned),
            problem,
        };
        let user = user(text).map_err(|(name, problem)| refuse(name, problem))?;
        if users.iter().any(|known| known.name == user.name) {
            return Err(refuse(Some(&user.name), "the name appears twice: give every user one entry"));
        }
        if let Some((name, password)) = text.split_once(':')
            && !password.contains(':')
            && let Some(problem) = suspicious(password)
        {
            suspicions.push(Suspicion { number: index + 1, name: name.to_owned(), problem });
        }
        users.push(user);
    }
    Ok(Entries { users, corrections, suspicions })
}

type Refusal<'a> = (Option<&'a str>, &'static str);

fn user(text: &str) -> Result<User, Refusal<'_>> {
    if text.is_empty() {
        return Err((None, "it is empty: write user:password, several separated by single commas"));
    }
    let fields: Vec<&str> = text.split(':').collect();
    let name = fields[0];
    if fields.len() == 1 {
        // The text may be part of a password that contained a comma, so it is not shown.
        return Err((None, "it has no colon: write user:password; neither may contain a comma"));
    }
    check_name(name).map_err(|problem| (None, problem))?;
    let secret = match fields[1..] {
        [""] => Err("the password is empty: write user:password"),
        [password] => check_password(password).map(|()| Secret::plain(password)),
        ["sha256", salt, hash] => salted(Scheme::Sha256, salt, hash),
        ["sha512", salt, hash] => salted(Scheme::Sha512, salt, hash),
        ["argon2id", settings, hash] => Argon2idHash::parse(settings, hash).map(Secret::Argon2id),
        [_, _, _] => Err("the hash is of an unknown kind: use sha256, sha512 or argon2id, or have \
             `moodle-mlbackend passwd` make the entry"),
        _ => Err("it has the wrong number of fields: write user:password or user:sha256:SALT:HASH; \
             a password may not contain a colon"),
    };
    let secret = secret.map_err(|problem| (Some(name), problem))?;
    let weakness = match fields[1..] {
        [password] => Weakness::of_password(name, password),
        _ => Weakness::of_hash(name, &secret),
    };
    Ok(User { name: name.to_owned(), digest: Sha256::digest(name).into(), weakness, secret })
}

/// Refuses what a tool probably added to a password: with it, every login would fail.
fn check_password(password: &str) -> Result<(), &'static str> {
    let is_wrapped = |open: &str, close: &str| password.starts_with(open) && password.ends_with(close);
    if password.trim() != password {
        return Err("the password begins or ends with a blank: write user:password without blanks, or have \
                    `moodle-mlbackend passwd` make an entry for a password with a blank");
    }
    if password.contains(char::is_control) {
        return Err("the password contains a line break or a control character: separate entries by commas");
    }
    if password.len() > 1 && (is_wrapped("\"", "\"") || is_wrapped("'", "'")) {
        return Err("the password is in quotes: remove them");
    }
    if is_wrapped("${", "}") {
        return Err(
            "the password is the name of a variable that was not replaced by its value: write the password",
        );
    }
    Ok(())
}

fn salted(scheme: Scheme, salt: &str, hash: &str) -> Result<Secret, &'static str> {
    let digits = match scheme {
        Scheme::Sha256 => (64, "a sha256 hash is 64 hexadecimal digits: write user:sha256:SALT:HASH"),
        Scheme::Sha512 => (128, "a sha512 hash is 128 hexadecimal digits: write user:sha512:SALT:HASH"),
    };
    match hex::decode(hash) {
        Ok(bytes) if hash.len() == digits.0 => {
            Ok(Secret::Salted(Salted { scheme, salt: salt.as_bytes().to_vec(), hash: bytes }))
        }
        _ => Err(digits.1),
    }
}
