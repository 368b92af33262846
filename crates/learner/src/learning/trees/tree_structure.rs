//! The splits of one symmetric tree by bins: what a tree learner grows, and what [`super::forest`] is made of.
//!
//! Owns the translation of bins into thresholds. Must not know how splits are chosen.

use rayon::prelude::*;

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
    /// The leaf that each of some samples reaches.
    pub(super) fn leaves_of(&self, binned: &Binned, samples: &[u32]) -> Vec<u16> {
        let step =
            |split: &BinSplit| (binned.column(split.column), split.bins_right(&binned.columns[split.column]));
        let steps: Vec<(&[u8], [u8; 256])> = self.splits.iter().map(step).collect();
        let missing_levels = self.depth - steps.len();
        let leaf_of = |&sample: &u32| {
            let right =
                |(bins, right): &(&[u8], [u8; 256])| u16::from(right[usize::from(bins[sample as usize])]);
            steps.iter().fold(0, |leaf, step| 2 * leaf + right(step)) << missing_levels
        };
        samples.par_iter().with_min_len(4_096).map(leaf_of).collect()
    }

    /// The tree with its fitted leaf values.
    pub(super) fn with_leaves(self, binned: &Binned, leaves: Vec<f32>, margin: usize) -> Tree {
        // On levels where no split gained anything all samples go left.
        let all_left =
            TreeSplit { input: binned.columns[0].input, threshold: f32::MAX, missing_right: false };
        let tree_split = |split: BinSplit| {
            let column = &binned.columns[split.column];
            let threshold = column.thresholds.get(split.bin).copied().unwrap_or(ABOVE_ALL);
            TreeSplit { input: column.input, threshold, missing_right: split.missing_right }
        };
        let mut splits: Vec<TreeSplit> = self.splits.into_iter().map(tree_split).collect();
        splits.resize(self.depth, all_left);
        Tree { splits, leaves, margin }
    }
}

impl BinSplit {
    /// For each bin of its column 1 if samples go right, otherwise 0.
    pub(super) fn bins_right(self, column: &BinnedColumn) -> [u8; 256] {
        let of_missing = column.of_missing();
        let right = |bin: usize| if bin == of_missing { self.missing_right } else { bin > self.bin };
        std::array::from_fn(|bin| u8::from(right(bin)))
    }
}
