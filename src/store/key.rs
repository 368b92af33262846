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
    /// More than 200 characters were left.
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

/// Names one model: Moodle's `uniqueid` and `dirhash`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ModelKey {
    /// The model's `uniqueid`; with isolated users it begins with the tenant's prefix.
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
                prop_assert!((1..=LONGEST).contains(&name.len()));
                prop_assert!(!name.contains(['.', '/', '\\', '\0']));
                prop_assert_eq!(std::path::Path::new(&name).components().count(), 1);
            }
        }

        #[test]
        fn a_clean_id_is_kept_as_it_is(raw in "[A-Za-z0-9_$-]{1,200}") {
            prop_assert_eq!(ModelId::new(&raw).unwrap().0, raw);
        }

        #[test]
        fn dirt_between_the_characters_is_deleted(clean in "[A-Za-z0-9_$-]{1,100}", dirt in "[ ./\\\\é\0]{1,5}") {
            let dirty: String = clean.chars().flat_map(|c| dirt.chars().chain([c])).collect();
            prop_assert_eq!(ModelId::new(&dirty).unwrap().0, clean);
        }
    }

    #[rstest::rstest]
    #[case::nothing("")]
    #[case::this_directory(".")]
    #[case::the_directory_above("../..")]
    fn an_id_that_is_all_dirt_is_refused(#[case] raw: &str) {
        assert_eq!(DirHash::new("dirhash", raw), Err(IdError::Empty { name: "dirhash" }));
    }

    #[test]
    fn an_id_may_have_200_characters_and_no_more() {
        assert!(ModelId::new(&"a".repeat(200)).is_ok());
        assert_eq!(ModelId::new(&"a".repeat(201)), Err(IdError::TooLong { name: "uniqueid", length: 201 }));
    }
}
