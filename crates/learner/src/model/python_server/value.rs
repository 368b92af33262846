//! The values that a pickle holds, as a flat list, and the whole numbers of its arrays.

/// The place of a value in [`Values`]. Values refer to each other by place, so that neither nesting nor
/// cycles cost stack when they are dropped.
pub(crate) type Id = usize;

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
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
    /// A kind of number in an array: `i8`, and `<` for little-endian once it is told.
    Dtype {
        kind: String,
        order: String,
    },
    /// An object and what it was filled with.
    Object(Global, Option<Id>),
    /// An array of whole numbers.
    Integers(Vec<i64>),
}

/// What a pickle may name.
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
                "it names {}.{}, which no model of the Python server holds; nothing in it was run",
                shown(module),
                shown(name)
            )),
        }
    }
}

/// As much of a foreign name as can be shown to people.
fn shown(name: &str) -> String {
    name.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.')).take(40).collect()
}

/// All values of a pickle.
#[derive(Debug, Default)]
pub(crate) struct Values(Vec<Value>);

impl Values {
    /// Adds a value; gives its place.
    pub(crate) fn add(&mut self, value: Value) -> Id {
        self.0.push(value);
        self.0.len() - 1
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn at_mut(&mut self, id: Id) -> Option<&mut Value> {
        self.0.get_mut(id)
    }

    pub(crate) fn at(&self, id: Id) -> &Value {
        self.0.get(id).unwrap_or(&Value::None)
    }

    /// The entry of a dictionary; of several with one key the last, as in Python.
    pub(crate) fn entry(&self, dict: Id, key: &str) -> Option<&Value> {
        let Value::Dict(entries) = self.at(dict) else { return None };
        let named = |id: Id| matches!(self.at(id), Value::Text(text) if text == key);
        entries.iter().rev().find(|entry| named(entry.0)).map(|entry| self.at(entry.1))
    }
}

/// The bytes of one whole number in an array.
pub(crate) fn width(kind: &str) -> Result<usize, String> {
    match kind {
        "i4" => Ok(4),
        "i8" => Ok(8),
        _ => Err(format!("its columns are numbers of kind {}, not whole numbers", shown(kind))),
    }
}

pub(crate) fn integers(kind: &str, order: &str, bytes: &[u8]) -> Result<Vec<i64>, String> {
    let width = width(kind)?;
    if order != "<" || !bytes.len().is_multiple_of(width) {
        return Err("its numbers are not in little-endian order".to_owned());
    }
    let number = |bytes: &[u8]| {
        let mut eight = [if bytes[width - 1] >= 0x80 { 0xff } else { 0 }; 8];
        eight[..width].copy_from_slice(bytes);
        i64::from_le_bytes(eight)
    };
    Ok(bytes.chunks_exact(width).map(number).collect())
}
