//! Weak passwords.
//!
//! Owns the list of well-known passwords.

use super::secret::Secret;

/// Passwords with fewer characters are short.
const SHORT: usize = 8;

/// Passwords from the images of the Python server, from examples, and from the top of lists of common passwords.
const WELL_KNOWN: [&str; 20] = [
    "sshhhh",
    "password",
    "password1",
    "password2",
    "the-password",
    "mypassword",
    "your-password",
    "secret",
    "topsecret",
    "changeme",
    "change-me",
    "moodle",
    "mlbackend",
    "admin",
    "default",
    "test",
    "12345",
    "123456",
    "12345678",
    "123456789",
];

/// Why a password is weak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weakness {
    /// It is well known, or the user's name.
    WellKnown,
    /// It is short.
    Short,
}

impl Weakness {
    /// Checks a new password of a user.
    #[must_use]
    pub fn of_password(name: &str, password: &str) -> Option<Self> {
        let plain = password.to_lowercase();
        if plain == name.to_lowercase() || WELL_KNOWN.contains(&plain.as_str()) {
            return Some(Self::WellKnown);
        }
        (password.chars().count() < SHORT).then_some(Self::Short)
    }

    /// Checks a fast hash by trying well-known passwords. Memory-hard hashes are skipped: they would delay startup, and
    /// `passwd`, which makes them, refuses such passwords.
    pub(crate) fn of_hash(name: &str, secret: &Secret) -> Option<Self> {
        let known = |password: &&str| secret.matches(password.as_bytes());
        let found = !secret.is_slow() && WELL_KNOWN.iter().chain([&name]).any(known);
        found.then_some(Self::WellKnown)
    }
}
