//! Symmetric trees in ONNX operators.
//!
//! Owns the graph of a forest. All trees of a forest are symmetric and of one depth, so the first splits of all trees
//! are computed together, then the second ones, and so on. The results are the binary digits of the leaf numbers; the
//! leaves are in one table, tree by tree: one look-up per tree and row. Neighbouring trees with equal splits, one for each of
//! several margins, are one tree whose leaves are rows of that table. Must not know how trees are trained.

use std::collections::HashMap;

use tract_onnx::pb::tensor_proto::DataType;

use super::graph::{Graph, ValueName};
use super::to_onnx::Prepared;
use crate::learning::{Forest, Tree, TreeSplit};

/// Stands for a missing value: beyond every threshold, on the side where missing values go.
const MISSING: f32 = 1e6;

/// The sums of the leaves for each margin: rows × margins.
pub(super) fn forest_margins(
    graph: &mut Graph,
    prepared: &Prepared,
    forest: &Forest,
    margins: usize,
) -> ValueName {
    let groups = groups(&forest.trees, margins);
    let (splits, index) = splits(graph, prepared, forest);

    // Integers below 2^24, which single precision holds exactly.
    let two = graph.scalar(2.0);
    let mut leaf = None;
    for level in 0..forest.depth {
        let which = groups.iter().map(|trees| index[&key(&trees[0].splits[level])]);
        let which = graph.indices(which);
        let digit = graph.op_with("Gather", &[&splits, &which], &[("axis", 0)]);
        leaf = Some(match leaf {
            None => digit,
            Some(number) => {
                let shifted = graph.op("Mul", &[&number, &two]);
                graph.op("Add", &[&shifted, &digit])
            }
        });
    }
    let leaves = 1_usize << forest.depth;
    let first: Vec<f32> = (0..groups.len()).map(|group| (group * leaves) as f32).collect();
    let first = graph.floats(&[groups.len(), 1], &first);
    let position = match leaf {
        Some(number) => graph.op("Add", &[&number, &first]),
        None => first,
    };
    let position = graph.op_with("Cast", &[&position], &[("to", DataType::Int64 as i64)]);
    if groups.len() < forest.trees.len() {
        return sums_of_rows(graph, &groups, &position, leaves, margins);
    }
    let table: Vec<f32> = forest.trees.iter().flat_map(|tree| tree.leaves.iter().copied()).collect();
    let table = graph.floats(&[table.len()], &table);
    let values = graph.op_with("Gather", &[&table, &position], &[("axis", 0)]);

    let trees = forest.trees.len();
    let mut sums = vec![0.0; margins * trees];
    for (at, tree) in forest.trees.iter().enumerate() {
        sums[tree.margin * trees + at] = 1.0;
    }
    let sums = graph.floats(&[margins, trees], &sums);
    let sums = graph.op("MatMul", &[&sums, &values]);
    graph.op("Transpose", &[&sums])
}

/// Trees that share their splits; each tree alone if not all trees are in groups of all margins: in a table of rows, a few
/// equal neighbours would make room for leaves that the others do not have.
fn groups(trees: &[Tree], margins: usize) -> Vec<&[Tree]> {
    let groups: Vec<&[Tree]> = trees.chunk_by(|a, b| a.splits == b.splits && a.margin < b.margin).collect();
    if groups.len() * margins == trees.len() { groups } else { trees.chunks(1).collect() }
}

/// The sums of the leaves of trees with equal splits: each row of the table has a value for each margin.
fn sums_of_rows(
    graph: &mut Graph,
    groups: &[&[Tree]],
    position: &ValueName,
    leaves: usize,
    margins: usize,
) -> ValueName {
    let mut table = vec![0.0; groups.len() * leaves * margins];
    for (trees, rows) in groups.iter().zip(table.chunks_exact_mut(leaves * margins)) {
        for tree in *trees {
            for (row, &leaf) in rows.chunks_exact_mut(margins).zip(&tree.leaves) {
                row[tree.margin] = leaf;
            }
        }
    }
    let table = graph.floats(&[groups.len() * leaves, margins], &table);
    let values = graph.op_with("Gather", &[&table, position], &[("axis", 0)]);
    let axis = graph.indices(std::iter::once(0));
    let sums = graph.op_with("ReduceSum", &[&values, &axis], &[("keepdims", 1)]);
    let shape = graph.integers([-1, margins as i64]);
    graph.op("Reshape", &[&sums, &shape])
}

type Key = (usize, u32, bool);

fn key(split: &TreeSplit) -> Key {
    (split.input, split.threshold.to_bits(), split.missing_right)
}

/// The result of each distinct split, computed once: splits × rows, 1 for yes.
fn splits(graph: &mut Graph, prepared: &Prepared, forest: &Forest) -> (ValueName, HashMap<Key, usize>) {
    let mut index = HashMap::new();
    let mut distinct: Vec<TreeSplit> = Vec::new();
    for split in forest.trees.iter().flat_map(|tree| &tree.splits) {
        index.entry(key(split)).or_insert_with(|| {
            distinct.push(*split);
            distinct.len() - 1
        });
    }
    let (low, high) = (graph.scalar(-MISSING), graph.scalar(MISSING));
    let missing_no = graph.op("Where", &[&prepared.missing, &low, &prepared.standard]);
    let missing_yes = graph.op("Where", &[&prepared.missing, &high, &prepared.standard]);
    let both = graph.concat_columns(&[missing_no, missing_yes]);
    let by_input = graph.op("Transpose", &[&both]);
    let which =
        distinct.iter().map(|split| split.input + if split.missing_right { prepared.inputs } else { 0 });
    let which = graph.indices(which);
    let values = graph.op_with("Gather", &[&by_input, &which], &[("axis", 0)]);
    let thresholds: Vec<f32> = distinct.iter().map(|split| split.threshold).collect();
    let thresholds = graph.floats(&[thresholds.len(), 1], &thresholds);
    let above = graph.op("Greater", &[&values, &thresholds]);
    (graph.op_with("Cast", &[&above], &[("to", DataType::Float as i64)]), index)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree of one split.
    fn tree(threshold: f32, margin: usize) -> Tree {
        let split = TreeSplit { input: 0, threshold, missing_right: false };
        Tree { splits: vec![split], leaves: vec![0.5, -0.5], margin }
    }

    #[test]
    fn only_trees_that_all_share_their_splits_become_rows_of_a_table() {
        let shared = [tree(1.0, 0), tree(1.0, 1), tree(1.0, 2), tree(2.0, 0), tree(2.0, 1), tree(2.0, 2)];
        assert_eq!(groups(&shared, 3).len(), 2);
        let two_equal_by_chance = [tree(1.0, 0), tree(1.0, 1), tree(3.0, 2)];
        assert_eq!(groups(&two_equal_by_chance, 3).len(), 3);
    }
}
