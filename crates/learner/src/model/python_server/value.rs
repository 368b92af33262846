//! The values of a pickle, as a flat list, and the integers of its arrays.
//!
//! Owns the names that a pickle may refer to. Must not know the instructions of pickles.

use crate::text::Untrusted;

/// Longer names are cut.
const MAX_NAME_CHARS: usize = 40;

/// The index of a value in [`PickleValues`]. Values refer to each other by index, so that neither nesting nor cycles
/// take stack when they are dropped.
pub(crate) type Id = usize;

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum PickleValue {
    None,
    Bool(bool),
    Int(i64),
    Float,
    Text(String),
    Bytes(Vec<u8>),
    Tuple(Vec<Id>),
    List(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    Global(Global),
    /// The type of numbers in an array: `i8`, and `<` for little-endian once the pickle has set it.
    Dtype {
        kind: String,
        order: String,
    },
    /// An object and its state.
    Object(Global, Option<Id>),
    /// An array of integers.
    Integers(Vec<i64>),
}

/// The classes and functions that a pickle may refer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Global {
    Classifier,
    ArrayWrapper,
    Array,
    Dtype,
    Scalar,
}

impl Global {
    pub(crate) fn named(module: &str, name: &str) -> Result<Self, String> {
        match (module, name) {
            ("moodlemlbackend.model.tensor", "TF") => Ok(Self::Classifier),
            ("joblib.numpy_pickle", "NumpyArrayWrapper") => Ok(Self::ArrayWrapper),
            ("numpy", "ndarray") => Ok(Self::Array),
            ("numpy", "dtype") => Ok(Self::Dtype),
            ("numpy.core.multiarray" | "numpy._core.multiarray", "scalar") => Ok(Self::Scalar),
            _ => Err(format!(
                "it refers to {}.{}, which models of the Python server do not; nothing in it was run",
                Untrusted(module).identifier(MAX_NAME_CHARS),
                Untrusted(name).identifier(MAX_NAME_CHARS)
            )),
        }
    }
}

/// All values of a pickle.
#[derive(Debug, Default)]
pub(crate) struct PickleValues(pub(crate) Vec<PickleValue>);

impl PickleValues {
    pub(crate) fn at(&self, id: Id) -> &PickleValue {
        self.0.get(id).unwrap_or(&PickleValue::None)
    }

    /// The entry of a dictionary; the last one when a key is repeated, as in Python.
    pub(crate) fn entry(&self, dict: Id, key: &str) -> Option<&PickleValue> {
        let PickleValue::Dict(entries) = self.at(dict) else { return None };
        let named = |id: Id| matches!(self.at(id), PickleValue::Text(text) if text == key);
        entries.iter().rev().find(|entry| named(entry.0)).map(|entry| self.at(entry.1))
    }
}

/// The size of one integer in an array, in bytes.
pub(crate) fn width(kind: &str) -> Result<usize, String> {
    match kind {
        "i4" => Ok(4),
        "i8" => Ok(8),
        _ => Err(format!(
            "its columns are numbers of the type {}, not integers",
            Untrusted(kind).identifier(MAX_NAME_CHARS)
        )),
    }
}

pub(crate) fn integers(kind: &str, order: &str, bytes: &[u8]) -> Result<Vec<i64>, String> {
    let width = width(kind)?;
    if order != "<" || !bytes.len().is_multiple_of(width) {
        return Err("its numbers are not in little-endian order".to_owned());
    }
    Ok(bytes.chunks_exact(width).filter_map(signed).collect())
}

/// A little-endian number in two's complement; `None` when it has more than eight bytes.
pub(crate) fn signed(bytes: &[u8]) -> Option<i64> {
    let mut eight = [if bytes.last().is_some_and(|&last| last >= 0x80) { 0xff } else { 0 }; 8];
    eight.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(i64::from_le_bytes(eight))
}
