//! Reads an ensemble from the lists of `TreeEnsembleClassifier` and `TreeEnsembleRegressor`.
//!
//! Owns every check of their numbers. Must not know where the lists are stored.

use std::borrow::Cow;
use std::collections::HashMap;

use super::arrange::{Child, RawBranch, RawNode};
use super::ensemble::{Aggregate, Mode, TreeEnsemble, Weight, check_nodes, check_weights};
use crate::model::error::{ModelError, refused};
use crate::text::Untrusted;

/// The lists of an operator. Those of the nodes have one length, as have those of the weights; the list of directions for
/// missing values may be empty.
pub(crate) struct Lists<'a> {
    pub trees: &'a [i64],
    pub ids: &'a [i64],
    pub features: &'a [i64],
    pub modes: &'a [Vec<u8>],
    pub values: Cow<'a, [f32]>,
    pub yes: &'a [i64],
    pub no: &'a [i64],
    pub missing_yes: &'a [i64],
    pub weight_trees: &'a [i64],
    pub weight_ids: &'a [i64],
    pub weight_scores: Cow<'a, [i64]>,
    pub weights: Cow<'a, [f32]>,
    /// Empty, or one for each score.
    pub base: Cow<'a, [f32]>,
    pub aggregate: Aggregate,
}

impl Lists<'_> {
    /// The checked ensemble, whose branches read at most `features` features.
    ///
    /// # Errors
    /// [`ModelError::Refused`] when the lists do not describe trees.
    pub(crate) fn read(&self, features: usize, scores: usize) -> Result<TreeEnsemble, ModelError> {
        let count = self.trees.len();
        check_nodes(count)?;
        let lengths = [self.ids, self.features, self.yes, self.no].map(<[i64]>::len).into_iter().chain([
            self.modes.len(),
            self.values.len(),
            if self.missing_yes.is_empty() { count } else { self.missing_yes.len() },
        ]);
        if lengths.into_iter().any(|length| length != count) {
            return refused("its lists are not of one length");
        }
        let index: Index = self.trees.iter().copied().zip(self.ids.iter().copied()).zip(0_usize..).collect();
        if index.len() != count {
            return refused("two nodes of a tree have one number");
        }
        let mut leaves = 0;
        let raw: Vec<RawNode> = (0..count)
            .map(|at| {
                if let Some(mode) = mode(&self.modes[at])? {
                    return self.branch(at, mode, &index, features);
                }
                leaves += 1;
                Ok(RawNode::Leaf(leaves - 1))
            })
            .collect::<Result<_, _>>()?;
        let weights = self.leaf_weights(&index, &raw, scores)?;
        let base = self.base(scores)?;
        TreeEnsemble::arranged(&raw, &self.roots(&raw)?, leaves, &weights, base, self.aggregate)
    }

    fn branch(&self, at: usize, mode: Mode, index: &Index, features: usize) -> Result<RawNode, ModelError> {
        let child = |id: i64| match index.get(&(self.trees[at], id)) {
            Some(&child) if child != at => Ok(child),
            _ => refused("a branch leads to a node that is not there"),
        };
        let (yes, no) = (child(self.yes[at])?, child(self.no[at])?);
        let feature = feature(self.features[at], features)?;
        let value = threshold(self.values[at])?;
        let missing_yes = self.missing_yes.get(at) == Some(&1);
        Ok(RawNode::Branch(RawBranch { feature, value, mode, missing_yes, yes, no }))
    }

    /// The only node of each tree without a parent, in the order of the trees' first nodes.
    fn roots(&self, raw: &[RawNode]) -> Result<Vec<Child>, ModelError> {
        let mut has_parent = vec![false; raw.len()];
        for node in raw {
            if let RawNode::Branch(branch) = node {
                has_parent[branch.yes] = true;
                has_parent[branch.no] = true;
            }
        }
        let roots: Vec<Child> = (0..raw.len()).filter(|&at| !has_parent[at]).collect();
        let mut trees: Vec<i64> = roots.iter().map(|&root| self.trees[root]).collect();
        trees.sort_unstable();
        if trees.is_sorted_by(|a, b| a < b) { Ok(roots) } else { refused("a tree has two roots") }
    }

    fn leaf_weights(
        &self,
        index: &Index,
        raw: &[RawNode],
        scores: usize,
    ) -> Result<Vec<(usize, Weight)>, ModelError> {
        let count = self.weight_trees.len();
        let lengths = [self.weight_ids.len(), self.weight_scores.len(), self.weights.len()];
        if lengths.iter().any(|&length| length != count) {
            return refused("its lists are not of one length");
        }
        let weight = |at: usize| {
            let node = index.get(&(self.weight_trees[at], self.weight_ids[at]));
            let Some(RawNode::Leaf(leaf)) = node.map(|&node| raw[node]) else {
                return refused("a weight belongs to a node that is no leaf");
            };
            let score = score(self.weight_scores[at], scores)?;
            Ok((leaf, Weight { score, value: self.weights[at] }))
        };
        finite(&self.weights)?;
        (0..count).map(weight).collect()
    }

    fn base(&self, scores: usize) -> Result<Vec<f32>, ModelError> {
        finite(&self.base)?;
        match &*self.base {
            [] => Ok(vec![0.0; scores]),
            base if base.len() == scores => Ok(base.to_vec()),
            _ => refused("it has not one base value per score"),
        }
    }
}

/// The position of each node by its tree and its number in the tree.
type Index = HashMap<(i64, i64), usize>;

/// `None` for a leaf.
fn mode(name: &[u8]) -> Result<Option<Mode>, ModelError> {
    Ok(Some(match name {
        b"LEAF" => return Ok(None),
        b"BRANCH_LEQ" => Mode::AtMost,
        b"BRANCH_LT" => Mode::Below,
        b"BRANCH_GTE" => Mode::AtLeast,
        b"BRANCH_GT" => Mode::Above,
        b"BRANCH_EQ" => Mode::Equal,
        b"BRANCH_NEQ" => Mode::Unequal,
        name => {
            let name = Untrusted(&String::from_utf8_lossy(name)).identifier(20);
            return refused(format!("its branches have the mode {name}, which is not supported"));
        }
    }))
}

/// A feature's column, which must be below `features`.
pub(crate) fn feature(number: i64, features: usize) -> Result<u32, ModelError> {
    match u32::try_from(number) {
        Ok(feature) if (feature as usize) < features => Ok(feature),
        _ => refused("a branch reads a feature that is not there"),
    }
}

/// The value of a branch, which may be infinite.
pub(crate) fn threshold(value: f32) -> Result<f32, ModelError> {
    if value.is_nan() { refused("a threshold is not a number") } else { Ok(value) }
}

/// The number of a class or target.
pub(crate) fn score(number: i64, scores: usize) -> Result<u32, ModelError> {
    match u32::try_from(number) {
        Ok(score) if (score as usize) < scores => Ok(score),
        _ => refused("a leaf has a weight for a class that is not there"),
    }
}

/// Weights must be finite, and not too many.
pub(crate) fn finite(weights: &[f32]) -> Result<(), ModelError> {
    check_weights(weights.len())?;
    if weights.iter().all(|weight| weight.is_finite()) { Ok(()) } else { refused("a weight is not finite") }
}
