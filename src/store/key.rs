//! The names that Moodle gives to models and runs, as types that are safe as the name of one directory.
//!
//! Must not know where these directories are.

use std::fmt;

use serde::Serialize;

/// In characters. File systems allow names of 255 bytes.
const MAX_LENGTH: usize = 200;

/// Why a name was refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum IdError {
    /// No character is left after the unsafe ones were deleted.
    #[error("{name} is empty: send 1 to {MAX_LENGTH} of the characters A-Z a-z 0-9 _ - $")]
    Empty {
        /// The name of the request parameter.
        name: &'static str,
    },
    /// More than 200 characters are left.
    #[error("{name} has {length} characters: send at most {MAX_LENGTH}")]
    TooLong {
        /// The name of the request parameter.
        name: &'static str,
        /// The number of characters.
        length: usize,
    },
}

/// Deletes all characters but `[A-Za-z0-9_\-$]`: Moodle's own tests send identifiers with spaces and dots and expect them
/// to be accepted.
fn sanitised(name: &'static str, raw: &str) -> Result<String, IdError> {
    let kept: String =
        raw.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '$')).collect();
    match kept.len() {
        0 => Err(IdError::Empty { name }),
        length if length > MAX_LENGTH => Err(IdError::TooLong { name, length }),
        _ => Ok(kept),
    }
}

/// One prediction model of Moodle: the request parameter `uniqueid`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModelId(String);

impl ModelId {
    /// Sanitises the value of a request parameter.
    pub fn new(raw: &str) -> Result<Self, IdError> {
        sanitised("uniqueid", raw).map(Self)
    }

    /// The id with this directory name; `None` for a name that no request can produce.
    pub(super) fn of_directory(name: &str) -> Option<Self> {
        Self::new(name).ok().filter(|id| id.as_str() == name)
    }

    /// The name of the directory.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One trained or evaluated state of a model: the request parameter `dirhash`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DirHash(String);

impl DirHash {
    /// Sanitises the value of the request parameter `name` (`dirhash` or `trainedmodeldirhash`).
    pub fn new(name: &'static str, raw: &str) -> Result<Self, IdError> {
        sanitised(name, raw).map(Self)
    }

    /// The hash with this directory name; `None` for a name that no request can produce.
    pub(super) fn of_directory(name: &str) -> Option<Self> {
        Self::new("dirhash", name).ok().filter(|hash| hash.as_str() == name)
    }

    /// The name of the directory.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Reads the number that a directory is named with, without leading zeros or a sign.
pub(super) fn number_of_directory(name: &str) -> Option<u64> {
    name.parse().ok().filter(|number: &u64| number.to_string() == name)
}

/// One evaluation run: milliseconds since 1970, made unique.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct RunId(pub u64);

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Identifies one model by Moodle's `uniqueid` and `dirhash`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ModelKey {
    /// The `uniqueid`; with isolated users it begins with the tenant's prefix.
    pub id: ModelId,
    /// The `dirhash` that training, prediction, export and import share.
    pub dir: DirHash,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_id_is_always_a_safe_name_of_one_directory(raw in any::<String>()) {
            for name in [ModelId::new(&raw).map(|id| id.0), DirHash::new("dirhash", &raw).map(|hash| hash.0)] {
                let Ok(name) = name else { continue };
                prop_assert!((1..=MAX_LENGTH).contains(&name.len()));
                prop_assert!(!name.contains(['.', '/', '\\', '\0']));
                prop_assert_eq!(std::path::Path::new(&name).components().count(), 1);
            }
        }

        #[test]
        fn keeps_a_safe_id_unchanged(raw in "[A-Za-z0-9_$-]{1,200}") {
            prop_assert_eq!(ModelId::new(&raw).expect("a valid name").0, raw);
        }

        #[test]
        fn deletes_unsafe_characters(safe in "[A-Za-z0-9_$-]{1,100}", unsafe_part in "[ ./\\\\é\0]{1,5}") {
            let raw: String = safe.chars().flat_map(|c| unsafe_part.chars().chain([c])).collect();
            prop_assert_eq!(ModelId::new(&raw).expect("a valid name").0, safe);
        }
    }
}
