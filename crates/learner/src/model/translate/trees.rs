//! Tree ensembles of other tools.
//!
//! Owns their translation. All trees are evaluated at once from their roots, level by level, on vectors of samples: each
//! node of a level has a 1 for the samples that reach it and a 0 for the others. The flags of a level times its
//! conditions are the flags of the next; the flags of the leaves times the leaves' weights are the scores. That costs a
//! few operations per node, for trees of any shape. (The forests of this backend, [`crate::model::tree_graph`], are
//! symmetric and take fewer.) Must not know how the lists of an operator are stored: [`super::ensemble`] reads them.

use std::collections::HashMap;

use super::ensemble::{Branch, Ensemble, TreeNode, floats_or_tensor};
use super::error::{Result, refused};
use super::ml_ops::{columns, transformed, two_sided};
use super::node::Node;
use super::translator::Translator;
use super::value::{Computed, Dim};

/// Trees are evaluated in groups of about this many branches, so that their values stay in the processor's cache.
const BRANCHES_TOGETHER: usize = 4_096;
/// The maximum number of classes or targets.
const MAX_SCORES: usize = 1_000;

/// The scores of a `TreeEnsembleClassifier`.
pub(crate) fn classifier(translator: &mut Translator, node: Node) -> Result<Computed> {
    let classes = node.ints("classlabels_int64s").len().max(node.strings("classlabels_strings").len());
    if !(1..=MAX_SCORES).contains(&classes) {
        return refused(format!("it has {classes} classes"));
    }
    let x = translator.computed(node, 0)?;
    let features = columns(&x)?;
    let mut trees = Ensemble::read(node, "class", features, classes)?;
    let mut scored: Vec<usize> = trees.weights.values().flatten().map(|(score, _)| *score).collect();
    scored.sort_unstable();
    scored.dedup();
    // Two classes may have one score; in onnxruntime it is that of the second class.
    let one_sided = classes == 2 && scored.len() == 1;
    let base = floats_or_tensor(node, "base_values")?;
    if !one_sided {
        let scores = scores(translator, &x, &trees, classes, &base, 1.0)?;
        return transformed(&mut translator.builder, &scores, node);
    }
    trees.weights.values_mut().flatten().for_each(|(score, _)| *score = 0);
    let share = trees.weights.values().flatten().all(|(_, weight)| *weight >= 0.0);
    let base = base.last().map_or(Vec::new(), |&last| vec![last]);
    let score = scores(translator, &x, &trees, 1, &base, 1.0)?;
    two_sided(&mut translator.builder, &score, node, share)
}

/// The targets of a `TreeEnsembleRegressor`.
pub(crate) fn regressor(translator: &mut Translator, node: Node) -> Result<Computed> {
    let targets = usize::try_from(node.int("n_targets", 1)).unwrap_or(0);
    if !(1..=MAX_SCORES).contains(&targets) {
        return refused(format!("it has {targets} targets"));
    }
    let x = translator.computed(node, 0)?;
    let features = columns(&x)?;
    let trees = Ensemble::read(node, "target", features, targets)?;
    let base = floats_or_tensor(node, "base_values")?;
    let factor = match node.text("aggregate_function") {
        "" | "SUM" => 1.0,
        "AVERAGE" => 1.0 / trees.roots.len() as f32,
        _ => return refused("its aggregate_function is neither SUM nor AVERAGE"),
    };
    let scores = scores(translator, &x, &trees, targets, &base, factor)?;
    transformed(&mut translator.builder, &scores, node)
}

/// The sums over all trees: rows × scores.
fn scores(
    translator: &mut Translator,
    x: &Computed,
    trees: &Ensemble,
    scores: usize,
    base: &[f32],
    factor: f32,
) -> Result<Computed> {
    let mut constant = match base {
        [] => vec![0.0; scores],
        base if base.len() == scores => base.to_vec(),
        _ => return refused("it has not one base value per score"),
    };
    let features = if x.may_be_missing { with_missing_low_and_high(translator, x)? } else { x.clone() };
    let features = translator.builder.transpose(&features, &[1, 0])?;
    let mut sum: Option<Computed> = None;
    let mut group = Vec::new();
    let mut size = 0;
    for (at, &root) in trees.roots.iter().enumerate() {
        if let TreeNode::Branch(branch) = trees.nodes[root] {
            group.push(branch);
            size += trees.branches(&[branch]).count();
        } else {
            for &(score, weight) in trees.weights.get(&root).into_iter().flatten() {
                constant[score] += weight * factor;
            }
        }
        let last = at + 1 == trees.roots.len();
        if !group.is_empty() && (last || size >= BRANCHES_TOGETHER) {
            let evaluation =
                Evaluation { trees, scores, factor, features: &features, width: x.shape[1].size };
            let part = evaluation.group(translator, std::mem::take(&mut group))?;
            size = 0;
            sum = Some(translator.builder.add_to(sum, part)?);
        }
    }
    let constant = translator.builder.row(&constant)?;
    let Some(sum) = sum else {
        let zeros = translator.zeros()?;
        return translator.builder.binary("Add", &zeros, &constant);
    };
    let transposed = translator.builder.transpose(&sum, &[1, 0])?;
    translator.builder.binary("Add", &transposed, &constant)
}

/// The features twice: with missing values below every threshold, then above.
fn with_missing_low_and_high(translator: &mut Translator, x: &Computed) -> Result<Computed> {
    let missing = translator.builder.is_missing(x)?;
    let (low, high) = (translator.builder.scalar(f32::MIN)?, translator.builder.scalar(f32::MAX)?);
    let below = translator.builder.choose(&missing, &low, x)?;
    let above = translator.builder.choose(&missing, &high, x)?;
    translator.builder.concat(&[below, above], 1)
}

/// A feature's position and the bits of a threshold.
type Condition = (usize, u32);

/// The evaluation of one group of trees.
struct Evaluation<'a> {
    trees: &'a Ensemble,
    scores: usize,
    factor: f32,
    /// Features × rows; the second half with missing values above, when they may be missing.
    features: &'a Computed,
    width: usize,
}

impl Evaluation<'_> {
    /// The sums of the reached leaves' weights: scores × rows.
    fn group(&self, translator: &mut Translator, mut level: Vec<Branch>) -> Result<Computed> {
        let (conditions, index) = self.conditions(translator, &level)?;
        let mut reached: Option<Computed> = None;
        let mut sum: Option<Computed> = None;
        while !level.is_empty() {
            let which: Vec<usize> = level.iter().map(|branch| index[&self.key(branch)]).collect();
            let is_above = translator.builder.take(&conditions, 0, &which)?;
            let (above, below) = match &reached {
                None => (is_above.clone(), translator.builder.not(&is_above)?),
                Some(reached) => {
                    let above = translator.builder.binary("Mul", reached, &is_above)?;
                    let below = translator.builder.binary("Sub", reached, &above)?;
                    (above, below)
                }
            };
            let next = translator.builder.concat(&[below, above], 0)?;
            let children = level.iter().map(|branch| branch.below);
            let children: Vec<usize> = children.chain(level.iter().map(|branch| branch.above)).collect();
            if let Some(weights) = self.leaf_weights(translator, &children)? {
                let part = translator.builder.mat_mul(&weights, &next)?;
                sum = Some(translator.builder.add_to(sum, part)?);
            }
            let (positions, branches): (Vec<usize>, Vec<Branch>) = children
                .iter()
                .enumerate()
                .filter_map(|(position, &child)| match self.trees.nodes[child] {
                    TreeNode::Branch(branch) => Some((position, branch)),
                    TreeNode::Leaf => None,
                })
                .unzip();
            if !branches.is_empty() {
                reached = Some(translator.builder.take(&next, 0, &positions)?);
            }
            level = branches;
        }
        sum.map_or_else(|| refused("its leaves have no weights"), Ok)
    }

    /// The weights of the leaves among some nodes: scores × nodes; `None` when there is no leaf.
    fn leaf_weights(&self, translator: &mut Translator, nodes: &[usize]) -> Result<Option<Computed>> {
        let leaf = |(position, node)| Some((position, self.trees.weights.get(node)?));
        let leaves: Vec<(usize, _)> = nodes.iter().enumerate().filter_map(leaf).collect();
        if leaves.is_empty() {
            return Ok(None);
        }
        let Some(size) = nodes.len().checked_mul(self.scores).filter(|&size| size <= 1 << 22) else {
            return refused("its trees have too many leaves and classes");
        };
        let mut matrix = vec![0.0; size];
        for (position, weights) in leaves {
            for &(score, weight) in weights {
                matrix[score * nodes.len() + position] += weight * self.factor;
            }
        }
        translator.builder.constant(&[self.scores, nodes.len()], &matrix).map(Some)
    }

    /// A condition's feature, as a position in `features`, and its threshold.
    fn key(&self, branch: &Branch) -> Condition {
        let twice = self.features.shape[0] != Dim::fixed(self.width);
        let feature = branch.feature + if twice && branch.missing_above { self.width } else { 0 };
        (feature, branch.threshold.to_bits())
    }

    /// Each distinct condition of the trees once: conditions × rows, 1 where it holds.
    fn conditions(
        &self,
        translator: &mut Translator,
        roots: &[Branch],
    ) -> Result<(Computed, HashMap<Condition, usize>)> {
        let mut index = HashMap::new();
        let mut distinct = Vec::new();
        for branch in self.trees.branches(roots) {
            index.entry(self.key(&branch)).or_insert_with(|| {
                distinct.push((self.key(&branch).0, branch.threshold));
                distinct.len() - 1
            });
        }
        let features: Vec<usize> = distinct.iter().map(|(feature, _)| *feature).collect();
        let thresholds: Vec<f32> = distinct.iter().map(|(_, threshold)| *threshold).collect();
        let features = translator.builder.take(self.features, 0, &features)?;
        let thresholds = translator.builder.constant(&[thresholds.len(), 1], &thresholds)?;
        let conditions = translator.builder.compare("Greater", &features, &thresholds)?;
        Ok((Computed { may_be_missing: false, ..conditions }, index))
    }
}
