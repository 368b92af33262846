//! A table with one header line, as plugins for auditing Moodle's models write it.
//!
//! Must not know how it is shown. No model is trained on such a table: it lacks the two lines of keys and values.

use std::io::Read;

use super::builder::ColumnBuilder;
use super::error::DatasetError;
use super::features::Features;
use super::limits::Limits;
use super::reader::{Lines, SAMPLE_ID};

/// A table with one header line.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Whether the first column has the ids of the samples.
    pub has_ids: bool,
    /// All other columns, which hold numbers or nothing. The last one may be a target.
    pub columns: Features,
}

/// Reads a table with one header line: names, and then one line for each sample.
///
/// ```
/// use learner::dataset::{Limits, read_table};
///
/// let table = read_table("sampleid,clicks,dropout\n1-0,0.5,1\n".as_bytes(), &Limits::default())?;
/// assert!(table.has_ids && table.columns.names() == ["clicks", "dropout"]);
/// # Ok::<(), learner::dataset::DatasetError>(())
/// ```
///
/// # Errors
/// [`DatasetError`] when the file is not such a table or exceeds `limits`.
pub fn read_table(source: impl Read, limits: &Limits) -> Result<Table, DatasetError> {
    let mut lines = Lines::open(source, *limits)?;
    lines.read_header_line(1, "line of column names")?;
    let names = lines.names()?;
    if names.len() > limits.columns.saturating_add(1) {
        return Err(lines.too_many_features());
    }
    let has_ids = names[0] == SAMPLE_ID;
    let first = usize::from(has_ids);
    lines.columns.resize_with(names.len(), ColumnBuilder::default);
    while let Some(row) = lines.next_sample()? {
        for at in first..names.len() {
            lines.push_cell(row, at, &names)?;
        }
    }
    let rows = lines.rows;
    let columns = lines.columns.into_iter().skip(first).map(ColumnBuilder::finish).collect();
    Ok(Table { has_ids, columns: Features::new(names[first..].to_vec(), columns, rows) })
}
