//! Trees in plain ONNX operators.
//!
//! All trees of a forest are symmetric and ask equally many questions, so the
//! first questions of all are asked together, then the second ones, and so on.
//! The answers are the digits of the numbers of the leaves, which lie in one
//! table, tree by tree: one look-up a tree and row.

use std::collections::HashMap;

use tract_onnx::pb::tensor_proto::DataType;

use super::graph::{Graph, Value};
use super::to_onnx::Prepared;
use crate::learning::{Forest, TreeSplit};

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
    let (answers, index) = answers(graph, prepared, forest);

    // Whole numbers below 2^24, which single precision holds exactly.
    let two = graph.scalar(2.0);
    let mut leaf = None;
    for level in 0..forest.depth {
        let which = forest.trees.iter().map(|tree| index[&key(&tree.splits[level])]);
        let which = graph.indices(which);
        let digit = graph.op_with("Gather", &[&answers, &which], &[("axis", 0)]);
        leaf = Some(match leaf {
            None => digit,
            Some(number) => {
                let shifted = graph.op("Mul", &[&number, &two]);
                graph.op("Add", &[&shifted, &digit])
            }
        });
    }
    let leaves = 1_usize << forest.depth;
    let first: Vec<f32> = (0..trees).map(|tree| (tree * leaves) as f32).collect();
    let first = graph.floats(&[trees, 1], &first);
    let place = match leaf {
        Some(number) => graph.op("Add", &[&number, &first]),
        None => first,
    };
    let place = graph.op_with("Cast", &[&place], &[("to", DataType::Int64 as i64)]);
    let table: Vec<f32> = forest.trees.iter().flat_map(|tree| tree.leaves.iter().copied()).collect();
    let table = graph.floats(&[table.len()], &table);
    let values = graph.op_with("Gather", &[&table, &place], &[("axis", 0)]);

    let mut sums = vec![0.0; margins * trees];
    for (at, tree) in forest.trees.iter().enumerate() {
        sums[tree.margin * trees + at] = 1.0;
    }
    let sums = graph.floats(&[margins, trees], &sums);
    let sums = graph.op("MatMul", &[&sums, &values]);
    graph.op("Transpose", &[&sums])
}

type Key = (usize, u32, bool);

fn key(question: &TreeSplit) -> Key {
    (question.input, question.threshold.to_bits(), question.missing_right)
}

/// The answer to each different question, asked once: questions × rows, 1 for yes.
fn answers(graph: &mut Graph, prepared: &Prepared, forest: &Forest) -> (Value, HashMap<Key, usize>) {
    let mut index = HashMap::new();
    let mut different: Vec<TreeSplit> = Vec::new();
    for question in forest.trees.iter().flat_map(|tree| &tree.splits) {
        index.entry(key(question)).or_insert_with(|| {
            different.push(*question);
            different.len() - 1
        });
    }
    let (low, high) = (graph.scalar(-MISSING), graph.scalar(MISSING));
    let missing_no = graph.op("Where", &[&prepared.missing, &low, &prepared.standard]);
    let missing_yes = graph.op("Where", &[&prepared.missing, &high, &prepared.standard]);
    let both = graph.beside(&[missing_no, missing_yes]);
    let by_input = graph.op("Transpose", &[&both]);
    let which = different
        .iter()
        .map(|question| question.input + if question.missing_right { prepared.inputs } else { 0 });
    let which = graph.indices(which);
    let values = graph.op_with("Gather", &[&by_input, &which], &[("axis", 0)]);
    let thresholds: Vec<f32> = different.iter().map(|question| question.threshold).collect();
    let thresholds = graph.floats(&[thresholds.len(), 1], &thresholds);
    let above = graph.op("Greater", &[&values, &thresholds]);
    (graph.op_with("Cast", &[&above], &[("to", DataType::Float as i64)]), index)
}
