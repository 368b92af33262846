//! The contributions of symmetric trees.
//!
//! A tree sees of a sample only on which side of its splits it is: one of 2^depth patterns, the index of its leaf. So the
//! contributions are tabulated for each pattern that occurs among the samples, and background samples of one pattern count
//! together. For a pair of patterns only inputs whose splits they pass differently are players; levels with the same
//! input are one player. All coalitions of these are enumerated (interventional Tree SHAP: Lundberg et al. 2020, Laberge
//! and Pequignot 2022, for trees whose nodes of a level are equal). Must not know other parts of a model.

use rayon::prelude::*;

use super::shapley::Weights;
use crate::learning::trees::Tree;

/// The maximum depth of trees; those that are trained here have at most 8 splits.
pub(super) const MAX_DEPTH: usize = 8;
const MAX_LEAVES: usize = 1 << MAX_DEPTH;

/// Some trees with their tables, and the leaves of all samples.
pub(super) struct TreePart {
    tables: Vec<Table>,
    /// Tree by tree, one for each sample.
    leaves: Vec<u16>,
    rows: usize,
}

/// The contributions of one tree.
struct Table {
    margin: usize,
    /// Each of its inputs with the bits of its levels in the index of a leaf.
    players: Vec<(usize, usize)>,
    /// For each leaf, the contribution of each player.
    values: Vec<f64>,
}

impl TreePart {
    /// `background` and `samples` have the standardised values of `inputs` inputs, row by row.
    pub(super) fn new(trees: &[Tree], background: &[f32], samples: &[f32], inputs: usize) -> Self {
        let rows = samples.len() / inputs;
        let weights: Vec<Weights> = (0..=MAX_DEPTH).map(Weights::new).collect();
        let mut leaves = vec![0; trees.len() * rows];
        let of_tree = |(tree, leaves): (&Tree, &mut [u16])| {
            let mut occurs = vec![false; tree.leaves.len()];
            for (leaf, row) in leaves.iter_mut().zip(samples.chunks_exact(inputs)) {
                let found = tree.leaf(row);
                occurs[found] = true;
                *leaf = found as u16;
            }
            let mut counts = vec![0_u32; tree.leaves.len()];
            background.chunks_exact(inputs).for_each(|row| counts[tree.leaf(row)] += 1);
            Table::new(tree, &occurs, &counts, &weights)
        };
        let tables = trees.par_iter().zip(leaves.par_chunks_exact_mut(rows.max(1))).map(of_tree).collect();
        Self { tables, leaves, rows }
    }

    /// Adds the contributions of a sample to `out`, inputs × margins.
    pub(super) fn add(&self, row: usize, margins: usize, out: &mut [f64]) {
        for (tree, table) in self.tables.iter().enumerate() {
            let players = table.players.len();
            let leaf = usize::from(self.leaves[tree * self.rows + row]);
            let values = &table.values[leaf * players..][..players];
            for (&(input, _), value) in table.players.iter().zip(values) {
                out[input * margins + table.margin] += value;
            }
        }
    }
}

impl Table {
    fn new(tree: &Tree, occurs: &[bool], counts: &[u32], weights: &[Weights]) -> Self {
        let mut players: Vec<(usize, usize)> = Vec::new();
        for (level, split) in tree.splits.iter().enumerate() {
            let bit = 1 << (tree.splits.len() - 1 - level);
            match players.iter_mut().find(|(input, _)| *input == split.input) {
                Some((_, bits)) => *bits |= bit,
                None => players.push((split.input, bit)),
            }
        }
        let leaves: Vec<f64> = tree.leaves.iter().map(|&leaf| f64::from(leaf)).collect();
        let rows: u32 = counts.iter().sum();
        let mut values = vec![0.0; leaves.len() * players.len()];
        for (leaf, values) in values.chunks_exact_mut(players.len().max(1)).enumerate() {
            for (other, &count) in counts.iter().enumerate().filter(|(_, count)| occurs[leaf] && **count > 0)
            {
                let share = f64::from(count) / f64::from(rows);
                add_pair(&leaves, &players, (leaf, other), share, weights, values);
            }
        }
        Self { margin: tree.margin, players, values }
    }
}

/// Adds the Shapley values of a pair, the leaf of a sample and that of a background sample, multiplied by `share`.
fn add_pair(
    leaves: &[f64],
    players: &[(usize, usize)],
    (leaf, other): (usize, usize),
    share: f64,
    weights: &[Weights],
    out: &mut [f64],
) {
    let different = leaf ^ other;
    let mut playing = [0_usize; MAX_DEPTH];
    let mut sets = [0_usize; MAX_LEAVES];
    let mut count = 0;
    for (player, &(_, bits)) in players.iter().enumerate().filter(|(_, (_, bits))| bits & different != 0) {
        playing[count] = player;
        // The bits of each coalition: those without this player, then those with it.
        let (without, with) = sets.split_at_mut(1 << count);
        for (with, without) in with.iter_mut().zip(without.iter()) {
            *with = without | bits & different;
        }
        count += 1;
    }
    let mut coalitions = [0.0; MAX_LEAVES];
    let coalitions = &mut coalitions[..1 << count];
    for (value, set) in coalitions.iter_mut().zip(sets) {
        *value = leaves[other ^ set];
    }
    let mut values = [0.0; MAX_DEPTH];
    weights[count].values(coalitions, &mut values[..count]);
    for (&player, value) in playing[..count].iter().zip(values) {
        out[player] += share * value;
    }
}
