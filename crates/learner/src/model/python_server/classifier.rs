//! What the Python server's `classifier.pkl` says: which columns count, and how many classes there are.

use super::pickle;
use super::value::{Global, Id, Value, Values};

/// More columns than a server accepts by default.
const MAX_COLUMNS: i64 = 20_000;
/// More classes than anybody tells apart.
const MAX_CLASSES: i64 = 1_000;

/// What a `classifier.pkl` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Classifier {
    pub(crate) classes: usize,
    /// The features that the network looks at, as positions among all; the others never varied.
    pub(crate) columns: Vec<usize>,
}

impl Classifier {
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, String> {
        let (values, id) = pickle::read(bytes)?;
        let &Value::Object(Global::Classifier, Some(state)) = values.at(id) else {
            return Err("it is not the Python server's classifier".to_owned());
        };
        let classes = match values.entry(state, "n_classes") {
            Some(&Value::Int(classes @ 2..=MAX_CLASSES)) => classes as usize,
            _ => return Err("it does not say how many classes there are".to_owned()),
        };
        Ok(Self { classes, columns: columns(&values, state)? })
    }
}

fn columns(values: &Values, state: Id) -> Result<Vec<usize>, String> {
    let columns = match values.entry(state, "variable_columns") {
        Some(Value::Integers(columns)) => columns.clone(),
        Some(Value::List(items)) => items
            .iter()
            .map(|&item| match values.at(item) {
                Value::Int(column) => *column,
                _ => -1, // refused below
            })
            .collect(),
        _ => return Err("it does not say which columns it uses".to_owned()),
    };
    if columns.len() > MAX_COLUMNS as usize || columns.iter().any(|column| !(0..MAX_COLUMNS).contains(column))
    {
        return Err(format!("it uses columns that are not among the first {MAX_COLUMNS}"));
    }
    Ok(columns.into_iter().map(|column| column as usize).collect())
}
