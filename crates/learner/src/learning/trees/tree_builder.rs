//! Grows one symmetric tree, question by question.
//!
//! All nodes of a level are parted by the same question: such trees follow noise
//! less than free ones, and are quick to answer (Kohavi 1994; Prokhorenkova et al.
//! 2018). Derivatives are summed up by bin. Of a node's two children only the
//! smaller one is gone through: what it leaves of the parent's sums is the other's
//! (Ke et al. 2017).

use rayon::prelude::*;

use super::binning::{Binned, BinnedColumn};
use super::boosting::Growth;
use super::forest::{Question, Tree};
use crate::learning::preprocessing::CLIP;
use crate::learning::rng::Stream;

/// Sums of first and second derivatives.
pub(super) type Sums = [f64; 2];

/// A tree that does not know yet what its leaves answer.
#[derive(Debug)]
pub(super) struct Grown {
    cuts: Vec<Cut>,
    depth: usize,
}

/// What parts the samples of a level.
#[derive(Debug, Clone, Copy)]
struct Cut {
    gain: f64,
    column: usize,
    /// Values in bins up to this one go left.
    bin: usize,
    missing_right: bool,
}

/// Samples that have answered all questions alike so far.
struct Node {
    samples: Vec<u32>,
    sums: Sums,
    /// The sums of each bin of each column; those of usual bins are left out.
    histogram: Vec<Sums>,
}

/// Grows a tree on the `shown` samples, by the derivatives of all samples.
///
/// On every level the gain of each column is shaken anew: `shaking` is the standard deviation of
/// that, as a share of the gain.
pub(super) fn grow(
    binned: &Binned,
    gradients: &[[f32; 2]],
    shown: Vec<u32>,
    growth: &Growth,
    shaking: f64,
    stream: &mut Stream,
) -> Grown {
    let histogram = histogram(binned, gradients, &shown);
    let mut nodes = vec![Node { sums: summed(gradients, &shown), samples: shown, histogram }];
    let mut cuts = Vec::with_capacity(growth.depth);
    while cuts.len() < growth.depth {
        let shaken: Vec<f64> = binned.columns.iter().map(|_| 1.0 + shaking * stream.normal()).collect();
        let Some(cut) = best_cut(binned, &nodes, growth.ridge, &shaken) else { break };
        cuts.push(cut);
        if cuts.len() < growth.depth {
            let parted = nodes.into_par_iter().map(|node| node.cut(cut, binned, gradients));
            let parted: Vec<[Node; 2]> = parted.collect();
            // What is too small to be a leaf of its own has no say in further questions.
            let large = |node: &Node| node.sums[1] >= growth.least;
            nodes = parted.into_iter().flatten().filter(large).collect();
        }
    }
    Grown { cuts, depth: growth.depth }
}

impl Node {
    /// Parts its samples into left and right.
    fn cut(self, cut: Cut, binned: &Binned, gradients: &[[f32; 2]]) -> [Self; 2] {
        let right = cut.bins_right(&binned.columns[cut.column]);
        let bins = binned.column(cut.column);
        let (right, left): (Vec<u32>, Vec<u32>) =
            self.samples.iter().partition(|&&sample| right >> bins[sample as usize] & 1 == 1);
        let (smaller, larger) = if left.len() < right.len() { (left, right) } else { (right, left) };
        if smaller.is_empty() {
            let nobody = Self { samples: smaller, sums: [0.0; 2], histogram: Vec::new() };
            return [Self { samples: larger, ..self }, nobody];
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

impl Grown {
    /// The leaf that each of some samples reaches.
    pub(super) fn leaves_of(&self, binned: &Binned, samples: &[u32]) -> Vec<u16> {
        let steps: Vec<(&[u8], u64)> = self
            .cuts
            .iter()
            .map(|cut| (binned.column(cut.column), cut.bins_right(&binned.columns[cut.column])))
            .collect();
        let idle = self.depth - steps.len();
        let leaf_of = |&sample: &u32| {
            let right = |(bins, right): &(&[u8], u64)| right >> bins[sample as usize] & 1;
            (steps.iter().fold(0, |leaf, step| 2 * leaf + right(step)) << idle) as u16
        };
        samples.par_iter().with_min_len(4_096).map(leaf_of).collect()
    }

    /// The tree, once it is known what its leaves answer.
    pub(super) fn with_leaves(self, binned: &Binned, leaves: Vec<f32>, margin: usize) -> Tree {
        // Where nothing was left to ask: never yes.
        let idle = Question { input: binned.columns[0].input, threshold: f32::MAX, yes_if_missing: false };
        let question = |cut: Cut| {
            let column = &binned.columns[cut.column];
            let threshold = column.thresholds.get(cut.bin).copied().unwrap_or(ABOVE_ALL);
            Question { input: column.input, threshold, yes_if_missing: cut.missing_right }
        };
        let mut questions: Vec<Question> = self.cuts.into_iter().map(question).collect();
        questions.resize(self.depth, idle);
        Tree { questions, leaves, margin }
    }
}

impl Cut {
    /// A bit a bin of its column, set where samples go right.
    fn bins_right(self, column: &BinnedColumn) -> u64 {
        let of_missing = column.of_missing();
        let right = |&bin: &usize| if bin == of_missing { self.missing_right } else { bin > self.bin };
        (0..=of_missing).filter(right).fold(0, |bits, bin| bits | 1 << bin)
    }
}

/// Above every standardised value, to tell missing from present ones.
const ABOVE_ALL: f32 = CLIP + 1.0;

/// A histogram is summed up in parts of at least so many samples, and in at most so many parts. Neither
/// depends on the number of cores, and so the result does not.
const MIN_OF_A_PART: usize = 8_192;
const MAX_PARTS: usize = 8;

/// The sums of each bin of each column over some samples; those of usual bins are left out.
fn histogram(binned: &Binned, gradients: &[[f32; 2]], samples: &[u32]) -> Vec<Sums> {
    let part = MIN_OF_A_PART.max(samples.len().div_ceil(MAX_PARTS));
    let parts: Vec<Vec<Sums>> = samples
        .par_chunks(part)
        .map(|samples| {
            let mut sums = vec![[0.0; 2]; binned.total];
            for &sample in samples {
                let [first, second] = gradients[sample as usize].map(f64::from);
                for &cell in binned.cells(sample) {
                    let sum = &mut sums[usize::from(cell)];
                    sum[0] += first;
                    sum[1] += second;
                }
            }
            sums
        })
        .collect();
    let mut parts = parts.into_iter();
    let mut all = parts.next().unwrap_or_else(|| vec![[0.0; 2]; binned.total]);
    for part in parts {
        all.iter_mut().zip(part).for_each(|(sum, part)| *sum = plus(*sum, part));
    }
    all
}

fn summed(gradients: &[[f32; 2]], samples: &[u32]) -> Sums {
    samples.iter().fold([0.0; 2], |sum, &sample| plus(sum, gradients[sample as usize].map(f64::from)))
}

/// The cut that gains most over all nodes of a level; `None` when none gains anything.
fn best_cut(binned: &Binned, nodes: &[Node], ridge: f64, shaken: &[f64]) -> Option<Cut> {
    let cuts: Vec<Option<Cut>> = binned
        .columns
        .par_iter()
        .enumerate()
        .with_min_len(16)
        .map_init(Vec::new, |gains, (at, column)| {
            gains.clear();
            gains.resize(2 * column.cuts(), 0.0);
            nodes.iter().for_each(|node| node.add_gains(column, ridge, gains));
            Cut::best(at, gains, shaken[at])
        })
        .collect();
    // The first of the best, so that the result does not depend on threads.
    cuts.into_iter().flatten().reduce(|best, cut| if cut.gain > best.gain { cut } else { best })
}

impl Node {
    /// Adds what each cut of a column gains here: two numbers a cut, with missing values to the left
    /// and to the right.
    fn add_gains(&self, column: &BinnedColumn, ridge: f64, gains: &mut [f64]) {
        let cells = &self.histogram[column.first..column.first + column.bins()];
        let counted = cells.iter().fold([0.0; 2], |sum, &cell| plus(sum, cell));
        if counted[1] <= 0.0 {
            return; // only usual values: nothing to part
        }
        let usual = minus(self.sums, counted);
        let whole = self.sums[0] * self.sums[0] / (self.sums[1] + ridge);
        let gain = |left: Sums| {
            let right = minus(self.sums, left);
            // gl²/hl + gr²/hr with one division. Differences may come out a little below 0.
            let (of_left, of_right) = (left[1].max(0.0) + ridge, right[1].max(0.0) + ridge);
            (left[0] * left[0] * of_right + right[0] * right[0] * of_left) / (of_left * of_right) - whole
        };
        let sums = |bin: usize| if bin == usize::from(column.usual) { usual } else { cells[bin] };
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

impl Cut {
    /// The best cut of a column by what each gains, as [`Node::add_gains`] has it.
    fn best(at: usize, gains: &[f64], shaken: f64) -> Option<Self> {
        // Less is nothing but rounding.
        let mut best = Self { gain: 1e-6, column: at, bin: usize::MAX, missing_right: false };
        for (bin, gains) in gains.chunks_exact(2).enumerate() {
            for (missing_right, &gain) in [false, true].into_iter().zip(gains) {
                if gain > best.gain {
                    best = Self { gain, column: at, bin, missing_right };
                }
            }
        }
        (best.bin != usize::MAX).then_some(Self { gain: best.gain * shaken, ..best })
    }
}

pub(super) fn plus(a: Sums, b: Sums) -> Sums {
    [a[0] + b[0], a[1] + b[1]]
}

fn minus(a: Sums, b: Sums) -> Sums {
    [a[0] - b[0], a[1] - b[1]]
}
