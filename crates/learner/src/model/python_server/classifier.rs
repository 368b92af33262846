//! The Python server's `classifier.pkl`: the used columns and the number of classes.
//!
//! Owns the names of its attributes. Must not know the instructions of pickles.

use super::pickle;
use super::value::{Global, Id, PickleValue, PickleValues};

/// The maximum number of columns; a server accepts fewer by default.
const MAX_COLUMNS: i64 = 20_000;
/// The maximum number of classes.
const MAX_CLASSES: i64 = 1_000;

/// The content of a `classifier.pkl`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Classifier {
    pub(crate) classes: usize,
    /// The positions of the features that the network uses; the other features never varied.
    pub(crate) columns: Vec<usize>,
}

impl Classifier {
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, String> {
        let (values, id) = pickle::read(bytes)?;
        let &PickleValue::Object(Global::Classifier, Some(state)) = values.at(id) else {
            return Err("it is not the Python server's classifier".to_owned());
        };
        let Some(&PickleValue::Int(classes @ 2..=MAX_CLASSES)) = values.entry(state, "n_classes") else {
            return Err("its n_classes is missing or not a number of classes".to_owned());
        };
        Ok(Self { classes: classes as usize, columns: columns(&values, state)? })
    }
}

fn columns(values: &PickleValues, state: Id) -> Result<Vec<usize>, String> {
    let columns = match values.entry(state, "variable_columns") {
        Some(PickleValue::Integers(columns)) => columns.clone(),
        Some(PickleValue::List(items)) => items
            .iter()
            .map(|&item| match values.at(item) {
                PickleValue::Int(column) => *column,
                _ => -1, // refused below
            })
            .collect(),
        _ => return Err("its variable_columns is missing or not a list".to_owned()),
    };
    if columns.len() > MAX_COLUMNS as usize || columns.iter().any(|column| !(0..MAX_COLUMNS).contains(column))
    {
        return Err(format!("it uses columns that are not among the first {MAX_COLUMNS}"));
    }
    Ok(columns.into_iter().map(|column| column as usize).collect())
}
