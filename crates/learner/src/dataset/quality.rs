//! What is remarkable about a dataset: missing values, columns and rows that carry no information of their own.
//!
//! Owns the counts. Must not know how they are shown or whether they matter.

use std::collections::HashMap;

use rayon::prelude::*;

use super::hash::splitmix;
use super::labelled::Labelled;

/// Remarkable facts about labelled samples.
///
/// ```
/// use learner::dataset::{Class, DataQuality, Features, Labelled};
///
/// let columns = [vec![1.0, 1.0, 0.0], vec![1.0, 1.0, 0.0], vec![f32::NAN, f32::NAN, 2.0]];
/// let features = Features::of_columns(["a", "b", "c"].map(str::to_owned).to_vec(), &columns);
/// let classes = [0.0, 1.0].into_iter().filter_map(Class::new).collect();
/// let quality = DataQuality::of(&Labelled::new(features, vec![0, 1, 1], classes));
/// assert_eq!((quality.missing_cells, quality.columns_with_missing), (2, 1));
/// assert_eq!(quality.duplicate_columns, [("b".to_owned(), "a".to_owned())]);
/// assert_eq!((quality.repeated_rows, quality.contradicting_rows), (1, 1));
/// assert_eq!(quality.best_accuracy, 2.0 / 3.0);
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DataQuality {
    /// The number of empty cells.
    pub missing_cells: usize,
    /// The number of columns with an empty cell.
    pub columns_with_missing: usize,
    /// Columns that vary and have the same value as an earlier one in each row, with the name of that one.
    pub duplicate_columns: Vec<(String, String)>,
    /// The number of rows whose features are equal to those of an earlier row.
    pub repeated_rows: usize,
    /// The number of rows whose features are equal to those of others, and whose class is not the most frequent one of these.
    pub contradicting_rows: usize,
    /// The highest accuracy that is possible, because equal rows get equal predictions.
    pub best_accuracy: f64,
}

impl DataQuality {
    /// The facts about some samples.
    #[must_use]
    pub fn of(samples: &Labelled) -> Self {
        let features = samples.features();
        let rows: Vec<u32> = (0..features.rows() as u32).collect();
        let missing: Vec<usize> = features
            .columns()
            .par_iter()
            .map(|column| {
                let counts = column.value_counts(&rows);
                let values = column.values().iter().zip(counts);
                values.filter(|(value, _)| value.is_nan()).map(|(_, count)| count as usize).sum()
            })
            .collect();
        let (repeated_rows, contradicting_rows) = rows_like_others(samples, &rows);
        Self {
            missing_cells: missing.iter().sum(),
            columns_with_missing: missing.iter().filter(|&&cells| cells > 0).count(),
            duplicate_columns: duplicate_columns(samples, &rows),
            repeated_rows,
            contradicting_rows,
            best_accuracy: (rows.len() - contradicting_rows) as f64 / rows.len().max(1) as f64,
        }
    }
}

/// The numbers of repeated and of contradicting rows.
fn rows_like_others(samples: &Labelled, rows: &[u32]) -> (usize, usize) {
    let mut groups: HashMap<u64, Vec<usize>> = HashMap::new();
    for (hash, &target) in samples.features().row_hashes(rows).into_iter().zip(samples.targets()) {
        let counts = groups.entry(hash).or_default();
        counts.resize(counts.len().max(target as usize + 1), 0);
        counts[target as usize] += 1;
    }
    let contradicting =
        |counts: &Vec<usize>| counts.iter().sum::<usize>() - counts.iter().max().unwrap_or(&0);
    (rows.len() - groups.len(), groups.values().map(contradicting).sum())
}

fn duplicate_columns(samples: &Labelled, rows: &[u32]) -> Vec<(String, String)> {
    let features = samples.features();
    let hash = |at: usize| {
        let column = &features.columns()[at];
        let mut hash = 0;
        column.for_each_code(rows, |_, code| {
            hash = splitmix(hash ^ u64::from(column.values()[code].to_bits()));
        });
        hash
    };
    let varying: Vec<usize> =
        (0..features.columns().len()).filter(|&at| !features.columns()[at].is_constant()).collect();
    let hashes: Vec<u64> = varying.par_iter().map(|&at| hash(at)).collect();
    let mut first: HashMap<u64, usize> = HashMap::new();
    let mut duplicates = Vec::new();
    for (&at, hash) in varying.iter().zip(hashes) {
        match first.get(&hash) {
            Some(&earlier) => {
                duplicates.push((features.names()[at].clone(), features.names()[earlier].clone()));
            }
            None => {
                first.insert(hash, at);
            }
        }
    }
    duplicates
}
