//! Why the users variable, or a new entry for it, cannot be used.

/// Why a users variable cannot be used. No message contains a password or a hash.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum UsersError {
    /// An entry is malformed.
    #[error("entry {number}{}: {problem}", name.as_deref().map(|name| format!(" (user {name:?})")).unwrap_or_default())]
    Entry {
        /// The position of the entry, from 1.
        number: usize,
        /// The user's name, if the entry has one.
        name: Option<String>,
        /// The problem and the remedy.
        problem: &'static str,
    },
    /// A name or password for a new entry cannot be used.
    #[error("{0}")]
    Name(&'static str),
    /// The machine could not make an entry.
    #[error("the entry could not be made: {0}")]
    Machine(String),
}
