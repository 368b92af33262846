//! A table of samples and features.
//!
//! Owns how columns are matched by name or position. Must not know targets.

use rayon::prelude::*;

use super::column::Column;
use super::error::Mismatch;
use super::hash::splitmix;

/// A table of samples (rows) and features (columns). All columns have the same number of rows.
///
/// ```
/// use learner::dataset::Features;
///
/// let names = vec!["clicks".to_owned(), "posts".to_owned()];
/// let features = Features::of_columns(names, &[vec![0.5, -1.0], vec![0.0, 0.0]]);
/// assert_eq!((features.rows(), features.columns().len(), features.varying()), (2, 2, 1));
///
/// let aligned = features.aligned_to(&["posts".to_owned(), "clicks".to_owned()])?;
/// assert_eq!(aligned.columns()[1].value(0), 0.5);
/// # Ok::<(), learner::dataset::Mismatch>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Features {
    names: Vec<String>,
    columns: Vec<Column>,
    rows: usize,
}

impl Features {
    /// A table of columns that have `rows` rows each; `names` has one name for each column.
    pub(super) fn new(names: Vec<String>, columns: Vec<Column>, rows: usize) -> Self {
        debug_assert_eq!(names.len(), columns.len());
        Self { names, columns, rows }
    }

    /// A table of columns of numbers; NaN is a missing value.
    ///
    /// # Panics
    /// When the columns have different lengths, or their number is not the number of names.
    #[must_use]
    pub fn of_columns(names: Vec<String>, columns: &[Vec<f32>]) -> Self {
        let rows = columns.first().map_or(0, Vec::len);
        assert_eq!(names.len(), columns.len(), "one name for each column");
        assert!(columns.iter().all(|column| column.len() == rows), "columns of equal length");
        let columns = columns.iter().map(|column| Column::from_numbers(column.iter().copied())).collect();
        Self::new(names, columns, rows)
    }

    /// The number of samples.
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

    /// The number of features that have more than one value.
    #[must_use]
    pub fn varying(&self) -> usize {
        self.columns.iter().filter(|column| !column.is_constant()).count()
    }

    /// The same samples with their columns in the order of `names`.
    ///
    /// # Errors
    /// [`Mismatch`] when the names are not the same set; its message names some that differ.
    pub fn aligned_to(self, names: &[String]) -> Result<Self, Mismatch> {
        if self.names == names {
            return Ok(self);
        }
        let mismatch = || Mismatch::of_names(names, &self.names);
        if self.names.len() != names.len() {
            return Err(mismatch());
        }
        let mut positions: std::collections::HashMap<&str, usize> =
            self.names.iter().enumerate().map(|(at, name)| (name.as_str(), at)).collect();
        // Each position is used once, so that a repeated name cannot match two columns.
        let order: Option<Vec<usize>> = names.iter().map(|name| positions.remove(name.as_str())).collect();
        let order = order.ok_or_else(mismatch)?;
        let columns = order.into_iter().map(|at| self.columns[at].clone()).collect();
        Ok(Self { names: names.to_vec(), columns, rows: self.rows })
    }

    /// The columns called `names`, in this order; others are dropped.
    ///
    /// # Errors
    /// [`Mismatch`] when one is missing or occurs twice; its message names some.
    pub fn selected(self, names: &[String]) -> Result<Self, Mismatch> {
        if self.names == names {
            return Ok(self);
        }
        let mut positions: std::collections::HashMap<&str, Option<usize>> = std::collections::HashMap::new();
        for (at, name) in self.names.iter().enumerate() {
            positions.entry(name).and_modify(|found| *found = None).or_insert(Some(at));
        }
        let order: Option<Vec<usize>> =
            names.iter().map(|name| positions.get(name.as_str()).copied().flatten()).collect();
        let order = order.ok_or_else(|| Mismatch::of_names(names, &self.names))?;
        let columns = order.into_iter().map(|at| self.columns[at].clone()).collect();
        Ok(Self { names: names.to_vec(), columns, rows: self.rows })
    }

    /// The same columns, in their order, with other names.
    ///
    /// # Errors
    /// [`Mismatch`] when the number of names is not the number of columns.
    pub fn renamed(self, names: &[String]) -> Result<Self, Mismatch> {
        if self.names.len() != names.len() {
            return Err(Mismatch::of_names(names, &self.names));
        }
        Ok(Self { names: names.to_vec(), ..self })
    }

    /// The columns matched to `names` by their position. With `open_ended`, additional columns are dropped; without it,
    /// they are an error.
    ///
    /// # Errors
    /// [`Mismatch`] when there are too few columns, or too many.
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

    /// A hash of the values of each of `rows`: equal for rows of equal features. It depends neither on which columns vary
    /// nor on the order of the rows.
    pub(crate) fn row_hashes(&self, rows: &[u32]) -> Vec<u64> {
        let mut sums = vec![0_u64; rows.len()];
        for (at, column) in self.columns.iter().enumerate() {
            let hash = |value: &f32| splitmix((at as u64) << 32 | u64::from(value.to_bits()));
            let table: Vec<u64> = column.values().iter().map(hash).collect();
            column.for_each_code(rows, |row, code| sums[row] = sums[row].wrapping_add(table[code]));
        }
        sums
    }

    /// These samples and then `more`, whose columns are the same ones in the same order.
    pub(super) fn followed_by(&self, more: &Self) -> Self {
        let append = |(a, b): (&Column, &Column)| {
            Column::from_numbers(
                (0..self.rows).map(|row| a.value(row)).chain((0..more.rows).map(|row| b.value(row))),
            )
        };
        let columns = self.columns.iter().zip(&more.columns).map(append).collect();
        Self::new(self.names.clone(), columns, self.rows + more.rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    fn features() -> Features {
        Features::of_columns(names(&["a", "b"]), &[vec![1.0, 2.0], vec![3.0, 4.0]])
    }

    #[test]
    fn columns_are_matched_by_name_in_any_order() {
        let aligned = features().aligned_to(&names(&["b", "a"])).expect("the same names");
        assert_eq!(aligned.columns()[0].value(1).to_bits(), 4.0_f32.to_bits());
        let error = features().aligned_to(&names(&["a", "c"])).expect_err("another name").to_string();
        assert!(error.contains("\"c\"") && error.contains("\"b\""), "{error}");
        assert!(features().aligned_to(&names(&["a", "a"])).is_err(), "a name matches one column only");
    }

    #[test]
    fn columns_are_selected_by_name_and_others_dropped() {
        let selected = features().selected(&names(&["b"])).expect("it has this column");
        assert_eq!((selected.columns().len(), selected.columns()[0].value(0)), (1, 3.0));
        let error = features().selected(&names(&["c", "a"])).expect_err("no such column").to_string();
        assert!(error.contains("missing in the dataset: \"c\""), "{error}");
        let twice = Features::of_columns(names(&["a", "a"]), &[vec![1.0], vec![2.0]]);
        assert!(twice.selected(&names(&["a"])).is_err(), "it is not known which is meant");
    }

    #[test]
    fn columns_without_names_are_matched_by_position() {
        let known = names(&["x"]);
        assert_eq!(features().by_position(&known, true).expect("a column may follow").columns().len(), 1);
        let error = features().by_position(&known, false).expect_err("one column too many").to_string();
        assert!(error.contains("has 2 features, the model was trained on 1"), "{error}");
        let renamed = features().renamed(&names(&["x", "y"])).expect("as many names");
        assert_eq!(renamed.names(), names(&["x", "y"]));
        assert!(features().renamed(&known).is_err());
    }
}
