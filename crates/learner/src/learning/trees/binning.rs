//! Inputs discretised into bins, stored twice: all cells by column, to send samples down a tree, and by sample the cells
//! outside of their column's default bin, to add up derivatives. Moodle's columns have one value for most samples, so
//! the second are few. Must not know targets or trees.

use rayon::prelude::*;

use crate::dataset::Features;
use crate::learning::preprocessing::Input;

/// The maximum number of bins of an input, without the one for missing values.
const MAX_BINS: usize = 63;

/// The same for an input without a value that most samples have, of at most [`MAX_SAMPLES_FOR_FINE_BINS`] samples: quantiles
/// of fewer bins would merge the rare values at the ends of its range, which often tell most. The bins and the one for missing
/// values are numbered by a `u8`.
const MAX_FINE_BINS: usize = 254;

/// With more samples 63 quantiles resolve the ends well enough: on 21,333 real ones finer bins gained nothing.
const MAX_SAMPLES_FOR_FINE_BINS: usize = 20_000;

/// The maximum number of bins of all inputs together: a cell is a `u16`.
const MAX_TOTAL_BINS: usize = 1 << 16;

/// The maximum number of inputs that can be binned.
pub(super) const MAX_INPUTS: usize = MAX_TOTAL_BINS / 3;

/// The inputs of some samples, ready for boosting. Samples are numbered by their position in the rows.
#[derive(Debug)]
pub(crate) struct Binned {
    pub columns: Vec<BinnedColumn>,
    pub rows: usize,
    /// The bin of each cell, column by column.
    bins: Vec<u8>,
    /// Where the cells of each sample start, and the end of the last one.
    starts: Vec<usize>,
    /// The cells outside of default bins, sample by sample: the bin plus the `first` of its column.
    cells: Vec<u16>,
    /// The number of bins of all columns.
    pub(super) total: usize,
}

/// One input in bins. Bins 0 to `thresholds.len()` hold values in ascending order; missing values
/// have the bin after them.
#[derive(Debug)]
pub(crate) struct BinnedColumn {
    /// The index of the input.
    pub input: usize,
    /// Values in bin b are above `thresholds[b - 1]` and not above `thresholds[b]`.
    pub thresholds: Vec<f32>,
    /// Whether there are missing values.
    pub missing: bool,
    /// The bin of most samples.
    pub default_bin: u8,
    /// The number of bins of all columns before it.
    pub first: usize,
}

impl BinnedColumn {
    /// The number of bins, with that of missing values.
    pub(super) fn bins(&self) -> usize {
        self.thresholds.len() + 1 + usize::from(self.missing)
    }

    /// The number of splits of its bins; the last one separates missing from present values.
    pub(super) fn splits(&self) -> usize {
        self.thresholds.len() + usize::from(self.missing)
    }

    /// The bin of missing values, even if there are none.
    pub(super) fn of_missing(&self) -> usize {
        self.thresholds.len() + 1
    }
}

impl Binned {
    /// Discretises the inputs of `rows`; there may be at most [`MAX_INPUTS`].
    pub(crate) fn new(inputs: &[Input], features: &Features, rows: &[u32]) -> Self {
        debug_assert!(inputs.len() <= MAX_INPUTS);
        let most = (MAX_TOTAL_BINS / inputs.len().max(1)).saturating_sub(1).max(2);
        let mut bins = vec![0; inputs.len() * rows.len()];
        let mut columns: Vec<BinnedColumn> = inputs
            .par_iter()
            .enumerate()
            .zip(bins.par_chunks_mut(rows.len().max(1)))
            .map(|((at, input), bins)| {
                let max_bins = max_bins(input, rows.len()).min(most);
                bin_column(at, input, features, rows, max_bins, bins)
            })
            .collect();
        let mut total = 0;
        for column in &mut columns {
            column.first = total;
            total += column.bins();
        }
        let (starts, cells) = non_default_cells(&columns, &bins, rows.len());
        Self { columns, rows: rows.len(), bins, starts, cells, total }
    }

    /// The bins of a column, sample by sample.
    #[inline]
    pub(super) fn column(&self, at: usize) -> &[u8] {
        &self.bins[at * self.rows..(at + 1) * self.rows]
    }

    /// The cells of a sample outside of default bins.
    #[inline]
    pub(super) fn cells(&self, sample: u32) -> &[u16] {
        &self.cells[self.starts[sample as usize]..self.starts[sample as usize + 1]]
    }
}

/// The maximum number of bins of an input, which has `rows` samples.
fn max_bins(input: &Input, rows: usize) -> usize {
    let most_frequent = input.levels.iter().map(|&(_, count)| count).max().unwrap_or(0) as usize;
    let is_dense = 2 * most_frequent < rows;
    if is_dense && rows <= MAX_SAMPLES_FOR_FINE_BINS { MAX_FINE_BINS } else { MAX_BINS }
}

/// Fills `bins` with those of one input.
fn bin_column(
    at: usize,
    input: &Input,
    features: &Features,
    rows: &[u32],
    max_bins: usize,
    bins: &mut [u8],
) -> BinnedColumn {
    let thresholds = thresholds(&input.levels, max_bins);
    let column = &features.columns()[input.feature];
    let of_missing = thresholds.len() as u8 + 1;
    let bin = |&value: &f32| {
        if value.is_nan() {
            return of_missing;
        }
        let value = input.standardised(value);
        thresholds.partition_point(|&threshold| threshold < value) as u8
    };
    let table: Vec<u8> = column.values().iter().map(bin).collect();
    let mut counts = vec![0_usize; usize::from(of_missing) + 1];
    column.for_each_code(rows, |sample, code| {
        bins[sample] = table[code];
        counts[usize::from(table[code])] += 1;
    });
    let default_bin = (0..counts.len()).rev().max_by_key(|&bin| counts[bin]).unwrap_or(0) as u8;
    let missing = counts[usize::from(of_missing)] > 0;
    BinnedColumn { input: at, thresholds, missing, default_bin, first: 0 }
}

/// Where the cells of each sample outside of default bins start, and the cells.
fn non_default_cells(columns: &[BinnedColumn], bins: &[u8], rows: usize) -> (Vec<usize>, Vec<u16>) {
    let by_column = || columns.iter().zip(bins.chunks_exact(rows.max(1)));
    let mut starts = vec![0_usize; rows + 1];
    for (column, bins) in by_column() {
        for (count, &bin) in starts[1..].iter_mut().zip(bins) {
            *count += usize::from(bin != column.default_bin);
        }
    }
    for at in 1..=rows {
        starts[at] += starts[at - 1];
    }
    let mut next = starts.clone();
    let mut cells = vec![0_u16; starts[rows]];
    for (column, bins) in by_column() {
        for (next, &bin) in next.iter_mut().zip(bins) {
            if bin != column.default_bin {
                cells[*next] = (column.first + usize::from(bin)) as u16;
                *next += 1;
            }
        }
    }
    (starts, cells)
}

/// Thresholds half-way between neighbouring values: between all of them when they are few, otherwise so that the bins, at
/// most `max_bins`, hold about equally many samples.
fn thresholds(levels: &[(f32, u32)], max_bins: usize) -> Vec<f32> {
    let between = |at: usize| {
        let (low, high) = (levels[at].0, levels[at + 1].0);
        let middle = low + (high - low) / 2.0;
        if middle < high { middle } else { low }
    };
    if levels.len() <= max_bins {
        return (0..levels.len().saturating_sub(1)).map(between).collect();
    }
    // A value that most samples have fills a bin alone; the others share the remaining bins.
    let mut samples_left: f64 = levels.iter().map(|&(_, count)| f64::from(count)).sum();
    let mut thresholds = Vec::with_capacity(max_bins);
    let mut in_bin = 0.0;
    for (at, &(_, count)) in levels[..levels.len() - 1].iter().enumerate() {
        in_bin += f64::from(count);
        let bins_left = (max_bins - thresholds.len()) as f64;
        if in_bin >= samples_left / bins_left && thresholds.len() < max_bins - 1 {
            thresholds.push(between(at));
            samples_left -= in_bin;
            in_bin = 0.0;
        }
    }
    thresholds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_of_most_samples_takes_one_bin_and_leaves_the_rest_to_the_other_values() {
        let levels: Vec<(f32, u32)> =
            (0..201_u16).map(|at| (f32::from(at), if at == 0 { 80_000 } else { 100 })).collect();
        let found = thresholds(&levels, MAX_BINS);
        assert_eq!(found.len(), MAX_BINS - 1);
        let upper = found.iter().filter(|&&threshold| threshold > 100.0).count();
        assert!((28..=34).contains(&upper), "{upper} of the thresholds are in the upper half");
    }

    #[test]
    fn few_values_get_a_threshold_between_each_two() {
        assert_eq!(thresholds(&[(-1.0, 5), (0.0, 1), (1.0, 9)], MAX_BINS), [-0.5, 0.5]);
        assert!(thresholds(&[(0.0, 3)], MAX_BINS).is_empty());
    }
}
