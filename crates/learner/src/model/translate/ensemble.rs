//! Reads a tree ensemble from the lists of its operator, and checks that it consists of trees.
//!
//! Owns the names of the lists and every check of their numbers. Must not know how trees are evaluated.

use std::collections::HashMap;

use super::error::{Result, refused};
use super::node;
use super::node::Node;
use super::value::Data;
use crate::text::Untrusted;

/// The maximum number of nodes of all trees together.
const MAX_NODES: usize = 400_000;

/// Above every value, but below the number that stands for a missing one: a branch that only separates missing
/// values from others has an infinite threshold.
const MAX_THRESHOLD: f32 = f32::MAX.next_down();

/// The trees of an ensemble.
pub(crate) struct Ensemble {
    pub nodes: Vec<TreeNode>,
    pub roots: Vec<usize>,
    /// The weights that each leaf adds to scores, by node.
    pub weights: HashMap<usize, Vec<(usize, f32)>>,
}

/// A node of a tree.
#[derive(Debug, Clone, Copy)]
pub(crate) enum TreeNode {
    Leaf,
    Branch(Branch),
}

/// "Is the feature above the threshold?" Every order comparison of the operator can be rewritten to this.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Branch {
    pub feature: usize,
    pub threshold: f32,
    /// Whether a missing value counts as above.
    pub missing_above: bool,
    pub above: usize,
    pub below: usize,
}

impl Ensemble {
    /// Reads an ensemble over `features` features that gives `scores` scores. The names of the lists with the weights of
    /// the leaves begin with `prefix`: it differs by operator.
    pub(crate) fn read(node: Node, prefix: &str, features: usize, scores: usize) -> Result<Self> {
        let (trees, ids) = (node.ints("nodes_treeids"), node.ints("nodes_nodeids"));
        let count = trees.len();
        if count == 0 || count > MAX_NODES {
            return refused(format!("its trees have {count} nodes; the limit is 1 to {MAX_NODES}"));
        }
        if ids.len() != count {
            return refused("its lists are not of one length");
        }
        let index: HashMap<(i64, i64), usize> =
            trees.iter().copied().zip(ids.iter().copied()).enumerate().map(|(at, key)| (key, at)).collect();
        if index.len() != count {
            return refused("two nodes of a tree have one number");
        }
        let nodes = nodes(node, &index, features)?;
        let roots = roots(&nodes)?;
        let weights = leaf_weights(node, prefix, &index, &nodes, scores)?;
        Ok(Self { nodes, roots, weights })
    }

    /// All branches of the trees below `roots`.
    pub(crate) fn branches(&self, roots: &[Branch]) -> impl Iterator<Item = Branch> {
        let mut open = roots.to_vec();
        std::iter::from_fn(move || {
            let branch = open.pop()?;
            for child in [branch.above, branch.below] {
                if let TreeNode::Branch(child) = self.nodes[child] {
                    open.push(child);
                }
            }
            Some(branch)
        })
    }
}

fn nodes(node: Node, index: &HashMap<(i64, i64), usize>, features: usize) -> Result<Vec<TreeNode>> {
    let trees = node.ints("nodes_treeids");
    let modes = node.strings("nodes_modes");
    let feature_ids = node.ints("nodes_featureids");
    let values = thresholds(node)?;
    let (yes, no) = (node.ints("nodes_truenodeids"), node.ints("nodes_falsenodeids"));
    let tracks = node.ints("nodes_missing_value_tracks_true");
    let count = trees.len();
    let lengths = [modes.len(), feature_ids.len(), values.len(), yes.len(), no.len()];
    if lengths.iter().any(|&length| length != count) || !(tracks.is_empty() || tracks.len() == count) {
        return refused("its lists are not of one length");
    }
    let branch = |at: usize| {
        let child = |id: i64| match index.get(&(trees[at], id)) {
            Some(&child) if child != at => Ok(child),
            _ => refused("a branch leads to a node that is not there"),
        };
        let (yes, no) = (child(yes[at])?, child(no[at])?);
        let Some(feature) = usize::try_from(feature_ids[at]).ok().filter(|&feature| feature < features)
        else {
            return refused("a branch reads a feature that is not there");
        };
        // x < v is "not above the number before v".
        let (threshold, yes_above) = match modes[at].as_slice() {
            b"BRANCH_LEQ" => (values[at], false),
            b"BRANCH_GT" => (values[at], true),
            b"BRANCH_LT" => (values[at].next_down(), false),
            b"BRANCH_GTE" => (values[at].next_down(), true),
            mode => {
                let mode = Untrusted(&String::from_utf8_lossy(mode)).identifier(20);
                return refused(format!("its branches have the mode {mode}, which is not supported"));
            }
        };
        let threshold = threshold.clamp(-MAX_THRESHOLD, MAX_THRESHOLD);
        let missing_yes = tracks.get(at).is_some_and(|&tracks| tracks != 0);
        let (above, below) = if yes_above { (yes, no) } else { (no, yes) };
        let missing_above = missing_yes == yes_above;
        Ok(TreeNode::Branch(Branch { feature, threshold, missing_above, above, below }))
    };
    (0..count).map(|at| if modes[at] == b"LEAF" { Ok(TreeNode::Leaf) } else { branch(at) }).collect()
}

/// The nodes without a parent. Every other node has one parent and is reached from a root: so the branches are trees
/// without cycles.
fn roots(nodes: &[TreeNode]) -> Result<Vec<usize>> {
    let mut has_parent = vec![false; nodes.len()];
    for node in nodes {
        if let TreeNode::Branch(branch) = node {
            for child in [branch.above, branch.below] {
                if std::mem::replace(&mut has_parent[child], true) {
                    return refused("two branches lead to one node");
                }
            }
        }
    }
    let roots: Vec<usize> = (0..nodes.len()).filter(|&at| !has_parent[at]).collect();
    let mut open = roots.clone();
    let mut reached = 0;
    while let Some(at) = open.pop() {
        reached += 1;
        if let TreeNode::Branch(branch) = nodes[at] {
            open.extend([branch.above, branch.below]);
        }
    }
    if reached == nodes.len() { Ok(roots) } else { refused("its branches lead in a circle") }
}

fn leaf_weights(
    node: Node,
    prefix: &str,
    index: &HashMap<(i64, i64), usize>,
    nodes: &[TreeNode],
    scores: usize,
) -> Result<HashMap<usize, Vec<(usize, f32)>>> {
    let list = |name: &str| node.ints(&format!("{prefix}_{name}"));
    let (trees, ids, which) = (list("treeids"), list("nodeids"), list("ids"));
    let values = floats_or_tensor(node, &format!("{prefix}_weights"))?;
    if [ids.len(), which.len(), values.len()].iter().any(|&length| length != trees.len()) {
        return refused("its lists are not of one length");
    }
    let mut weights: HashMap<usize, Vec<(usize, f32)>> = HashMap::new();
    for at in 0..trees.len() {
        let leaf = index.get(&(trees[at], ids[at])).copied();
        let Some(leaf) = leaf.filter(|&leaf| matches!(nodes[leaf], TreeNode::Leaf)) else {
            return refused("a weight belongs to a node that is no leaf");
        };
        let Some(score) = usize::try_from(which[at]).ok().filter(|&score| score < scores) else {
            return refused("a leaf has a weight for a class that is not there");
        };
        weights.entry(leaf).or_default().push((score, values[at]));
    }
    Ok(weights)
}

fn thresholds(node: Node) -> Result<Vec<f32>> {
    let values = match node.tensor("nodes_values_as_tensor") {
        None => node.any_floats("nodes_values").to_vec(),
        Some(_) => floats_or_tensor(node, "nodes_values")?,
    };
    if values.iter().any(|value| value.is_nan()) {
        refused("a threshold is not a number")
    } else {
        Ok(values)
    }
}

/// The floats of an attribute, or of the tensor that stands for it.
pub(crate) fn floats_or_tensor(node: Node, name: &str) -> Result<Vec<f32>> {
    let as_tensor = node.tensor(&format!("{name}_as_tensor"));
    let Some(proto) = as_tensor else { return Ok(node.floats(name)?.to_vec()) };
    match node::tensor(proto)?.data {
        Data::Floats(values) => Ok(values),
        Data::Integers(_) => refused("its values are not floats"),
    }
}
