//! Tree ensembles in plain operators.
//!
//! All trees are walked at once from their roots, level by level, on whole
//! vectors of samples: for each node of a level there is a 1 for the samples that
//! have come there and a 0 for the others. A level's ones times its conditions
//! are the ones of the next; those of the leaves times what the leaves are worth
//! are the scores. That costs a few operations a node, whatever the trees' shape.
//! (Our own forests, [`crate::model::tree_graph`], are balanced, and computed with fewer.)

use std::collections::HashMap;

use super::ensemble::{Branch, Ensemble, LeafLists, TreeNode, floats_or_tensor};
use super::graph_walk::Translator;
use super::ml_ops::{rows, transformed, two_sided};
use super::node::Node;
use super::value::{Computed, Dim};
use super::{Done, refused};

/// Trees are walked in groups of about so many branches: their values stay in a processor's cache.
const BRANCHES_TOGETHER: usize = 4_096;
/// More scores than classes there may be.
const MAX_SCORES: usize = 1_000;

const CLASSES: LeafLists = LeafLists {
    trees: "class_treeids",
    nodes: "class_nodeids",
    scores: "class_ids",
    weights: "class_weights",
};
const TARGETS: LeafLists = LeafLists {
    trees: "target_treeids",
    nodes: "target_nodeids",
    scores: "target_ids",
    weights: "target_weights",
};

/// The scores of a `TreeEnsembleClassifier`.
pub(crate) fn classifier(t: &mut Translator, node: Node) -> Done<Computed> {
    let classes = node.ints("classlabels_int64s").len().max(node.strings("classlabels_strings").len());
    if !(1..=MAX_SCORES).contains(&classes) {
        return refused(format!("it has {classes} classes"));
    }
    let (x, features) = rows(t, node)?;
    let mut trees = Ensemble::read(node, &CLASSES, features, classes)?;
    let mut spoken_for: Vec<usize> = trees.weights.values().flatten().map(|(score, _)| *score).collect();
    spoken_for.sort_unstable();
    spoken_for.dedup();
    // Two classes may have one score: as onnxruntime has it, that of the second class.
    let one_sided = classes == 2 && spoken_for.len() == 1;
    let base = floats_or_tensor(node, "base_values", "base_values_as_tensor")?;
    if !one_sided {
        let scores = scores(t, &x, &trees, classes, &base, 1.0)?;
        return transformed(t, &scores, node);
    }
    trees.weights.values_mut().flatten().for_each(|(score, _)| *score = 0);
    let share = trees.weights.values().flatten().all(|(_, weight)| *weight >= 0.0);
    let base = base.last().map_or(Vec::new(), |&last| vec![last]);
    let score = scores(t, &x, &trees, 1, &base, 1.0)?;
    two_sided(t, &score, node, share)
}

/// The targets of a `TreeEnsembleRegressor`.
pub(crate) fn regressor(t: &mut Translator, node: Node) -> Done<Computed> {
    let targets = usize::try_from(node.int("n_targets", 1)).unwrap_or(0);
    if !(1..=MAX_SCORES).contains(&targets) {
        return refused(format!("it has {targets} targets"));
    }
    let (x, features) = rows(t, node)?;
    let trees = Ensemble::read(node, &TARGETS, features, targets)?;
    let base = floats_or_tensor(node, "base_values", "base_values_as_tensor")?;
    let factor = match node.text("aggregate_function") {
        "" | "SUM" => 1.0,
        "AVERAGE" => 1.0 / trees.roots.len() as f32,
        _ => return refused("its aggregate_function is neither SUM nor AVERAGE"),
    };
    let scores = scores(t, &x, &trees, targets, &base, factor)?;
    transformed(t, &scores, node)
}

/// The sums over all trees: rows × scores.
fn scores(
    t: &mut Translator,
    x: &Computed,
    trees: &Ensemble,
    scores: usize,
    base: &[f32],
    factor: f32,
) -> Done<Computed> {
    let mut constant = match base {
        [] => vec![0.0; scores],
        base if base.len() == scores => base.to_vec(),
        _ => return refused("its base_values are not one a score"),
    };
    let features = if x.may_miss { both_sides(t, x)? } else { x.clone() };
    let features = t.emit.transpose(&features, &[1, 0])?;
    let mut sum: Option<Computed> = None;
    let mut group = Vec::new();
    let mut size = 0;
    for (at, &root) in trees.roots.iter().enumerate() {
        if let TreeNode::Branch(branch) = trees.nodes[root] {
            group.push(branch);
            size += branches(trees, &branch);
        } else {
            for &(score, weight) in trees.weights.get(&root).into_iter().flatten() {
                constant[score] += weight * factor;
            }
        }
        let last = at + 1 == trees.roots.len();
        if !group.is_empty() && (last || size >= BRANCHES_TOGETHER) {
            let walk = Walk { trees, scores, factor, features: &features, width: x.shape[1].size };
            let part = walk.group(t, std::mem::take(&mut group))?;
            size = 0;
            sum = Some(match sum {
                None => part,
                Some(sum) => t.emit.binary("Add", &sum, &part)?,
            });
        }
    }
    let constant = t.emit.row(&constant)?;
    let Some(sum) = sum else {
        let zeros = t.zeros()?;
        return t.emit.binary("Add", &zeros, &constant);
    };
    let turned = t.emit.transpose(&sum, &[1, 0])?;
    t.emit.binary("Add", &turned, &constant)
}

fn branches(trees: &Ensemble, root: &Branch) -> usize {
    let mut open = vec![*root];
    let mut count = 0;
    while let Some(branch) = open.pop() {
        count += 1;
        for child in [branch.above, branch.below] {
            if let TreeNode::Branch(branch) = trees.nodes[child] {
                open.push(branch);
            }
        }
    }
    count
}

/// The features twice: missing values below every threshold, and above.
fn both_sides(t: &mut Translator, x: &Computed) -> Done<Computed> {
    let missing = t.emit.is_missing(x)?;
    let (low, high) = (t.emit.scalar(f32::MIN)?, t.emit.scalar(f32::MAX)?);
    let below = t.emit.choose(&missing, &low, x)?;
    let above = t.emit.choose(&missing, &high, x)?;
    t.emit.concat(&[below, above], 1)
}

/// A feature's place and the bits of a threshold.
type Condition = (usize, u32);

/// One group of trees on its way from the roots to the leaves.
struct Walk<'a> {
    trees: &'a Ensemble,
    scores: usize,
    factor: f32,
    /// Features × rows; the second half with missing values above, when they may be missing.
    features: &'a Computed,
    width: usize,
}

impl Walk<'_> {
    /// The sums of what the trees' leaves are worth: scores × rows.
    fn group(&self, t: &mut Translator, mut level: Vec<Branch>) -> Done<Computed> {
        let (conditions, index) = self.conditions(t, &level)?;
        let mut here: Option<Computed> = None;
        let mut sum: Option<Computed> = None;
        while !level.is_empty() {
            let which: Vec<usize> = level.iter().map(|branch| index[&self.key(branch)]).collect();
            let is_above = t.emit.take(&conditions, 0, &which)?;
            let (above, below) = match &here {
                None => (is_above.clone(), t.emit.not(&is_above)?),
                Some(here) => {
                    let above = t.emit.binary("Mul", here, &is_above)?;
                    let below = t.emit.binary("Sub", here, &above)?;
                    (above, below)
                }
            };
            let next = t.emit.concat(&[below, above], 0)?;
            let children: Vec<usize> = level
                .iter()
                .map(|branch| branch.below)
                .chain(level.iter().map(|branch| branch.above))
                .collect();
            if let Some(worth) = self.worth(t, &children)? {
                let part = t.emit.mat_mul(&worth, &next)?;
                sum = Some(match sum {
                    None => part,
                    Some(sum) => t.emit.binary("Add", &sum, &part)?,
                });
            }
            let (places, branches): (Vec<usize>, Vec<Branch>) = children
                .iter()
                .enumerate()
                .filter_map(|(place, &child)| match self.trees.nodes[child] {
                    TreeNode::Branch(branch) => Some((place, branch)),
                    TreeNode::Leaf => None,
                })
                .unzip();
            if !branches.is_empty() {
                here = Some(t.emit.take(&next, 0, &places)?);
            }
            level = branches;
        }
        match sum {
            Some(sum) => Ok(sum),
            None => refused("its leaves are worth nothing"),
        }
    }

    /// What the leaves among some nodes are worth: scores × nodes; `None` when there is no leaf.
    fn worth(&self, t: &mut Translator, nodes: &[usize]) -> Done<Option<Computed>> {
        let leaves: Vec<(usize, &Vec<(usize, f32)>)> = nodes
            .iter()
            .enumerate()
            .filter_map(|(place, node)| Some((place, self.trees.weights.get(node)?)))
            .collect();
        if leaves.is_empty() {
            return Ok(None);
        }
        let Some(size) = nodes.len().checked_mul(self.scores).filter(|&size| size <= 1 << 22) else {
            return refused("its trees have too many leaves and classes");
        };
        let mut worth = vec![0.0; size];
        for (place, weights) in leaves {
            for &(score, weight) in weights {
                worth[score * nodes.len() + place] += weight * self.factor;
            }
        }
        t.emit.constant(&[self.scores, nodes.len()], &worth).map(Some)
    }

    /// A condition's feature, as a place in `features`, and its threshold.
    fn key(&self, branch: &Branch) -> Condition {
        let twice = self.features.shape[0] != Dim::fixed(self.width);
        let feature = branch.feature + if twice && branch.missing_above { self.width } else { 0 };
        (feature, branch.threshold.to_bits())
    }

    /// Each different condition of the trees once: conditions × rows, 1 where it holds.
    fn conditions(
        &self,
        t: &mut Translator,
        roots: &[Branch],
    ) -> Done<(Computed, HashMap<Condition, usize>)> {
        let mut index = HashMap::new();
        let mut different = Vec::new();
        let mut open = roots.to_vec();
        while let Some(branch) = open.pop() {
            index.entry(self.key(&branch)).or_insert_with(|| {
                different.push((self.key(&branch).0, branch.threshold));
                different.len() - 1
            });
            for child in [branch.above, branch.below] {
                if let TreeNode::Branch(branch) = self.trees.nodes[child] {
                    open.push(branch);
                }
            }
        }
        let features: Vec<usize> = different.iter().map(|(feature, _)| *feature).collect();
        let thresholds: Vec<f32> = different.iter().map(|(_, threshold)| *threshold).collect();
        let features = t.emit.take(self.features, 0, &features)?;
        let thresholds = t.emit.constant(&[thresholds.len(), 1], &thresholds)?;
        let conditions = t.emit.compare("Greater", &features, &thresholds)?;
        Ok((Computed { may_miss: false, ..conditions }, index))
    }
}
