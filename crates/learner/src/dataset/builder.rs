//! Builds one column cell by cell.
//!
//! The fast path does not parse: most cells repeat the text of the cell above or of an earlier one, so their code is
//! looked up by the text itself. Must not know lines or other columns.

use std::collections::HashMap;

use super::column::{Codes, Column};
use super::foreign_format::has_typographic_quotes;

/// Builds one [`Column`]. Rows must be pushed in order, from 0.
#[derive(Debug, Default)]
pub(super) struct ColumnBuilder {
    values: Vec<f32>,
    codes: Codes,
    /// The code of each value, by its bits.
    by_value: HashMap<u32, u32>,
    /// The code of each short text so far.
    by_text: HashMap<u64, u32>,
    /// The key and code of the cell above, if its text was short.
    last: Option<(u64, u32)>,
}

/// The maximum number of texts in the look-up table: a column with more hardly repeats a text.
const MAX_TEXTS: usize = 4096;

/// At most 7 bytes and their number as one key.
#[inline]
fn text_key(text: &[u8]) -> Option<u64> {
    let mut bytes = [0; 8];
    bytes[..7].get_mut(..text.len())?.copy_from_slice(text);
    bytes[7] = text.len() as u8;
    Some(u64::from_le_bytes(bytes))
}

impl ColumnBuilder {
    /// Adds the text of a cell; returns its code, or why it is not a number.
    #[inline]
    pub(super) fn push_text(&mut self, row: usize, text: &[u8]) -> Result<u32, &'static str> {
        let code = if let Some(key) = text_key(text) {
            let code = match self.last {
                Some((last, code)) if last == key => code,
                _ => match self.by_text.get(&key) {
                    Some(&code) => code,
                    None => self.insert_text(row, key, text)?,
                },
            };
            self.last = Some((key, code));
            code
        } else {
            self.code_of(row, parse(text)?)
        };
        self.push_code(code);
        Ok(code)
    }

    pub(super) fn finish(self) -> Column {
        Column { values: self.values, codes: self.codes }
    }

    #[cold]
    fn insert_text(&mut self, row: usize, key: u64, text: &[u8]) -> Result<u32, &'static str> {
        let code = self.code_of(row, parse(text)?);
        if self.by_text.len() < MAX_TEXTS {
            self.by_text.insert(key, code);
        }
        Ok(code)
    }

    /// The code of a value; a new one when the value is new.
    fn code_of(&mut self, row: usize, value: f32) -> u32 {
        // One NaN and one zero, so that equal values have equal bits.
        let value = if value.is_nan() { f32::NAN } else { value + 0.0 };
        let next = self.values.len() as u32;
        let code = *self.by_value.entry(value.to_bits()).or_insert(next);
        if code == next {
            self.values.push(value);
            self.widen(row);
        }
        code
    }

    /// Makes the codes wide enough for the newest value; `row` rows have been pushed.
    fn widen(&mut self, row: usize) {
        self.codes = match (std::mem::take(&mut self.codes), self.values.len()) {
            (Codes::Constant, 2) => Codes::U8(vec![0; row]),
            (Codes::U8(codes), 257) => Codes::U16(codes.into_iter().map(u16::from).collect()),
            (Codes::U16(codes), 65_537) => Codes::U32(codes.into_iter().map(u32::from).collect()),
            (codes, _) => codes,
        };
    }

    #[inline]
    fn push_code(&mut self, code: u32) {
        match &mut self.codes {
            Codes::Constant => {}
            Codes::U8(codes) => codes.push(code as u8),
            Codes::U16(codes) => codes.push(code as u16),
            Codes::U32(codes) => codes.push(code),
        }
    }
}

impl Column {
    /// A column of numbers; NaN is a missing value.
    pub(super) fn from_numbers(numbers: impl Iterator<Item = f32>) -> Self {
        let mut builder = ColumnBuilder::default();
        for (row, number) in numbers.enumerate() {
            let code = builder.code_of(row, number);
            builder.push_code(code);
        }
        builder.finish()
    }
}

/// A cell as a number: empty is missing (NaN), any other text than a finite number is an error.
fn parse(text: &[u8]) -> Result<f32, &'static str> {
    let text = text.trim_ascii();
    if text.is_empty() {
        return Ok(f32::NAN);
    }
    let number = std::str::from_utf8(text).ok().and_then(|text| text.parse::<f32>().ok());
    let number = number.ok_or_else(|| {
        let is_quoted = has_typographic_quotes(text);
        if is_quoted { "it has typographic quotes; write straight ones (\")" } else { "it is not a number" }
    })?;
    if number.is_finite() {
        return Ok(number);
    }
    // Rust reads `inf` and `nan` as numbers, and overflows to infinity.
    let has_letter_n = text.iter().any(|byte| matches!(byte, b'n' | b'N'));
    Err(if has_letter_n { "NaN and infinity are not accepted" } else { "it is too large" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(cells: &[&str]) -> Column {
        let mut builder = ColumnBuilder::default();
        for (row, cell) in cells.iter().enumerate() {
            builder.push_text(row, cell.as_bytes()).expect("numbers");
        }
        builder.finish()
    }

    #[test]
    fn spellings_of_one_number_are_one_value() {
        let column = column(&["1", "1.00", " 1 ", "+1", "1e0", "-0", "0"]);
        assert_eq!(column.values(), [1.0, 0.0]);
        assert_eq!(column.code(3), 0);
        assert_eq!(column.code(6), 1);
    }

    #[test]
    fn empty_cells_are_one_missing_value() {
        let column = column(&["", "0.5", "", "  "]);
        assert!(column.has_missing() && column.value(0).is_nan() && column.value(3).is_nan());
        assert_eq!(column.values().len(), 2);
    }

    #[test]
    fn codes_widen_without_losing_rows() {
        let numbers: Vec<f32> = (0..70_000_u32).map(|n| n as f32).collect();
        let column = Column::from_numbers(numbers.iter().copied());
        assert_eq!(column.values().len(), numbers.len());
        assert!((0..numbers.len()).all(|row| column.value(row).to_bits() == numbers[row].to_bits()));
    }
}
