//! Fitted trees: their splits, their leaf values, and the margins that they add.
//!
//! Must not know how they were trained.

use ndarray::Array2;

use crate::dataset::Features;
use crate::learning::preprocessing::{Input, standardised_rows};

/// A symmetric tree: all nodes of a level have the same split. The directions, 0 for left and 1 for right, are the
/// binary digits of the index of a leaf, the first split's the highest.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tree {
    pub splits: Vec<TreeSplit>,
    /// 2^splits values, added to the margin.
    pub leaves: Vec<f32>,
    /// The index of the margin that it adds to.
    pub margin: usize,
}

/// Samples whose standardised value is above the threshold go right.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct TreeSplit {
    /// The index of the input that is compared.
    pub input: usize,
    pub threshold: f32,
    /// Whether samples without a value go right.
    pub missing_right: bool,
}

/// The sum of trees of the same depth.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Forest {
    /// The number of splits of each tree.
    pub depth: usize,
    pub trees: Vec<Tree>,
}

impl Forest {
    /// Adds each row's margins to `out`, rows × margins.
    pub(crate) fn add_margins(
        &self,
        inputs: &[Input],
        features: &Features,
        rows: &[u32],
        out: &mut Array2<f64>,
    ) {
        if self.trees.is_empty() {
            return;
        }
        // Row by row: a tree compares different inputs of one row.
        let values = standardised_rows(inputs, features, rows);
        for (row, mut out) in values.chunks_exact(inputs.len()).zip(out.outer_iter_mut()) {
            for tree in &self.trees {
                out[tree.margin] += f64::from(tree.value(row));
            }
        }
    }

    /// Multiplies the leaf values of all trees.
    pub(crate) fn scaled(mut self, factor: f64) -> Self {
        for leaf in self.trees.iter_mut().flat_map(|tree| &mut tree.leaves) {
            *leaf = (f64::from(*leaf) * factor) as f32;
        }
        self
    }
}

impl TreeSplit {
    /// Whether a sample with this standardised value goes right; NaN is a missing value.
    #[inline]
    pub(crate) fn goes_right(&self, value: f32) -> bool {
        if value.is_nan() { self.missing_right } else { value > self.threshold }
    }
}

impl Tree {
    fn value(&self, row: &[f32]) -> f32 {
        self.leaves[self.leaf(row)]
    }

    /// The index of the leaf that a row of standardised values reaches; NaN is a missing value.
    pub(crate) fn leaf(&self, row: &[f32]) -> usize {
        self.splits.iter().fold(0, |leaf, split| 2 * leaf + usize::from(split.goes_right(row[split.input])))
    }
}
