//! Reads symmetric trees back from the operators that [`super::tree_graph`] writes.
//!
//! Owns which graphs of a forest are recognised. Must not know the rest of a model.

use super::from_onnx::{Prepared, Reader};
use crate::learning::{Forest, Tree, TreeSplit};

/// Deeper trees are not written.
const MAX_DEPTH: usize = 16;

/// The forest whose margins are `value`; `None` if it is not recognised.
pub(super) fn read_forest(
    reader: &Reader<'_>,
    prepared: &Prepared<'_>,
    value: &str,
    margins: usize,
) -> Option<Forest> {
    if let Some([sums]) = reader.inputs(value, "Transpose") {
        let [sums, values] = reader.inputs(sums, "MatMul")? else { return None };
        let (splits, table) = read_values(reader, prepared, values)?;
        let (dims, sums) = reader.floats(sums)?;
        if dims != [margins, splits.len()] {
            return None;
        }
        let of_tree = |tree: usize| (0..margins).find(|margin| sums[margin * splits.len() + tree] == 1.0);
        let margin_of_tree: Option<Vec<usize>> = (0..splits.len()).map(of_tree).collect();
        return forest(splits, &table, &margin_of_tree?, 1);
    }
    let [sums, _] = reader.inputs(value, "Reshape")? else { return None };
    let values = reader.inputs(sums, "ReduceSum")?.first()?;
    let (splits, table) = read_values(reader, prepared, values)?;
    let splits: Vec<Vec<TreeSplit>> =
        splits.into_iter().flat_map(|splits| std::iter::repeat_n(splits, margins)).collect();
    let margin_of_tree: Vec<usize> = (0..splits.len()).map(|tree| tree % margins).collect();
    forest(splits, &table, &margin_of_tree, margins)
}

/// Puts trees together. `width` neighbouring trees share the rows of the table, each has a column.
fn forest(
    splits: Vec<Vec<TreeSplit>>,
    table: &[f32],
    margin_of_tree: &[usize],
    width: usize,
) -> Option<Forest> {
    let depth = splits.first()?.len();
    let leaves = 1_usize << depth;
    if table.len() != splits.len() * leaves {
        return None;
    }
    let tree = |(at, splits): (usize, Vec<TreeSplit>)| {
        let rows = &table[at / width * leaves * width..][..leaves * width];
        let leaves = rows.chunks_exact(width).map(|row| row[at % width]).collect();
        Tree { splits, leaves, margin: margin_of_tree[at] }
    };
    Some(Forest { depth, trees: splits.into_iter().enumerate().map(tree).collect() })
}

/// The splits of each tree, and the table of all leaves, from which `values` are gathered.
fn read_values(
    reader: &Reader<'_>,
    prepared: &Prepared<'_>,
    values: &str,
) -> Option<(Vec<Vec<TreeSplit>>, Vec<f32>)> {
    let [table, position] = reader.inputs(values, "Gather")? else { return None };
    let table = reader.floats(table)?.1;
    let number = reader.inputs(position, "Cast")?.first()?;
    let [number, _] = reader.inputs(number, "Add")? else { return None };
    let mut number = number;
    // From the last level to the first.
    let mut levels = Vec::new();
    loop {
        if levels.len() == MAX_DEPTH {
            return None;
        }
        if let Some(level) = reader.gathered(number, 0) {
            levels.push(level);
            break;
        }
        let [shifted, digit] = reader.inputs(number, "Add")? else { return None };
        levels.push(reader.gathered(digit, 0)?);
        number = reader.inputs(shifted, "Mul")?.first()?;
    }
    levels.reverse();
    let (first, trees) = (levels[0].0, levels[0].1.len());
    if levels.iter().any(|(from, which)| *from != first || which.len() != trees) {
        return None;
    }
    let distinct = read_splits(reader, prepared, first)?;
    let of_tree = |tree: usize| levels.iter().map(|(_, which)| distinct.get(which[tree]).copied()).collect();
    let splits: Option<Vec<Vec<TreeSplit>>> = (0..trees).map(of_tree).collect();
    Some((splits?, table))
}

/// The distinct splits.
fn read_splits(reader: &Reader<'_>, prepared: &Prepared<'_>, value: &str) -> Option<Vec<TreeSplit>> {
    let above = reader.inputs(value, "Cast")?.first()?;
    let [values, thresholds] = reader.inputs(above, "Greater")? else { return None };
    let (by_input, which) = reader.gathered(values, 0)?;
    let both = reader.inputs(by_input, "Transpose")?.first()?;
    let [left, right] = reader.inputs(both, "Concat")? else { return None };
    for (side, sign) in [(left, -1.0), (right, 1.0)] {
        let [missing, stand_in, standard] = reader.inputs(side, "Where")? else { return None };
        let stand_in = *reader.floats(stand_in)?.1.first()?;
        if missing != prepared.missing || standard != prepared.standard || stand_in * sign <= 0.0 {
            return None;
        }
    }
    let thresholds = reader.floats(thresholds)?.1;
    let inputs = prepared.inputs.len();
    let split = |(which, threshold): (usize, f32)| TreeSplit {
        input: which % inputs,
        threshold,
        missing_right: which >= inputs,
    };
    (thresholds.len() == which.len() && inputs > 0)
        .then(|| which.into_iter().zip(thresholds).map(split).collect())
}
