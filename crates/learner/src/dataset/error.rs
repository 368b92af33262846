//! The errors of reading a dataset: the cause, its line and column, and the limit or the expected form.
//!
//! Must not know how a client is answered.

use std::fmt;
use std::io;

use crate::text::Untrusted;

/// Why a dataset was refused.
///
/// ```
/// use learner::dataset::{Limits, Position, read_labelled};
///
/// let file = "nfeatures,targetclasses\n1,\"[0,1]\"\nclicks,dropout\nmany,1\n";
/// let error = read_labelled(file.as_bytes(), &Limits::default()).unwrap_err();
/// assert_eq!(error.position(), Some(Position { line: 4, column: Some(1) }));
/// assert_eq!(
///     error.to_string(),
///     "line 4, column 1 (clicks): expected a number or nothing, got \"many\": it is not a number"
/// );
/// ```
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// The file could not be read; the client is not at fault.
    #[error("the dataset could not be read: {0}")]
    Read(#[source] io::Error),

    /// One of the three header lines is missing.
    #[error(
        "line {line}: the dataset ends before its {what}; a dataset has a line of keys, a line of values, \
         a line of column names, then one line for each sample"
    )]
    Truncated {
        /// The number of the missing line.
        line: u64,
        /// What the line should have held.
        what: &'static str,
    },

    /// The header's keys or values are not valid.
    #[error("line {line}: {reason}")]
    Header {
        /// The line, from 1.
        line: u64,
        /// What is wrong and what is expected.
        reason: String,
    },

    /// A column's name is not valid.
    #[error("line {line}, column {column}: {reason}")]
    Name {
        /// The line, from 1.
        line: u64,
        /// The column, from 1.
        column: usize,
        /// What is wrong and what is expected.
        reason: String,
    },

    /// A line has not the number of fields that the header requires.
    #[error("line {line}, column {}: expected {expected} fields, got {found}", .expected.min(.found) + 1)]
    Ragged {
        /// The line, from 1.
        line: u64,
        /// `nfeatures` + 1.
        expected: usize,
        /// The number of fields of the line.
        found: usize,
    },

    /// A cell has not a value that its column allows.
    #[error("line {line}, column {column} ({name}): {reason}")]
    Cell {
        /// The line, from 1.
        line: u64,
        /// The column, from 1.
        column: usize,
        /// The column's name.
        name: String,
        /// What is wrong and what is expected.
        reason: String,
    },

    /// A target that the header does not list among its classes.
    #[error("line {line}, column {column}: the target {value} is not one of the targetclasses {classes}")]
    UnknownClass {
        /// Where it occurs first.
        line: u64,
        /// The column, from 1.
        column: usize,
        /// The value.
        value: String,
        /// The classes of the header.
        classes: String,
    },

    /// A limit is exceeded.
    #[error("line {line}: the dataset has more than {limit} {what}")]
    TooLarge {
        /// Where the limit is exceeded.
        line: u64,
        /// What is limited.
        what: Dimension,
        /// The limit.
        limit: usize,
    },

    /// A line is longer than the limit.
    #[error("line {line}: the dataset has more than {limit} bytes in one line (is a quote left open?)")]
    LineTooLong {
        /// The line.
        line: u64,
        /// The maximum, in bytes.
        limit: usize,
    },
}

/// A limited dimension of a dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dimension {
    /// Rows.
    Samples,
    /// Columns.
    Features,
    /// Values of the target.
    Classes,
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Samples => "samples",
            Self::Features => "features",
            Self::Classes => "target classes",
        })
    }
}

/// A place in a dataset file, as editors show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The line, from 1.
    pub line: u64,
    /// The CSV field (not the character), from 1; `None` when the error is about the whole line.
    pub column: Option<usize>,
}

impl DatasetError {
    /// Where the error is; `None` when the file could not be read.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        let (line, column) = match *self {
            Self::Read(_) => return None,
            Self::Truncated { line, .. }
            | Self::Header { line, .. }
            | Self::TooLarge { line, .. }
            | Self::LineTooLong { line, .. } => (line, None),
            Self::Name { line, column, .. }
            | Self::Cell { line, column, .. }
            | Self::UnknownClass { line, column, .. } => (line, Some(column)),
            Self::Ragged { line, expected, found } => (line, Some(expected.min(found) + 1)),
        };
        Some(Position { line, column })
    }
}

/// Some bytes of the file, for a message.
pub(super) fn quoted(bytes: &[u8]) -> String {
    Untrusted(&String::from_utf8_lossy(bytes)).quoted(24)
}

/// The features of a dataset are not those of a model or of earlier samples.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Mismatch(String);

impl Mismatch {
    /// Of features that are matched by their position.
    pub(super) fn of_counts(expected: usize, open_ended: bool, found: usize) -> Self {
        let at_least = if open_ended { "at least " } else { "" };
        Self(format!(
            "the dataset has {found} features, the model was trained on {at_least}{expected}, and matches them by \
             their position"
        ))
    }

    /// Of features that are matched by their names.
    pub(super) fn of_names(expected: &[String], found: &[String]) -> Self {
        let difference = |what: &str, names: &[String], others: &[String]| {
            let names: Vec<&String> = names.iter().filter(|name| !others.contains(name)).collect();
            let shown: Vec<String> = names.iter().take(3).map(|name| Untrusted(name).quoted(160)).collect();
            match names.len() {
                0 => String::new(),
                1..=3 => format!("; {what}: {}", shown.join(", ")),
                count => format!("; {what}: {} and {} more", shown.join(", "), count - 3),
            }
        };
        Self(format!(
            "the features of the dataset are not those of the model: the model has {}, the dataset {}{}{}",
            expected.len(),
            found.len(),
            difference("missing in the dataset", expected, found),
            difference("unknown to the model", found, expected)
        ))
    }
}
