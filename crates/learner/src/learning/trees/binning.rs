//! Inputs cut into a few bins, kept twice: all cells by column, to send samples
//! down a tree, and by sample the cells that are not usual, to sum up derivatives.
//! Moodle's columns have one value for most samples, so the second are few.

use rayon::prelude::*;

use crate::dataset::Features;
use crate::learning::preprocessing::Input;

/// Most bins an input is cut into, one more for missing values: together as many as a [`Branching`]
/// has bits.
const MAX_BINS: usize = 63;

/// Most bins of all inputs together: as many as a cell can name.
const MAX_BINS_TOGETHER: usize = 1 << 16;

/// More inputs cannot be binned.
pub(crate) const MAX_INPUTS: usize = MAX_BINS_TOGETHER / 3;

/// The inputs of some samples, ready for boosting. Samples are numbered by their position in the
/// rows it was made of.
#[derive(Debug)]
pub(crate) struct Binned {
    pub columns: Vec<BinnedColumn>,
    pub rows: usize,
    /// The bin of each cell, column by column.
    bins: Vec<u8>,
    /// Where the cells of each sample start, and at last where they end.
    starts: Vec<usize>,
    /// The cells that are not usual, sample by sample: their bin plus their column's first.
    cells: Vec<u16>,
    /// How many bins there are, of all columns.
    pub(super) total: usize,
}

/// One input in bins. Bins 0 to `thresholds.len()` hold values in ascending order; missing values
/// have the bin after them.
#[derive(Debug)]
pub(crate) struct BinnedColumn {
    /// Which input it is.
    pub input: usize,
    /// Values in bin b are above `thresholds[b - 1]` and not above `thresholds[b]`.
    pub thresholds: Vec<f32>,
    /// Whether there are missing values.
    pub missing: bool,
    /// The bin of most samples.
    pub usual: u8,
    /// The bins of the columns before it.
    pub first: usize,
}

impl BinnedColumn {
    /// How many bins there are, that of missing values included.
    pub(super) fn bins(&self) -> usize {
        self.thresholds.len() + 1 + usize::from(self.missing)
    }

    /// How many ways there are to part its bins: the last one parts missing from present values.
    pub(super) fn cuts(&self) -> usize {
        self.thresholds.len() + usize::from(self.missing)
    }

    /// The bin of missing values, also where there are none.
    pub(super) fn of_missing(&self) -> usize {
        self.thresholds.len() + 1
    }
}

impl Binned {
    /// Cuts the inputs of `rows`, at most [`MAX_INPUTS`].
    pub(crate) fn new(inputs: &[Input], features: &Features, rows: &[u32]) -> Self {
        debug_assert!(inputs.len() <= MAX_INPUTS);
        let most = (MAX_BINS_TOGETHER / inputs.len().max(1)).saturating_sub(1).clamp(2, MAX_BINS);
        let mut bins = vec![0; inputs.len() * rows.len()];
        let mut columns: Vec<BinnedColumn> = inputs
            .par_iter()
            .enumerate()
            .zip(bins.par_chunks_mut(rows.len().max(1)))
            .map(|((at, input), bins)| cut(at, input, features, rows, most, bins))
            .collect();
        let mut total = 0;
        for column in &mut columns {
            column.first = total;
            total += column.bins();
        }
        let (starts, cells) = unusual(&columns, &bins, rows.len());
        Self { columns, rows: rows.len(), bins, starts, cells, total }
    }

    /// The bins of a column, sample by sample.
    #[inline]
    pub(super) fn column(&self, at: usize) -> &[u8] {
        &self.bins[at * self.rows..(at + 1) * self.rows]
    }

    /// The cells of a sample that are not usual.
    #[inline]
    pub(super) fn cells(&self, sample: u32) -> &[u16] {
        &self.cells[self.starts[sample as usize]..self.starts[sample as usize + 1]]
    }
}

/// Fills `bins` with those of one input.
fn cut(
    at: usize,
    input: &Input,
    features: &Features,
    rows: &[u32],
    most: usize,
    bins: &mut [u8],
) -> BinnedColumn {
    let thresholds = thresholds(&input.levels, most);
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
    let usual = (0..counts.len()).rev().max_by_key(|&bin| counts[bin]).unwrap_or(0) as u8;
    let missing = counts[usize::from(of_missing)] > 0;
    BinnedColumn { input: at, thresholds, missing, usual, first: 0 }
}

/// Where each sample's unusual cells start, and the cells.
fn unusual(columns: &[BinnedColumn], bins: &[u8], rows: usize) -> (Vec<usize>, Vec<u16>) {
    let by_column = || columns.iter().zip(bins.chunks_exact(rows.max(1)));
    let mut starts = vec![0_usize; rows + 1];
    for (column, bins) in by_column() {
        for (count, &bin) in starts[1..].iter_mut().zip(bins) {
            *count += usize::from(bin != column.usual);
        }
    }
    for at in 1..=rows {
        starts[at] += starts[at - 1];
    }
    let mut next = starts.clone();
    let mut cells = vec![0_u16; starts[rows]];
    for (column, bins) in by_column() {
        for (next, &bin) in next.iter_mut().zip(bins) {
            if bin != column.usual {
                cells[*next] = (column.first + usize::from(bin)) as u16;
                *next += 1;
            }
        }
    }
    (starts, cells)
}

/// Cuts half-way between neighbouring values: between all of them when they are few, else so that
/// the bins, at most `most`, hold about equally many samples.
fn thresholds(levels: &[(f32, u32)], most: usize) -> Vec<f32> {
    let between = |at: usize| {
        let (low, high) = (levels[at].0, levels[at + 1].0);
        let middle = low + (high - low) / 2.0;
        if middle < high { middle } else { low }
    };
    if levels.len() <= most {
        return (0..levels.len().saturating_sub(1)).map(between).collect();
    }
    // A value that most samples have fills a bin alone; the others share what bins are left.
    let mut left: f64 = levels.iter().map(|&(_, count)| f64::from(count)).sum();
    let mut cuts = Vec::with_capacity(most);
    let mut in_bin = 0.0;
    for (at, &(_, count)) in levels[..levels.len() - 1].iter().enumerate() {
        in_bin += f64::from(count);
        let bins_left = (most - cuts.len()) as f64;
        if in_bin >= left / bins_left && cuts.len() < most - 1 {
            cuts.push(between(at));
            left -= in_bin;
            in_bin = 0.0;
        }
    }
    cuts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_most_samples_have_leaves_the_other_bins_to_the_others() {
        let levels: Vec<(f32, u32)> =
            (0..201_u16).map(|at| (f32::from(at), if at == 0 { 80_000 } else { 100 })).collect();
        let cuts = thresholds(&levels, MAX_BINS);
        assert_eq!(cuts.len(), MAX_BINS - 1);
        let upper = cuts.iter().filter(|&&cut| cut > 100.0).count();
        assert!((28..=34).contains(&upper), "{upper} of the cuts are in the upper half");
    }

    #[test]
    fn few_values_are_cut_between_each_two() {
        assert_eq!(thresholds(&[(-1.0, 5), (0.0, 1), (1.0, 9)], MAX_BINS), [-0.5, 0.5]);
        assert!(thresholds(&[(0.0, 3)], MAX_BINS).is_empty());
    }
}
