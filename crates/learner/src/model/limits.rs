//! Lists in JSON that are read only as far as a model's go: two bytes of text make an element of many.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};

/// More features than a model may have; the server's own settings are lower.
pub(super) const MAX_FEATURES: usize = 100_000;
/// More classes than a model may have.
pub(super) const MAX_CLASSES: usize = 1_000;

/// Reads a list; one of more than `MOST` elements is an error.
pub(super) fn at_most<'de, D, T, const MOST: usize>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    deserializer.deserialize_seq(AtMost::<T, MOST>(PhantomData))
}

/// Visits the elements of a list.
struct AtMost<T, const MOST: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const MOST: usize> Visitor<'de> for AtMost<T, MOST> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of at most {MOST} elements")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(element) = seq.next_element()? {
            if list.len() == MOST {
                return Err(A::Error::custom(format_args!("a list has more than {MOST} elements")));
            }
            list.push(element);
        }
        Ok(list)
    }
}

/// What a library says about bytes that anybody may have sent, fit for a reply: it may repeat much of them.
pub(super) fn said(error: &dyn fmt::Display) -> String {
    const MAX_CHARS: usize = 200;
    let text = error.to_string();
    let mut short: String =
        text.chars().take(MAX_CHARS).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
