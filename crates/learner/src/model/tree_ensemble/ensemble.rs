//! The checked form of an ensemble of trees, and its evaluation.
//!
//! Owns the limits. Must not know files, nor how the order of nodes is found.

use crate::model::error::{ModelError, refused};

/// The name of the operator in our files.
pub(crate) const OPERATOR: &str = "TreeEnsembleRegressor";
/// The domain of the operators of classical machine learning.
pub(crate) const DOMAIN: &str = "ai.onnx.ml";

/// The maximum number of nodes of all trees of a model together.
pub(crate) const MAX_NODES: usize = 400_000;
/// The maximum number of weights of all leaves of a model together: twice those of the largest file of floats.
pub(crate) const MAX_WEIGHTS: usize = 7_000_000;
/// The maximum number of scores: classes or targets.
pub(crate) const MAX_SCORES: usize = 1_000;

/// Rows that are evaluated together: tree by tree, so that a tree stays in the processor's cache.
const ROWS_TOGETHER: usize = 256;

/// A comparison of a feature with the value of a branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    AtMost,
    Below,
    AtLeast,
    Above,
    Equal,
    Unequal,
}

/// A node of a tree.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum TreeNode {
    /// Adds the weights from `first` to `end`.
    Leaf { first: u32, end: u32 },
    /// Leads to the node `yes`, which is after this one, if the comparison holds; otherwise to the next node.
    Branch { feature: u32, value: f32, yes: u32, mode: Mode, missing_yes: bool },
}

/// What a leaf adds to a score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Weight {
    pub score: u32,
    pub value: f32,
}

/// The combination of the trees' weights for a score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aggregate {
    Sum,
    Average,
    Min,
    Max,
}

/// A checked ensemble of trees.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TreeEnsemble {
    /// Tree by tree, each from its root.
    pub(crate) nodes: Vec<TreeNode>,
    /// The position of each tree's root, in ascending order.
    pub(crate) roots: Vec<u32>,
    /// Of all leaves; finite.
    pub(crate) weights: Vec<Weight>,
    /// One for each score; finite.
    pub(crate) base: Vec<f32>,
    pub(crate) aggregate: Aggregate,
}

/// The size of all ensembles of a model so far.
#[derive(Debug, Default)]
pub(crate) struct Size {
    nodes: usize,
    weights: usize,
}

impl Size {
    /// Adds an ensemble.
    ///
    /// # Errors
    /// [`ModelError::Refused`] beyond [`MAX_NODES`] and [`MAX_WEIGHTS`].
    pub(crate) fn add(&mut self, ensemble: &TreeEnsemble) -> Result<(), ModelError> {
        self.nodes = self.nodes.saturating_add(ensemble.nodes.len());
        self.weights = self.weights.saturating_add(ensemble.weights.len());
        check_nodes(self.nodes)?;
        check_weights(self.weights)
    }
}

/// Compares the number of nodes of trees with the limit.
pub(crate) fn check_nodes(count: usize) -> Result<(), ModelError> {
    match count {
        0 => refused("its trees have no nodes"),
        1..=MAX_NODES => Ok(()),
        _ => refused(format!(
            "its trees have {count} nodes together; the limit is {MAX_NODES}, which is fixed. Train fewer or smaller \
             trees, for example with a limit on their depth"
        )),
    }
}

/// Compares the number of weights of leaves with the limit.
pub(crate) fn check_weights(count: usize) -> Result<(), ModelError> {
    if count <= MAX_WEIGHTS {
        return Ok(());
    }
    refused(format!(
        "the leaves of its trees have {count} weights together; the limit is {MAX_WEIGHTS}, which is fixed. Train fewer \
         or smaller trees, for example with a limit on their depth"
    ))
}

impl TreeEnsemble {
    /// The number of scores.
    pub(crate) fn scores(&self) -> usize {
        self.base.len()
    }

    /// One more than the highest feature that a branch reads.
    pub(crate) fn min_columns(&self) -> usize {
        let feature = |node: &TreeNode| match node {
            TreeNode::Branch { feature, .. } => *feature as usize + 1,
            TreeNode::Leaf { .. } => 0,
        };
        self.nodes.iter().map(feature).max().unwrap_or(0)
    }

    /// The scores of rows of `columns` values each, as rows × scores. There must be at least
    /// [`Self::min_columns`] columns.
    pub(crate) fn evaluate(&self, values: &[f32], columns: usize) -> Vec<f32> {
        let scores = self.scores();
        let mut out = Vec::with_capacity(values.len() / columns.max(1) * scores);
        for rows in values.chunks(ROWS_TOGETHER * columns.max(1)) {
            let rows: Vec<&[f32]> = rows.chunks_exact(columns.max(1)).collect();
            // NaN stands for "no leaf yet": weights are finite.
            let none = if matches!(self.aggregate, Aggregate::Min | Aggregate::Max) { f64::NAN } else { 0.0 };
            let mut sums = vec![none; rows.len() * scores];
            for &root in &self.roots {
                for (row, sums) in rows.iter().zip(sums.chunks_exact_mut(scores)) {
                    self.add(self.leaf(root as usize, row), sums);
                }
            }
            for sums in sums.chunks_exact(scores) {
                out.extend(sums.iter().zip(&self.base).map(|(&sum, &base)| self.finish(sum, base)));
            }
        }
        out
    }

    /// The weights of the leaf that a row reaches. A missing value makes every comparison but `Unequal` false, unless the
    /// branch says otherwise, as in onnxruntime.
    #[expect(clippy::float_cmp, reason = "the operator compares exactly")]
    fn leaf(&self, root: usize, row: &[f32]) -> &[Weight] {
        let mut at = root;
        loop {
            match self.nodes[at] {
                TreeNode::Leaf { first, end } => return &self.weights[first as usize..end as usize],
                TreeNode::Branch { feature, value, yes, mode, missing_yes } => {
                    let x = row[feature as usize];
                    let holds = match mode {
                        Mode::AtMost => x <= value,
                        Mode::Below => x < value,
                        Mode::AtLeast => x >= value,
                        Mode::Above => x > value,
                        Mode::Equal => x == value,
                        Mode::Unequal => x != value,
                    };
                    at = if holds || (missing_yes && x.is_nan()) { yes as usize } else { at + 1 };
                }
            }
        }
    }

    fn add(&self, weights: &[Weight], sums: &mut [f64]) {
        for weight in weights {
            let (sum, value) = (&mut sums[weight.score as usize], f64::from(weight.value));
            *sum = match self.aggregate {
                Aggregate::Sum | Aggregate::Average => *sum + value,
                // The minimum of NaN and a number is the number.
                Aggregate::Min => sum.min(value),
                Aggregate::Max => sum.max(value),
            };
        }
    }

    fn finish(&self, sum: f64, base: f32) -> f32 {
        let score = match self.aggregate {
            Aggregate::Average => sum / self.roots.len() as f64,
            _ if sum.is_nan() => 0.0,
            _ => sum,
        };
        (score + f64::from(base)) as f32
    }
}
