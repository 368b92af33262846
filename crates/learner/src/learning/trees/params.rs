//! The hyperparameters of boosted trees.
//!
//! Must not know which values are tried.

/// The hyperparameters of boosted trees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct TreeParams {
    /// A round adds a tree for each margin.
    pub max_rounds: usize,
    /// Stop after this many rounds in which the loss of the validation samples has not decreased.
    pub early_stopping_rounds: usize,
    /// The factor of each leaf's Newton step.
    pub learning_rate: f64,
    /// Splits of a tree; it has 2^depth leaves.
    pub depth: usize,
    /// L2 penalty of leaf values: added to the sum of second derivatives of a leaf.
    pub l2: f64,
    /// A node with a smaller sum of second derivatives does not count in the choice of the next split.
    pub min_hessian: f64,
    /// The share of the samples that the splits of a tree are chosen on, drawn for each tree (Friedman 2002). Its
    /// leaf values are fitted on all.
    pub subsample: f64,
    /// The standard deviation of the noise on the gains of splits in the first round, as a share of the gain; it
    /// decreases with the square root of the round (Prokhorenkova et al. 2018).
    pub random_strength: f64,
    /// Whether the trees of a round, one for each margin, have the same splits.
    pub shares_splits: bool,
    pub seed: u64,
}
