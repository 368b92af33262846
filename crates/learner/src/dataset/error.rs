//! Why a dataset was refused: what is wrong, at which line and column, what to do.

use std::io;

/// Why a dataset was refused. Lines and columns count from 1, as editors show them; a column is a
/// CSV field, not a character.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// The file could not be read; not the sender's fault.
    #[error("the dataset could not be read: {0}")]
    Read(#[source] io::Error),

    /// One of the three header lines is absent.
    #[error(
        "line {line}: the dataset ends before its {what}; a dataset has a line of keys, a line of values, \
         a line of column names, then one line a sample"
    )]
    Truncated {
        /// The line that was looked for.
        line: u64,
        /// What it should have held.
        what: &'static str,
    },

    /// The header's keys or values are not usable.
    #[error("line {line}: {reason}")]
    Header {
        /// Where.
        line: u64,
        /// What is wrong and what is expected.
        reason: String,
    },

    /// A column's name is not usable.
    #[error("line {line}, column {column}: {reason}")]
    Name {
        /// Where.
        line: u64,
        /// Where.
        column: usize,
        /// What is wrong and what is expected.
        reason: String,
    },

    /// A line has another number of fields than the header announced.
    #[error("line {line}, column {}: expected {expected} fields, got {found}", .expected.min(.found) + 1)]
    Ragged {
        /// Where.
        line: u64,
        /// `nfeatures` + 1.
        expected: usize,
        /// What the line has.
        found: usize,
    },

    /// A cell is not what its column holds.
    #[error("line {line}, column {column} ({name}): {reason}")]
    Cell {
        /// Where.
        line: u64,
        /// Where.
        column: usize,
        /// The column's name.
        name: String,
        /// What is wrong and what is expected.
        reason: String,
    },

    /// A target that the header does not list among its classes.
    #[error("line {line}, column {column}: the target {value} is not one of the targetclasses {classes}")]
    UnknownClass {
        /// Where it appears first.
        line: u64,
        /// Where.
        column: usize,
        /// What was read.
        value: String,
        /// What the header lists.
        classes: String,
    },

    /// More than a limit allows.
    #[error("line {line}: the dataset has more than {limit} {what}. The server's {setting} sets this limit")]
    TooLarge {
        /// Where the limit was passed.
        line: u64,
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        limit: usize,
        /// The name of the setting.
        setting: &'static str,
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

/// A piece of the sender's text as it may stand in a message: short, and with nothing unprintable.
pub(super) fn quoted(bytes: &[u8]) -> String {
    const SHOWN: usize = 24;
    let text = String::from_utf8_lossy(bytes);
    let mut short: String = text.chars().take(SHOWN).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("{short:?}")
}
