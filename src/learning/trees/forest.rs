//! Trees as they answer.

use ndarray::Array2;

use super::super::inputs::Input;
use crate::dataset::Features;

/// A complete binary tree of some depth: branches first, level by level, then the leaves. Where a
/// tree stopped growing earlier, a branch leads to two equal leaves.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tree {
    /// 2^depth − 1 of them; the children of branch i are 2i + 1 (left) and 2i + 2 (right).
    pub branches: Vec<Branch>,
    /// 2^depth values, added to the margin.
    pub leaves: Vec<f32>,
    /// Which margin it adds to.
    pub margin: usize,
}

/// Goes right when the standardised value is above the threshold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Branch {
    /// Which input decides.
    pub input: usize,
    pub threshold: f32,
    /// Whether a missing value goes right.
    pub missing_right: bool,
}

/// The sum of some trees, all of the same depth.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Forest {
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
        // Row-major, NaN where missing: a traversal jumps between the inputs of one row.
        let width = inputs.len();
        let mut values = vec![0.0_f32; rows.len() * width];
        for (at, input) in inputs.iter().enumerate() {
            let column = &features.columns()[input.feature];
            let standardised = |&value: &f32| if value.is_nan() { value } else { input.standardised(value) };
            let table: Vec<f32> = column.values().iter().map(standardised).collect();
            column.for_each_code(rows, |row, code| values[row * width + at] = table[code]);
        }
        for (row, mut out) in values.chunks_exact(width).zip(out.outer_iter_mut()) {
            for tree in &self.trees {
                out[tree.margin] += f64::from(tree.answer(row));
            }
        }
    }

    /// Multiplies what every tree says.
    pub(crate) fn scaled(mut self, factor: f64) -> Self {
        for leaf in self.trees.iter_mut().flat_map(|tree| &mut tree.leaves) {
            *leaf = (f64::from(*leaf) * factor) as f32;
        }
        self
    }
}

impl Tree {
    fn answer(&self, row: &[f32]) -> f32 {
        let mut at = 0;
        while let Some(branch) = self.branches.get(at) {
            let value = row[branch.input];
            let right = if value.is_nan() { branch.missing_right } else { value > branch.threshold };
            at = 2 * at + 1 + usize::from(right);
        }
        self.leaves[at - self.branches.len()]
    }
}
