//! Reads a tree ensemble from the attributes of the operators of other tools.
//!
//! Owns the names of the attributes. Must not know how trees are checked and evaluated:
//! [`crate::model::tree_ensemble`] does that.

use std::borrow::Cow;

use super::error::{Result, refused};
use super::node;
use super::node::Node;
use super::value::Data;
use crate::model::tree_ensemble::{
    self, Aggregate, Lists, Mode, RawBranch, RawNode, TreeEnsemble, Weight, feature, score, threshold,
};

/// The lists of a `TreeEnsembleClassifier` or `TreeEnsembleRegressor`. The names of the lists with the weights of the leaves
/// begin with `prefix`.
pub(crate) fn lists<'a>(node: Node<'a>, prefix: &str, aggregate: Aggregate) -> Result<Lists<'a>> {
    let of_weights = |name: &str| node.ints(&format!("{prefix}_{name}"));
    Ok(Lists {
        trees: node.ints("nodes_treeids"),
        ids: node.ints("nodes_nodeids"),
        features: node.ints("nodes_featureids"),
        modes: node.strings("nodes_modes"),
        values: floats_or_tensor(node, "nodes_values")?,
        yes: node.ints("nodes_truenodeids"),
        no: node.ints("nodes_falsenodeids"),
        missing_yes: node.ints("nodes_missing_value_tracks_true"),
        weight_trees: of_weights("treeids"),
        weight_ids: of_weights("nodeids"),
        weight_scores: Cow::Borrowed(of_weights("ids")),
        weights: floats_or_tensor(node, &format!("{prefix}_weights"))?,
        base: floats_or_tensor(node, "base_values")?,
        aggregate,
    })
}

/// The floats of an attribute, or of the tensor of doubles that stands for it; possibly not finite.
fn floats_or_tensor<'a>(node: Node<'a>, name: &str) -> Result<Cow<'a, [f32]>> {
    let as_tensor = format!("{name}_as_tensor");
    if !node.has(&as_tensor) {
        return Ok(Cow::Borrowed(node.any_floats(name)));
    }
    if node.has(name) {
        return refused(format!("it has both {name} and {as_tensor}"));
    }
    tensor_floats(node, &as_tensor).map(Cow::Owned)
}

/// The floats of a tensor; possibly not finite.
fn tensor_floats(node: Node, name: &str) -> Result<Vec<f32>> {
    match node.tensor(name).map(node::any_tensor).transpose()?.map(|tensor| tensor.data) {
        Some(Data::Floats(values)) => Ok(values),
        Some(Data::Integers(_)) => refused(format!("its {name} is not of floats")),
        None => Ok(Vec::new()),
    }
}

/// The modes of version 5, by their numbers.
const MODES: [Mode; 6] = [Mode::AtMost, Mode::Below, Mode::AtLeast, Mode::Above, Mode::Equal, Mode::Unequal];
/// The mode of a branch that asks whether a feature is one of several values.
const MEMBER: i64 = 6;

/// The ensemble of a `TreeEnsemble` (version 5): branches and leaves are in lists of their own, and each leaf has one weight.
pub(crate) fn version_5(node: Node, features: usize, scores: usize) -> Result<TreeEnsemble> {
    let aggregate = match node.int("aggregate_function", 1) {
        0 => Aggregate::Average,
        1 => Aggregate::Sum,
        2 => Aggregate::Min,
        3 => Aggregate::Max,
        _ => return refused("its aggregate_function is unknown"),
    };
    let weights = leaf_weights(node, scores)?;
    let mut branches = Branches::read(node)?;
    let roots = branches.roots()?;
    let raw = branches.nodes(features, weights.len())?;
    let base = vec![0.0; scores];
    TreeEnsemble::arranged(&raw, &roots, weights.len(), &weights, base, aggregate)
}

/// The weight of each leaf.
fn leaf_weights(node: Node, scores: usize) -> Result<Vec<(usize, Weight)>> {
    let (values, targets) = (tensor_floats(node, "leaf_weights")?, node.ints("leaf_targetids"));
    tree_ensemble::finite(&values)?;
    if values.len() != targets.len() {
        return refused("its lists are not of one length");
    }
    let weight = |((leaf, &value), &target): ((usize, &f32), &i64)| {
        Ok((leaf, Weight { score: score(target, scores)?, value }))
    };
    values.iter().enumerate().zip(targets).map(weight).collect()
}

/// The lists of the branches.
struct Branches<'a> {
    features: &'a [i64],
    modes: Vec<i64>,
    splits: Vec<f32>,
    yes: &'a [i64],
    no: &'a [i64],
    yes_is_leaf: &'a [i64],
    no_is_leaf: &'a [i64],
    missing_yes: &'a [i64],
    roots: &'a [i64],
    /// The values of all branches with the mode `MEMBER`, with NaN after those of each.
    members: Vec<f32>,
}

impl<'a> Branches<'a> {
    fn read(node: Node<'a>) -> Result<Self> {
        let branches = Self {
            features: node.ints("nodes_featureids"),
            modes: node.tensor("nodes_modes").map_or_else(|| Ok(Vec::new()), node::bytes)?,
            splits: tensor_floats(node, "nodes_splits")?,
            yes: node.ints("nodes_truenodeids"),
            no: node.ints("nodes_falsenodeids"),
            yes_is_leaf: node.ints("nodes_trueleafs"),
            no_is_leaf: node.ints("nodes_falseleafs"),
            missing_yes: node.ints("nodes_missing_value_tracks_true"),
            roots: node.ints("tree_roots"),
            members: tensor_floats(node, "membership_values")?,
        };
        let count = branches.features.len();
        tree_ensemble::check_nodes(count)?;
        let lists = [branches.yes, branches.no, branches.yes_is_leaf, branches.no_is_leaf];
        let fits = lists.iter().all(|list| list.len() == count)
            && (branches.missing_yes.is_empty() || branches.missing_yes.len() == count)
            && branches.modes.len() == count
            && branches.splits.len() == count;
        if fits { Ok(branches) } else { refused("its lists are not of one length") }
    }

    fn roots(&self) -> Result<Vec<usize>> {
        let root = |&root: &i64| match usize::try_from(root) {
            Ok(root) if root < self.features.len() => Ok(root),
            _ => refused("the root of a tree is not there"),
        };
        self.roots.iter().map(root).collect()
    }

    /// The branches at their own positions, then those for more members and the leaves. Each reference to a leaf gets a node of
    /// its own, with the leaf's weight.
    fn nodes(&mut self, features: usize, leaves: usize) -> Result<Vec<RawNode>> {
        let count = self.features.len();
        let members = std::mem::take(&mut self.members);
        let mut members = members.split(|value| value.is_nan());
        let mut nodes: Vec<RawNode> = vec![RawNode::Leaf(0); count];
        for at in 0..count {
            let yes = self.child(self.yes[at], self.yes_is_leaf[at], leaves, &mut nodes)?;
            let no = self.child(self.no[at], self.no_is_leaf[at], leaves, &mut nodes)?;
            let feature = feature(self.features[at], features)?;
            let missing_yes = self.missing_yes.get(at) == Some(&1);
            let branch = |value, mode, no| -> Result<RawNode> {
                Ok(RawNode::Branch(RawBranch {
                    feature,
                    value: threshold(value)?,
                    mode,
                    missing_yes,
                    yes,
                    no,
                }))
            };
            if self.modes[at] != MEMBER {
                let mode = usize::try_from(self.modes[at]).ok().and_then(|mode| MODES.get(mode));
                let Some(&mode) = mode else { return refused("its branches have an unknown mode") };
                nodes[at] = branch(self.splits[at], mode, no)?;
                continue;
            }
            // Equal to the first value? Otherwise, to the second? All answers "yes" lead to one node.
            let Some((&first, more)) = members.next().and_then(<[f32]>::split_first) else {
                return refused("a branch asks for members, but its membership_values has none");
            };
            tree_ensemble::check_nodes(nodes.len().saturating_add(more.len()))?;
            let mut next = no;
            for &value in more {
                nodes.push(branch(value, Mode::Equal, next)?);
                next = nodes.len() - 1;
            }
            nodes[at] = branch(first, Mode::Equal, next)?;
        }
        Ok(nodes)
    }

    fn child(&self, number: i64, is_leaf: i64, leaves: usize, nodes: &mut Vec<RawNode>) -> Result<usize> {
        let max = if is_leaf == 0 { self.features.len() } else { leaves };
        let Some(child) = usize::try_from(number).ok().filter(|&child| child < max) else {
            return refused("a branch leads to a node that is not there");
        };
        if is_leaf == 0 {
            return Ok(child);
        }
        nodes.push(RawNode::Leaf(child));
        Ok(nodes.len() - 1)
    }
}
