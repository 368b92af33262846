//! One feature of all samples, held as codes into its distinct values.
//!
//! Moodle's indicators have two decimals in [-1, 1], so a column has few distinct values: codes take a quarter of the
//! memory of numbers, and a function of the value is computed once for each distinct value. Must not know names or files.

use serde::{Deserialize, Serialize};

/// One feature of all samples.
///
/// `value(row)` is `values()[code(row)]`; a missing value is NaN, and at most one of the distinct
/// values is. Negative zero is held as zero.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Column {
    pub(super) values: Vec<f32>,
    /// Each is below the number of values.
    pub(super) codes: Codes,
}

/// The narrowest codes for all distinct values. A constant column has none.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) enum Codes {
    #[default]
    Constant,
    U8(Vec<u8>),
    U16(Vec<u16>),
    U32(Vec<u32>),
}

impl Column {
    /// The distinct values, in order of their first occurrence. Not empty unless there are no rows.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Whether all rows have the same value (or are all missing).
    #[must_use]
    pub fn is_constant(&self) -> bool {
        self.values.len() <= 1
    }

    /// Whether a value is missing.
    #[must_use]
    pub fn has_missing(&self) -> bool {
        self.values.iter().any(|value| value.is_nan())
    }

    /// The index of a row's value in [`Column::values`].
    #[inline]
    #[must_use]
    pub fn code(&self, row: usize) -> usize {
        match &self.codes {
            Codes::Constant => 0,
            Codes::U8(codes) => usize::from(codes[row]),
            Codes::U16(codes) => usize::from(codes[row]),
            Codes::U32(codes) => codes[row] as usize,
        }
    }

    /// A row's value; NaN when it is missing.
    #[inline]
    #[must_use]
    pub fn value(&self, row: usize) -> f32 {
        self.values[self.code(row)]
    }

    /// Calls `visit(position, code)` for each of `rows`, in their order.
    #[inline]
    pub fn for_each_code(&self, rows: &[u32], mut visit: impl FnMut(usize, usize)) {
        // A loop for each width, because the width does not change from row to row.
        match &self.codes {
            Codes::Constant => (0..rows.len()).for_each(|at| visit(at, 0)),
            Codes::U8(codes) => for_each_of(codes, rows, visit),
            Codes::U16(codes) => for_each_of(codes, rows, visit),
            Codes::U32(codes) => for_each_of(codes, rows, visit),
        }
    }

    /// For each of the distinct values, how many of `rows` have it.
    #[must_use]
    pub fn value_counts(&self, rows: &[u32]) -> Vec<u32> {
        let mut counts = vec![0; self.values.len()];
        self.for_each_code(rows, |_, code| counts[code] += 1);
        counts
    }

    /// Some rows, in the order of `rows`. Distinct values that do not occur there are removed, the others are in the
    /// order of their first occurrence there.
    #[must_use]
    pub fn select(&self, rows: &[u32]) -> Self {
        let mut values = Vec::new();
        let mut new_codes = vec![u32::MAX; self.values.len()];
        let mut codes = Vec::with_capacity(rows.len());
        self.for_each_code(rows, |_, code| {
            if new_codes[code] == u32::MAX {
                new_codes[code] = values.len() as u32;
                values.push(self.values[code]);
            }
            codes.push(new_codes[code]);
        });
        let codes = match values.len() {
            0 | 1 => Codes::Constant,
            2..=256 => Codes::U8(codes.into_iter().map(|code| code as u8).collect()),
            257..=65_536 => Codes::U16(codes.into_iter().map(|code| code as u16).collect()),
            _ => Codes::U32(codes),
        };
        Self { values, codes }
    }

    /// Whether every code is the index of a value and there are `rows` codes: always true of a column made here, but not
    /// of one that was read from a file.
    pub(super) fn has_valid_codes(&self, rows: usize) -> bool {
        let bound = self.values.len();
        match &self.codes {
            Codes::Constant => bound == 1 || (bound == 0 && rows == 0),
            Codes::U8(codes) => codes.len() == rows && codes.iter().all(|&code| usize::from(code) < bound),
            Codes::U16(codes) => codes.len() == rows && codes.iter().all(|&code| usize::from(code) < bound),
            Codes::U32(codes) => codes.len() == rows && codes.iter().all(|&code| (code as usize) < bound),
        }
    }
}

#[inline]
fn for_each_of<C: Copy + Into<u32>>(codes: &[C], rows: &[u32], mut visit: impl FnMut(usize, usize)) {
    rows.iter().enumerate().for_each(|(at, &row)| visit(at, codes[row as usize].into() as usize));
}
