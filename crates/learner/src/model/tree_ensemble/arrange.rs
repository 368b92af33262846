//! Puts the nodes of trees into the order of [`TreeEnsemble`]: a branch before its children.
//!
//! Owns the proof that branches form trees without cycles. Must not know how the lists of an operator are stored.

use super::ensemble::{Aggregate, Mode, TreeEnsemble, TreeNode, Weight, check_nodes};
use crate::model::error::{ModelError, refused};

/// The position of a node in a list of raw nodes.
pub(crate) type Child = usize;

/// A branch as a file has it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RawBranch {
    pub feature: u32,
    pub value: f32,
    pub mode: Mode,
    pub missing_yes: bool,
    pub yes: Child,
    pub no: Child,
}

/// A node as a file has it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum RawNode {
    /// With its number, by which weights refer to it.
    Leaf(usize),
    Branch(RawBranch),
}

impl TreeEnsemble {
    /// Arranges the trees that begin at `roots`. `weights` are pairs of a leaf's number and its weight.
    ///
    /// # Errors
    /// [`ModelError::Refused`] when the nodes are not trees, or too many. All children must be positions
    /// in `raw`, all weights and `base` finite, and every weight's score below the length of `base`.
    pub(crate) fn arranged(
        raw: &[RawNode],
        roots: &[Child],
        leaves: usize,
        weights: &[(usize, Weight)],
        base: Vec<f32>,
        aggregate: Aggregate,
    ) -> Result<Self, ModelError> {
        check_nodes(raw.len())?;
        let (order, begin) = order(raw, roots)?;
        let (weights, ranges) = grouped(weights, leaves, aggregate);
        let mut place = vec![0_u32; raw.len()];
        order.iter().enumerate().for_each(|(at, &node)| place[node] = at as u32);
        let node = |&at: &Child| match raw[at] {
            RawNode::Leaf(number) => TreeNode::Leaf { first: ranges[number], end: ranges[number + 1] },
            RawNode::Branch(RawBranch { feature, value, mode, missing_yes, yes, .. }) => {
                TreeNode::Branch { feature, value, yes: place[yes], mode, missing_yes }
            }
        };
        let nodes = order.iter().map(node).collect();
        Ok(Self { nodes, roots: begin, weights, base, aggregate })
    }
}

/// The nodes in the order in which they are stored, and the position of each root in it. A node is placed when all branches
/// to it are: so each branch is before its children, and the child for "no" directly after its branch. The branches for
/// "yes" of several nodes may lead to one node: exporters of `LightGBM` write a set of categories so.
fn order(raw: &[RawNode], roots: &[Child]) -> Result<(Vec<Child>, Vec<u32>), ModelError> {
    let mut open_parents = vec![0_u32; raw.len()];
    let mut only_no = vec![false; raw.len()];
    for node in raw {
        let RawNode::Branch(branch) = node else { continue };
        for (child, is_no) in [(branch.yes, false), (branch.no, true)] {
            if open_parents[child] > 0 && (is_no || only_no[child]) {
                return refused("two branches lead to one node");
            }
            open_parents[child] += 1;
            only_no[child] = is_no;
        }
    }
    let mut order = Vec::with_capacity(raw.len());
    let mut begin = Vec::with_capacity(roots.len());
    let mut is_met = vec![false; raw.len()];
    for &root in roots {
        if open_parents[root] > 0 || std::mem::replace(&mut is_met[root], true) {
            return refused("a branch leads to the root of a tree, or a tree is there twice");
        }
        begin.push(order.len() as u32);
        let (mut open, mut waiting) = (vec![root], 0_usize);
        while let Some(at) = open.pop() {
            order.push(at);
            let RawNode::Branch(branch) = raw[at] else { continue };
            for child in [branch.yes, branch.no] {
                open_parents[child] -= 1;
                waiting += usize::from(!std::mem::replace(&mut is_met[child], true));
                if open_parents[child] == 0 {
                    waiting -= 1;
                    open.push(child);
                }
            }
        }
        if waiting > 0 {
            return refused("two trees share a node, or its branches lead in a circle");
        }
    }
    if order.len() == raw.len() {
        Ok((order, begin))
    } else {
        refused("its branches lead in a circle, or a node belongs to no tree")
    }
}

/// The weights leaf by leaf, and where those of each leaf begin; the last number is the end. Several weights of a leaf for
/// one score become one: runtimes differ in their treatment of them.
fn grouped(weights: &[(usize, Weight)], leaves: usize, aggregate: Aggregate) -> (Vec<Weight>, Vec<u32>) {
    let is_sum = matches!(aggregate, Aggregate::Sum | Aggregate::Average);
    let mut sorted: Vec<&(usize, Weight)> = weights.iter().collect();
    sorted.sort_by_key(|(leaf, weight)| (*leaf, weight.score));
    let mut ranges = vec![0; leaves + 1];
    let mut grouped: Vec<Weight> = Vec::with_capacity(weights.len());
    for same in sorted.chunk_by(|a, b| (a.0, a.1.score) == (b.0, b.1.score)) {
        let (leaf, Weight { score, .. }) = *same[0];
        let values = same.iter().map(|(_, weight)| weight.value);
        let value = match aggregate {
            Aggregate::Sum | Aggregate::Average => values.sum(),
            Aggregate::Min => values.fold(f32::INFINITY, f32::min),
            Aggregate::Max => values.fold(f32::NEG_INFINITY, f32::max),
        };
        if !is_sum || value != 0.0 {
            grouped.push(Weight { score, value });
            ranges[leaf + 1] += 1;
        }
    }
    let mut end = 0;
    for range in &mut ranges {
        end += *range;
        *range = end;
    }
    (grouped, ranges)
}
