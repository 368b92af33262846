//! Limits on the features and classes of a model, and JSON lists that are read only up to a limit: two bytes of text
//! become an element of many bytes in memory.
//!
//! Owns the limits that several files share. Must not know what the lists mean.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};

/// The maximum number of features of a model; the server's own settings are lower.
pub(super) const MAX_FEATURES: usize = 100_000;
/// The maximum number of classes of a model.
pub(super) const MAX_CLASSES: usize = 1_000;

/// Reads a list; one of more than `MAX` elements is an error.
pub(super) fn list_up_to<'de, D, T, const MAX: usize>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    deserializer.deserialize_seq(ListUpTo::<T, MAX>(PhantomData))
}

struct ListUpTo<T, const MAX: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for ListUpTo<T, MAX> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of at most {MAX} elements")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(element) = seq.next_element()? {
            if list.len() == MAX {
                return Err(A::Error::custom(format_args!("a list has more than {MAX} elements")));
            }
            list.push(element);
        }
        Ok(list)
    }
}
