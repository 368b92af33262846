//! Passwords that strangers guess first.

use super::secret::Secret;

/// Characters below which a password is short.
const SHORT: usize = 8;

/// What stands in the reference's images, in examples of ours and of others, and at the top of every list.
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

/// Why a password is soon guessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weakness {
    /// It is an example's, or the user's own name.
    WellKnown,
    /// It is short.
    Short,
}

impl Weakness {
    /// Looks at the password that a user is to have.
    #[must_use]
    pub fn of_password(name: &str, password: &str) -> Option<Self> {
        let plain = password.to_lowercase();
        if plain == name.to_lowercase() || WELL_KNOWN.contains(&plain.as_str()) {
            return Some(Self::WellKnown);
        }
        (password.chars().count() < SHORT).then_some(Self::Short)
    }

    /// Of a hash that is quickly tried. The memory-hard ones would delay the start, and `passwd`, which makes
    /// them, refuses such passwords itself.
    pub(crate) fn of_hash(name: &str, secret: &Secret) -> Option<Self> {
        let known = |password: &&str| secret.matches(password);
        let found = !secret.is_slow() && WELL_KNOWN.iter().chain([&name]).any(known);
        found.then_some(Self::WellKnown)
    }
}
