//! What the protocol asks of an object store.
//!
//! Owns the operations and what each outcome means. Must not know which store answers, nor what an object contains.

use std::fmt::Debug;
use std::path::PathBuf;

use crate::store::error::StoreError;

/// An object store with conditional puts. After an error, the operation may have been done all the same.
pub(crate) trait Objects: Debug + Send + Sync {
    /// Where an object is, for messages.
    fn address(&self, key: &str) -> PathBuf;

    /// Reads an object; [`Got::Unchanged`] if it still has this version.
    fn get(&self, key: &str, unless: Option<&Version>) -> Result<Got, Unavailable>;

    /// Stores an object and returns its version; `None` if the condition was not met when the store saw the request. It may
    /// have been met at an earlier attempt whose answer was lost.
    fn put(
        &self,
        key: &str,
        bytes: Vec<u8>,
        condition: Condition<'_>,
    ) -> Result<Option<Version>, Unavailable>;

    /// Removes an object, if it exists.
    fn delete(&self, key: &str) -> Result<(), Unavailable>;

    /// All objects whose key begins with this prefix, which is empty or ends with a slash.
    fn list(&self, prefix: &str) -> Result<Vec<Listed>, Unavailable>;

    /// The names directly below this prefix that have objects below them.
    fn directories(&self, prefix: &str) -> Result<Vec<String>, Unavailable>;
}

/// What distinguishes the content of an object from any other that it had or will have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Version(pub(super) String);

/// What must hold for a put.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Condition<'a> {
    Any,
    /// There is no such object.
    Absent,
    /// The object has this version.
    Is(&'a Version),
}

impl<'a> Condition<'a> {
    /// That the object still is as it was read.
    pub(crate) fn unchanged(version: Option<&'a Version>) -> Self {
        version.map_or(Self::Absent, Self::Is)
    }
}

/// The result of a get.
#[derive(Debug)]
pub(crate) enum Got {
    Missing,
    Unchanged,
    Found(Vec<u8>, Version),
}

impl Got {
    /// The content and its version; `None` if there is no object.
    pub(crate) fn found(self) -> Option<(Vec<u8>, Version)> {
        match self {
            Self::Found(bytes, version) => Some((bytes, version)),
            Self::Missing | Self::Unchanged => None,
        }
    }
}

/// An object of a list.
#[derive(Debug, Clone)]
pub(crate) struct Listed {
    pub(crate) key: String,
    pub(crate) bytes: u64,
    /// When it was stored, in milliseconds since 1970 by the store's clock.
    pub(crate) stored_at: u64,
}

/// The object store did not answer, or refused.
#[derive(Debug, thiserror::Error)]
#[error("could not {action} {}: {source}", .address.display())]
pub(crate) struct Unavailable {
    pub(crate) action: &'static str,
    pub(crate) address: PathBuf,
    pub(crate) source: Box<dyn std::error::Error + Send + Sync>,
    /// Whether a repetition would be in vain, as with a wrong key.
    pub(crate) is_final: bool,
}

impl From<Unavailable> for StoreError {
    fn from(Unavailable { action, address: path, source, .. }: Unavailable) -> Self {
        Self::Unavailable { action, path, source }
    }
}
