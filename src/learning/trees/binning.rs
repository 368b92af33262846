//! Inputs cut into a few bins, holding only the cells that are not usual.

use rayon::prelude::*;

use super::super::inputs::Input;
use crate::dataset::Features;

/// Most bins an input is cut into, one more for missing values.
const MOST_BINS: usize = 63;

/// The inputs of some samples, ready for boosting. Samples are numbered by their position in the
/// rows it was made of.
#[derive(Debug)]
pub(crate) struct Binned {
    pub columns: Vec<BinnedColumn>,
    pub rows: usize,
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
    /// The other samples, ascending, and their bins.
    pub samples: Vec<u32>,
    pub bins: Vec<u8>,
}

impl BinnedColumn {
    /// How many bins there are, that of missing values included.
    pub(super) fn bins(&self) -> usize {
        self.thresholds.len() + 1 + usize::from(self.missing)
    }
}

impl Binned {
    /// Cuts the inputs of `rows`.
    pub(crate) fn new(inputs: &[Input], features: &Features, rows: &[u32]) -> Self {
        let columns = inputs
            .par_iter()
            .enumerate()
            .map(|(at, input)| {
                let thresholds = thresholds(&input.levels);
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
                column.for_each_code(rows, |_, code| counts[usize::from(table[code])] += 1);
                let usual = (0..counts.len()).rev().max_by_key(|&bin| counts[bin]).unwrap_or(0) as u8;
                let others = rows.len() - counts[usize::from(usual)];
                let (mut samples, mut bins) = (Vec::with_capacity(others), Vec::with_capacity(others));
                column.for_each_code(rows, |sample, code| {
                    if table[code] != usual {
                        samples.push(sample as u32);
                        bins.push(table[code]);
                    }
                });
                let missing = counts[usize::from(of_missing)] > 0;
                BinnedColumn { input: at, thresholds, missing, usual, samples, bins }
            })
            .collect();
        Self { columns, rows: rows.len() }
    }
}

/// Cuts half-way between neighbouring values: between all of them when they are few, else so that
/// bins hold about equally many samples.
fn thresholds(levels: &[(f32, u32)]) -> Vec<f32> {
    let between = |at: usize| {
        let (low, high) = (levels[at].0, levels[at + 1].0);
        let middle = low + (high - low) / 2.0;
        if middle < high { middle } else { low }
    };
    if levels.len() <= MOST_BINS {
        return (0..levels.len().saturating_sub(1)).map(between).collect();
    }
    // A value that most samples have fills a bin alone; the others share what bins are left.
    let mut left: f64 = levels.iter().map(|&(_, count)| f64::from(count)).sum();
    let mut cuts = Vec::with_capacity(MOST_BINS);
    let mut in_bin = 0.0;
    for (at, &(_, count)) in levels[..levels.len() - 1].iter().enumerate() {
        in_bin += f64::from(count);
        let bins_left = (MOST_BINS - cuts.len()) as f64;
        if in_bin >= left / bins_left && cuts.len() < MOST_BINS - 1 {
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
        let cuts = thresholds(&levels);
        assert_eq!(cuts.len(), MOST_BINS - 1);
        let upper = cuts.iter().filter(|&&cut| cut > 100.0).count();
        assert!((28..=34).contains(&upper), "{upper} of the cuts are in the upper half");
    }

    #[test]
    fn few_values_are_cut_between_each_two() {
        assert_eq!(thresholds(&[(-1.0, 5), (0.0, 1), (1.0, 9)]), [-0.5, 0.5]);
        assert!(thresholds(&[(0.0, 3)]).is_empty());
    }
}
