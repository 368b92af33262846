//! Trees in plain ONNX operators.
//!
//! A tree is read from its leaves to its root: at each branch the value is
//! left + goes-right · (right − left). All trees do this together, level by
//! level, on whole vectors of rows, so that nothing is looked up row by row,
//! which runtimes are slow at. Branches are laid out so that the left children
//! of a level stand before the right ones: halving a tensor parts them.

use std::collections::HashMap;

use tract_onnx::pb::tensor_proto::DataType;

use super::export::Prepared;
use super::graph::{Graph, Value};
use crate::learning::{Branch, Forest};

/// Stands for a missing value: beyond every threshold, on the side where missing values go.
const MISSING: f32 = 1e6;

/// What the trees add to each margin: rows × margins.
pub(super) fn forest_margins(
    graph: &mut Graph,
    prepared: &Prepared,
    forest: &Forest,
    margins: usize,
) -> Value {
    let trees = forest.trees.len();
    let levels: Vec<Vec<Branch>> = (0..forest.depth).map(|level| branches_of(forest, level)).collect();
    let (conditions, index) = conditions(graph, prepared, &levels);

    // Leaves are constants, so the last level needs no tensors for them.
    let leaves = leaves_of(forest);
    let (left, right) = leaves.split_at(leaves.len() / 2);
    let difference: Vec<f32> = left.iter().zip(right).map(|(left, right)| right - left).collect();
    let mut value = {
        let goes_right = at(graph, &conditions, &levels[forest.depth - 1], &index);
        let difference = graph.floats(&[difference.len(), 1], &difference);
        let left = graph.floats(&[left.len(), 1], left);
        let change = graph.op("Mul", &[&goes_right, &difference]);
        graph.op("Add", &[&change, &left])
    };
    for level in (0..forest.depth - 1).rev() {
        let half = trees << level;
        let left = rows(graph, &value, 0, half);
        let right = rows(graph, &value, half, 2 * half);
        let goes_right = at(graph, &conditions, &levels[level], &index);
        let difference = graph.op("Sub", &[&right, &left]);
        let change = graph.op("Mul", &[&goes_right, &difference]);
        value = graph.op("Add", &[&change, &left]);
    }

    let mut sums = vec![0.0; margins * trees];
    for (at, tree) in forest.trees.iter().enumerate() {
        sums[tree.margin * trees + at] = 1.0;
    }
    let sums = graph.floats(&[margins, trees], &sums);
    let sums = graph.op("MatMul", &[&sums, &value]);
    graph.op("Transpose", &[&sums])
}

/// The branches of a level, place by place, each place of all trees: at place p of a level with n
/// places the children are at p (left) and p + n (right) of the next.
fn branches_of(forest: &Forest, level: usize) -> Vec<Branch> {
    let nodes = 1_usize << level;
    (0..nodes)
        .flat_map(|place| {
            let node = nodes - 1 + reversed(place, level);
            forest.trees.iter().map(move |tree| tree.branches[node])
        })
        .collect()
}

fn leaves_of(forest: &Forest) -> Vec<f32> {
    (0..1_usize << forest.depth)
        .flat_map(|place| {
            let leaf = reversed(place, forest.depth);
            forest.trees.iter().map(move |tree| tree.leaves[leaf])
        })
        .collect()
}

/// The lowest `bits` bits in reverse: the first turn from the root is the highest bit of a node's
/// number and the lowest of its place.
fn reversed(number: usize, bits: usize) -> usize {
    if bits == 0 { 0 } else { number.reverse_bits() >> (usize::BITS as usize - bits) }
}

type Condition = (usize, u32, bool);

fn key(branch: &Branch) -> Condition {
    (branch.input, branch.threshold.to_bits(), branch.missing_right)
}

/// Each different condition once: conditions × rows, 1 where a branch goes right.
fn conditions(
    graph: &mut Graph,
    prepared: &Prepared,
    levels: &[Vec<Branch>],
) -> (Value, HashMap<Condition, usize>) {
    let mut index = HashMap::new();
    let mut different: Vec<Branch> = Vec::new();
    for branch in levels.iter().flatten() {
        index.entry(key(branch)).or_insert_with(|| {
            different.push(*branch);
            different.len() - 1
        });
    }
    let (low, high) = (graph.scalar(-MISSING), graph.scalar(MISSING));
    let missing_left = graph.op("Where", &[&prepared.missing, &low, &prepared.standard]);
    let missing_right = graph.op("Where", &[&prepared.missing, &high, &prepared.standard]);
    let both = graph.beside(&[missing_left, missing_right]);
    let by_input = graph.op("Transpose", &[&both]);
    let which =
        different.iter().map(|branch| branch.input + if branch.missing_right { prepared.inputs } else { 0 });
    let which = graph.indices(which);
    let values = graph.op_with("Gather", &[&by_input, &which], &[("axis", 0)]);
    let thresholds: Vec<f32> = different.iter().map(|branch| branch.threshold).collect();
    let thresholds = graph.floats(&[thresholds.len(), 1], &thresholds);
    let above = graph.op("Greater", &[&values, &thresholds]);
    (graph.op_with("Cast", &[&above], &[("to", DataType::Float as i64)]), index)
}

/// The conditions of some branches: branches × rows.
fn at(
    graph: &mut Graph,
    conditions: &Value,
    branches: &[Branch],
    index: &HashMap<Condition, usize>,
) -> Value {
    let which = graph.indices(branches.iter().map(|branch| index[&key(branch)]));
    graph.op_with("Gather", &[conditions, &which], &[("axis", 0)])
}

/// Rows `from` to `to` of a tensor.
fn rows(graph: &mut Graph, value: &Value, from: usize, to: usize) -> Value {
    let (from, to, axis) = (graph.indices([from]), graph.indices([to]), graph.indices([0]));
    graph.op("Slice", &[value, &from, &to, &axis])
}
