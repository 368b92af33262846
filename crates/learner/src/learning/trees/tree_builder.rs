//! Grows one symmetric tree, split by split.
//!
//! All nodes of a level have the same split: such trees overfit less than others, and are quick to evaluate (Kohavi 1994;
//! Prokhorenkova et al. 2018). Derivatives are added up by bin. Of a node's two children only the smaller one is visited:
//! the parent's histogram minus its own is the other's (Ke et al. 2017). Must not know the loss.

use rayon::prelude::*;

use super::binning::{Binned, BinnedColumn};
use super::gradients::{GradientSums, minus, plus, summed};
use super::params::TreeParams;
use super::tree_structure::{BinSplit, TreeStructure};
use crate::learning::rng::Stream;

/// The samples that took the same directions at all splits so far.
struct Node {
    samples: Vec<u32>,
    sums: GradientSums,
    /// The sums of each bin of each column; those of default bins are left out.
    histogram: Vec<GradientSums>,
}

/// Grows a tree on `samples`; `gradients` has the derivatives of all samples.
///
/// On every level the gain of each column is multiplied by new noise around 1, whose standard deviation is
/// `random_strength`.
pub(super) fn grow(
    binned: &Binned,
    gradients: &[[f32; 2]],
    samples: Vec<u32>,
    params: &TreeParams,
    random_strength: f64,
    stream: &mut Stream,
) -> TreeStructure {
    let histogram = histogram(binned, gradients, &samples);
    let mut nodes = vec![Node { sums: summed(gradients, &samples), samples, histogram }];
    let mut splits = Vec::with_capacity(params.depth);
    while splits.len() < params.depth {
        let noise: Vec<f64> =
            binned.columns.iter().map(|_| 1.0 + random_strength * stream.normal()).collect();
        let Some(split) = best_split(binned, &nodes, params.l2, &noise) else { break };
        splits.push(split);
        if splits.len() < params.depth {
            let children = nodes.into_par_iter().map(|node| node.split(split, binned, gradients));
            let children: Vec<[Node; 2]> = children.collect();
            // A node that is too small to be a leaf of its own does not count in further splits.
            let large = |node: &Node| node.sums[1] >= params.min_hessian;
            nodes = children.into_iter().flatten().filter(large).collect();
        }
    }
    TreeStructure { splits, depth: params.depth }
}

impl Node {
    /// Its children, the smaller one last.
    fn split(self, split: BinSplit, binned: &Binned, gradients: &[[f32; 2]]) -> [Self; 2] {
        let right = split.bins_right(&binned.columns[split.column]);
        let bins = binned.column(split.column);
        let (right, left): (Vec<u32>, Vec<u32>) =
            self.samples.iter().partition(|&&sample| right[usize::from(bins[sample as usize])] == 1);
        let (smaller, larger) = if left.len() < right.len() { (left, right) } else { (right, left) };
        if smaller.is_empty() {
            let empty = Self { samples: smaller, sums: [0.0; 2], histogram: Vec::new() };
            return [Self { samples: larger, ..self }, empty];
        }
        let of_smaller = histogram(binned, gradients, &smaller);
        let mut of_larger = self.histogram;
        of_larger.iter_mut().zip(&of_smaller).for_each(|(sum, part)| *sum = minus(*sum, *part));
        let sums = summed(gradients, &smaller);
        [
            Self { samples: larger, sums: minus(self.sums, sums), histogram: of_larger },
            Self { samples: smaller, sums, histogram: of_smaller },
        ]
    }
}

/// A histogram is added up in parts of at least `MIN_PART_SAMPLES` samples, and in at most `MAX_PARTS` parts. Neither
/// depends on the number of cores, so the result does not either.
const MIN_PART_SAMPLES: usize = 8_192;
const MAX_PARTS: usize = 8;

/// The sums of each bin of each column over some samples; those of default bins are left out.
fn histogram(binned: &Binned, gradients: &[[f32; 2]], samples: &[u32]) -> Vec<GradientSums> {
    let part = MIN_PART_SAMPLES.max(samples.len().div_ceil(MAX_PARTS));
    let parts: Vec<Vec<GradientSums>> = samples
        .par_chunks(part)
        .map(|samples| {
            let mut sums = vec![[0.0; 2]; binned.total];
            for &sample in samples {
                let gradient = gradients[sample as usize].map(f64::from);
                for &cell in binned.cells(sample) {
                    let sum = &mut sums[usize::from(cell)];
                    *sum = plus(*sum, gradient);
                }
            }
            sums
        })
        .collect();
    let added = parts.into_iter().reduce(|mut all, part| {
        all.iter_mut().zip(part).for_each(|(sum, part)| *sum = plus(*sum, part));
        all
    });
    added.unwrap_or_else(|| vec![[0.0; 2]; binned.total])
}

/// The split that gains most over all nodes of a level; `None` when none gains anything.
fn best_split(binned: &Binned, nodes: &[Node], l2: f64, noise: &[f64]) -> Option<BinSplit> {
    let splits: Vec<Option<BinSplit>> = binned
        .columns
        .par_iter()
        .enumerate()
        .with_min_len(16)
        .map_init(Vec::new, |gains, (at, column)| {
            gains.clear();
            gains.resize(2 * column.splits(), 0.0);
            nodes.iter().for_each(|node| node.add_gains(column, l2, gains));
            BinSplit::best(at, gains, noise[at])
        })
        .collect();
    // The first of equally good splits, so that the result does not depend on threads.
    splits.into_iter().flatten().reduce(|best, split| if split.gain > best.gain { split } else { best })
}

impl Node {
    /// Adds the gain of each split of a column in this node: two numbers a split, with missing values to the left
    /// and to the right.
    fn add_gains(&self, column: &BinnedColumn, l2: f64, gains: &mut [f64]) {
        let cells = &self.histogram[column.first..column.first + column.bins()];
        let counted = cells.iter().fold([0.0; 2], |sum, &cell| plus(sum, cell));
        if counted[1] <= 0.0 {
            return; // only values of the default bin: nothing to split
        }
        let of_default = minus(self.sums, counted);
        let whole = self.sums[0] * self.sums[0] / (self.sums[1] + l2);
        let gain = |left: GradientSums| {
            let right = minus(self.sums, left);
            // gl²/hl + gr²/hr with one division. Differences may come out a little below 0.
            let (of_left, of_right) = (left[1].max(0.0) + l2, right[1].max(0.0) + l2);
            (left[0] * left[0] * of_right + right[0] * right[0] * of_left) / (of_left * of_right) - whole
        };
        let sums = |bin: usize| if bin == usize::from(column.default_bin) { of_default } else { cells[bin] };
        let missing = if column.missing { sums(column.of_missing()) } else { [0.0; 2] };
        let mut left = [0.0; 2];
        for (bin, gains) in gains.chunks_exact_mut(2).enumerate() {
            left = plus(left, sums(bin));
            gains[0] += gain(plus(left, missing));
            if column.missing {
                gains[1] += gain(left);
            }
        }
    }
}

impl BinSplit {
    /// The best split of a column by the gains of [`Node::add_gains`].
    fn best(at: usize, gains: &[f64], noise: f64) -> Option<Self> {
        // A smaller gain is a rounding error.
        let mut best = Self { gain: 1e-6, column: at, bin: usize::MAX, missing_right: false };
        for (bin, gains) in gains.chunks_exact(2).enumerate() {
            for (missing_right, &gain) in [false, true].into_iter().zip(gains) {
                if gain > best.gain {
                    best = Self { gain, column: at, bin, missing_right };
                }
            }
        }
        (best.bin != usize::MAX).then_some(Self { gain: best.gain * noise, ..best })
    }
}
