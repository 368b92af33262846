//! The features of many samples.

use rayon::prelude::*;

use super::column::Column;
use super::labelled::Mismatch;

/// A table of samples (rows) and features (columns). All columns have the same number of rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Features {
    names: Vec<String>,
    columns: Vec<Column>,
    rows: usize,
}

impl Features {
    /// Puts columns of `rows` rows together; `names` has one name a column.
    pub(super) fn new(names: Vec<String>, columns: Vec<Column>, rows: usize) -> Self {
        debug_assert_eq!(names.len(), columns.len());
        Self { names, columns, rows }
    }

    /// Makes features of plain columns of numbers of equal length; NaN is a missing value.
    ///
    /// # Panics
    /// When the columns have different lengths or their number differs from that of the names.
    #[must_use]
    pub fn of_columns(names: Vec<String>, columns: &[Vec<f32>]) -> Self {
        let rows = columns.first().map_or(0, Vec::len);
        assert_eq!(names.len(), columns.len(), "one name a column");
        assert!(columns.iter().all(|column| column.len() == rows), "columns of equal length");
        Self::new(names, columns.iter().map(|column| Column::of_values(column)).collect(), rows)
    }

    /// How many samples.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The features' names, in the file's order.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The features, in the file's order.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// How many features have more than one value.
    #[must_use]
    pub fn varying(&self) -> usize {
        self.columns.iter().filter(|column| !column.is_constant()).count()
    }

    /// The same samples with their columns in the order of `names`.
    ///
    /// # Errors
    /// [`Mismatch`] when the names are not the same set, naming some that differ.
    pub fn aligned_to(self, names: &[String]) -> Result<Self, Mismatch> {
        if self.names == names {
            return Ok(self);
        }
        let mismatch = || Mismatch::of_names(names, &self.names);
        if self.names.len() != names.len() {
            return Err(mismatch());
        }
        let mut places: std::collections::HashMap<&str, usize> =
            self.names.iter().enumerate().map(|(at, name)| (name.as_str(), at)).collect();
        // Each place is taken once, so that a repeated name cannot stand for two columns.
        let order: Option<Vec<usize>> = names.iter().map(|name| places.remove(name.as_str())).collect();
        let order = order.ok_or_else(mismatch)?;
        let columns = order.into_iter().map(|at| self.columns[at].clone()).collect();
        Ok(Self { names: names.to_vec(), columns, rows: self.rows })
    }

    /// The same columns under other names, in the order they have.
    ///
    /// # Errors
    /// [`Mismatch`] when there are not as many names as columns.
    pub fn renamed(self, names: &[String]) -> Result<Self, Mismatch> {
        if self.names.len() != names.len() {
            return Err(Mismatch::of_names(names, &self.names));
        }
        Ok(Self { names: names.to_vec(), ..self })
    }

    /// The same columns under names that only number them; when the names are `open_ended`, without the
    /// columns that come after the last name.
    ///
    /// # Errors
    /// [`Mismatch`] when there are too few or too many columns.
    pub fn by_position(mut self, names: &[String], open_ended: bool) -> Result<Self, Mismatch> {
        if self.names.len() < names.len() || (self.names.len() > names.len() && !open_ended) {
            return Err(Mismatch::of_counts(names.len(), open_ended, self.names.len()));
        }
        self.columns.truncate(names.len());
        Ok(Self { names: names.to_vec(), ..self })
    }

    /// Some samples, in the order of `rows`.
    #[must_use]
    pub fn select(&self, rows: &[u32]) -> Self {
        let columns = self.columns.par_iter().map(|column| column.select(rows)).collect();
        Self { names: self.names.clone(), columns, rows: rows.len() }
    }

    pub(super) fn into_parts(self) -> (Vec<String>, Vec<Column>, usize) {
        (self.names, self.columns, self.rows)
    }
}
