//! The splits of one symmetric tree by bins: what a tree learner grows, and what [`super::forest`] is made of.
//!
//! Owns the translation of bins into thresholds. Must not know how splits are chosen.

use std::ops::Range;

use super::binning::{Binned, BinnedColumn};
use super::forest::{Tree, TreeSplit};
use crate::learning::preprocessing::CLIP;

/// Above every standardised value: a split that separates missing from present values.
const ABOVE_ALL: f32 = CLIP + 1.0;

/// A tree whose leaf values are not fitted yet.
#[derive(Debug)]
pub(super) struct TreeStructure {
    /// From the root on; fewer than `depth` when no further split gained anything.
    pub splits: Vec<BinSplit>,
    pub depth: usize,
}

/// The split of all nodes of a level, by bins.
#[derive(Debug, Clone, Copy)]
pub(super) struct BinSplit {
    pub gain: f64,
    pub column: usize,
    /// Values in bins up to this one go left.
    pub bin: usize,
    pub missing_right: bool,
}

impl TreeStructure {
    /// The leaves that neighbouring samples reach.
    pub(super) fn leaves(&self, binned: &Binned, samples: Range<usize>) -> Vec<u16> {
        let mut leaves = vec![0; samples.len()];
        for split in &self.splits {
            let right_bins = split.right_bins(&binned.columns[split.column]);
            let bins = &binned.column(split.column)[samples.clone()];
            for (leaf, &bin) in leaves.iter_mut().zip(bins) {
                *leaf = 2 * *leaf + u16::from(right_bins.contains(bin));
            }
        }
        // On levels where no split gained anything all samples go left.
        let missing_levels = self.depth - self.splits.len();
        leaves.iter_mut().for_each(|leaf| *leaf <<= missing_levels);
        leaves
    }

    /// The tree with its fitted leaf values.
    pub(super) fn with_leaves(&self, binned: &Binned, leaves: Vec<f32>, margin: usize) -> Tree {
        // On levels where no split gained anything all samples go left.
        let all_left =
            TreeSplit { input: binned.columns[0].input, threshold: f32::MAX, missing_right: false };
        let tree_split = |split: &BinSplit| {
            let column = &binned.columns[split.column];
            let threshold = column.thresholds.get(split.bin).copied().unwrap_or(ABOVE_ALL);
            TreeSplit { input: column.input, threshold, missing_right: split.missing_right }
        };
        let mut splits: Vec<TreeSplit> = self.splits.iter().map(tree_split).collect();
        splits.resize(self.depth, all_left);
        Tree { splits, leaves, margin }
    }
}

impl BinSplit {
    /// The bins of its column whose samples go right.
    pub(super) fn right_bins(self, column: &BinnedColumn) -> RightBins {
        // The bin of missing values is the last one.
        let end = column.of_missing() + usize::from(self.missing_right);
        let first = self.bin + 1;
        RightBins { first: first as u8, count: (end - first).min(255) as u8 }
    }
}

/// Neighbouring bins.
#[derive(Debug, Clone, Copy)]
pub(super) struct RightBins {
    first: u8,
    count: u8,
}

impl RightBins {
    #[inline]
    pub(super) fn contains(self, bin: u8) -> bool {
        bin.wrapping_sub(self.first) < self.count
    }
}
