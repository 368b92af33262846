//! Grows one symmetric tree, split by split.
//!
//! All nodes of a level have the same split: such trees overfit less than others, and are quick to evaluate (Kohavi 1994;
//! Prokhorenkova et al. 2018). Derivatives are added up by bin. Of a node's two children only the smaller one is visited:
//! the parent's histogram minus its own is the other's (Ke et al. 2017). Must not know the loss.

use rayon::prelude::*;

use super::binning::Binned;
use super::gains::{NodeSums, best_split};
use super::gradients::{Quantised, second_of};
use super::histogram::{Histogram, histogram, subtract};
use super::params::TreeParams;
use super::tree_structure::{BinSplit, TreeStructure};
use crate::learning::rng::Stream;

/// The samples that took the same directions at all splits so far.
struct Node {
    samples: Vec<u32>,
    /// One for each output.
    outputs: Vec<OutputSums>,
}

/// The derivatives by one output.
struct OutputSums {
    sum: i64,
    histogram: Histogram,
}

/// Grows a tree on `samples` whose splits gain most over all of some outputs; `gradients` has the derivatives of all samples
/// by each.
///
/// On every level the gain of each column is multiplied by new noise around 1, whose standard deviation is
/// `random_strength`.
pub(super) fn grow(
    binned: &Binned,
    gradients: &[&[[f32; 2]]],
    samples: Vec<u32>,
    params: &TreeParams,
    random_strength: f64,
    stream: &mut Stream,
) -> TreeStructure {
    let quantised = Quantised::new(gradients, &samples);
    let [first_scale, second_scale] = quantised.scale;
    let l2 = (params.l2 * second_scale) as f32;
    let unit = second_scale / (first_scale * first_scale);
    let mut nodes = vec![Node { outputs: sums_of(binned, &quantised, &samples), samples }];
    let mut splits = Vec::with_capacity(params.depth);
    while splits.len() < params.depth {
        let noise: Vec<f64> =
            binned.columns.iter().map(|_| 1.0 + random_strength * stream.normal()).collect();
        let sums = nodes.iter().flat_map(|node| &node.outputs);
        let sums: Vec<NodeSums<'_>> =
            sums.map(|output| NodeSums { histogram: &output.histogram, sum: output.sum }).collect();
        let Some(split) = best_split(binned, &sums, l2, unit, &noise) else { break };
        splits.push(split);
        if splits.len() < params.depth {
            let children = nodes.into_par_iter().map(|node| node.split(split, binned, &quantised));
            let children: Vec<[Node; 2]> = children.collect();
            // A node that is too small to be a leaf of its own does not count in further splits.
            let min = params.min_hessian * second_scale;
            let large =
                |node: &Node| node.outputs.iter().any(|output| f64::from(second_of(output.sum)) >= min);
            nodes = children.into_iter().flatten().filter(large).collect();
        }
    }
    TreeStructure { splits, depth: params.depth }
}

/// The sums of some samples.
fn sums_of(binned: &Binned, quantised: &Quantised, samples: &[u32]) -> Vec<OutputSums> {
    let of_output = |packed: &Vec<i64>| {
        let sum = samples.iter().map(|&sample| packed[sample as usize]).sum();
        OutputSums { sum, histogram: histogram(binned, packed, samples, sum) }
    };
    quantised.outputs.iter().map(of_output).collect()
}

impl Node {
    /// Its children, the smaller one last.
    fn split(self, split: BinSplit, binned: &Binned, quantised: &Quantised) -> [Self; 2] {
        let (left, right) = self.partition(split, binned);
        let (smaller, larger) = if left.len() < right.len() { (left, right) } else { (right, left) };
        if smaller.is_empty() {
            return [Self { samples: larger, ..self }, Self { samples: smaller, outputs: Vec::new() }];
        }
        let of_smaller = sums_of(binned, quantised, &smaller);
        let mut of_larger = self.outputs;
        for (sums, others) in of_larger.iter_mut().zip(&of_smaller) {
            sums.sum -= others.sum;
            subtract(&mut sums.histogram, &others.histogram);
        }
        [Self { samples: larger, outputs: of_larger }, Self { samples: smaller, outputs: of_smaller }]
    }

    /// The samples that go left, and those that go right.
    fn partition(&self, split: BinSplit, binned: &Binned) -> (Vec<u32>, Vec<u32>) {
        let right_bins = split.right_bins(&binned.columns[split.column]);
        let bins = binned.column(split.column);
        // Both are written and one is kept: no branch depends on the sample.
        let (mut left, mut right) = (vec![0; self.samples.len()], vec![0; self.samples.len()]);
        let (mut lefts, mut rights) = (0, 0);
        for &sample in &self.samples {
            let is_right = usize::from(right_bins.contains(bins[sample as usize]));
            left[lefts] = sample;
            right[rights] = sample;
            lefts += 1 - is_right;
            rights += is_right;
        }
        left.truncate(lefts);
        right.truncate(rights);
        (left, right)
    }
}
