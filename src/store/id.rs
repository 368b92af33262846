//! The names that Moodle gives to models and runs, as types that are safe to
//! use as the name of one directory.

use std::fmt;

/// The longest identifier, in characters; file systems stop at 255 bytes.
const LONGEST: usize = 200;

/// Why a name could not be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum IdError {
    /// Nothing was left after unsafe characters were deleted.
    #[error("{name} is empty: send 1 to {LONGEST} of the characters A-Z a-z 0-9 _ - $")]
    Empty {
        /// The parameter's name on the wire.
        name: &'static str,
    },
    /// More than [`LONGEST`] characters were left.
    #[error("{name} has {length} characters: send at most {LONGEST}")]
    TooLong {
        /// The parameter's name on the wire.
        name: &'static str,
        /// How many characters were left.
        length: usize,
    },
}

/// Deletes every character outside `[A-Za-z0-9_\-$]`: Moodle's own tests send
/// identifiers with spaces and dots and expect them to be accepted.
fn sanitised(name: &'static str, raw: &str) -> Result<String, IdError> {
    let kept: String =
        raw.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '$')).collect();
    match kept.len() {
        0 => Err(IdError::Empty { name }),
        length if length > LONGEST => Err(IdError::TooLong { name, length }),
        _ => Ok(kept),
    }
}

/// One Moodle prediction model: `uniqueid` on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModelId(String);

impl ModelId {
    /// Makes an id of what a client sent, see [`IdError`] for what is refused.
    pub fn new(raw: &str) -> Result<Self, IdError> {
        sanitised("uniqueid", raw).map(Self)
    }

    /// The name of the model's directory.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One trained or evaluated state of a model: `dirhash` on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DirHash(String);

impl DirHash {
    /// Makes a hash of what a client sent as parameter `name` (`dirhash` or
    /// `trainedmodeldirhash`), see [`IdError`] for what is refused.
    pub fn new(name: &'static str, raw: &str) -> Result<Self, IdError> {
        sanitised(name, raw).map(Self)
    }

    /// The name of the directory.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One evaluation run: milliseconds since 1970, made unique.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RunId(pub u64);

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
