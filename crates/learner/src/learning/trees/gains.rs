//! The gain of each split of each column, summed over all nodes of a level, and the best split.
//!
//! The loops run over all bins of neighbouring columns, so that the compiler vectorises them. Must not know how histograms
//! are made.

use std::ops::Range;

use rayon::prelude::*;

use super::binning::{Binned, BinnedColumn};
use super::gradients::{first_of, second_of};
use super::histogram::Histogram;
use super::tree_structure::BinSplit;

/// What the gains of one node depend on.
pub(super) struct NodeSums<'a> {
    pub histogram: &'a Histogram,
    /// The sum of all its samples.
    pub sum: i64,
}

/// Parallel parts have at least this many bins, all nodes together.
const MIN_PART: usize = 65_536;

/// The split that gains most over all nodes of a level; `None` when none gains anything.
///
/// `l2` is in units of second derivatives; `unit` is the gain of one unit. The gain of each column is multiplied by `noise`.
pub(super) fn best_split(
    binned: &Binned,
    nodes: &[NodeSums<'_>],
    l2: f32,
    unit: f64,
    noise: &[f64],
) -> Option<BinSplit> {
    let whole: f32 = nodes.iter().map(|node| score(node.sum, l2)).sum();
    // A smaller gain is a rounding error.
    let least = (f64::from(whole) * 1e-6).max(1e-6 / unit) as f32;
    let bests = parts(binned, nodes.len()).into_par_iter().map(|part| {
        let gains = Gains::of(binned, part.clone(), nodes, l2);
        part.filter_map(|at| gains.best(at, &binned.columns[at], least, noise[at])).reduce(better)
    });
    let bests: Vec<Option<BinSplit>> = bests.collect();
    let best = bests.into_iter().flatten().reduce(better)?;
    Some(BinSplit { gain: best.gain * unit, ..best })
}

/// The better one; the first of equally good ones, so that the result does not depend on threads.
fn better(best: BinSplit, split: BinSplit) -> BinSplit {
    if split.gain > best.gain { split } else { best }
}

/// Neighbouring columns for one task each.
fn parts(binned: &Binned, nodes: usize) -> Vec<Range<usize>> {
    let all = binned.total * nodes;
    let count = (all / MIN_PART).clamp(1, rayon::current_num_threads());
    let mut parts = Vec::with_capacity(count);
    let mut start = 0;
    for part in 1..=count {
        let bound = binned.total * part / count;
        let end = binned.columns.partition_point(|column| column.first + column.bins() <= bound);
        parts.push(start..end);
        start = end;
    }
    parts
}

/// Σ first² / (Σ second + l2)
fn score(sum: i64, l2: f32) -> f32 {
    let first = first_of(sum) as f32;
    first * first / (second_of(sum) as f32 + l2)
}

/// The gains of neighbouring columns after each of their bins, in units.
struct Gains {
    /// The number of bins of the columns before them.
    offset: usize,
    /// With missing values to the right, or without any.
    right: Vec<f32>,
    /// With missing values to the left; only in columns that have some.
    left: Vec<f32>,
}

impl Gains {
    fn of(binned: &Binned, columns: Range<usize>, nodes: &[NodeSums<'_>], l2: f32) -> Self {
        let columns = &binned.columns[columns];
        let offset = columns.first().map_or(0, |column| column.first);
        let bins = columns.last().map_or(0, |column| column.first + column.bins() - offset);
        let mut gains = Self { offset, right: vec![0.0; bins], left: vec![0.0; bins] };
        let mut sums = [vec![0; bins], vec![0; bins]];
        for node in nodes {
            gains.add(columns, node, l2, &mut sums);
        }
        gains
    }

    /// Adds the gains in one node; `sums` is memory for the sums of the bins to the left.
    fn add(&mut self, columns: &[BinnedColumn], node: &NodeSums<'_>, l2: f32, sums: &mut [Vec<i64>; 2]) {
        let [right, left] = sums;
        let mut run = Run::default();
        let mut run_with_missing = Run::default();
        for column in columns {
            let bins = &node.histogram[column.first..column.first + column.bins()];
            if bins[usize::from(column.default_bin)] == node.sum {
                continue; // only values of the default bin: nothing to split
            }
            let at = column.first - self.offset;
            let range = at..at + bins.len();
            cumulate(bins, 0, &mut right[range.clone()]);
            if let Some(done) = run.extended(range.clone()) {
                add_gains(&right[done.clone()], node.sum, l2, &mut self.right[done]);
            }
            if column.missing {
                cumulate(bins, bins[bins.len() - 1], &mut left[range.clone()]);
                if let Some(done) = run_with_missing.extended(range) {
                    add_gains(&left[done.clone()], node.sum, l2, &mut self.left[done]);
                }
            }
        }
        add_gains(&right[run.0.clone()], node.sum, l2, &mut self.right[run.0]);
        let last = run_with_missing.0;
        add_gains(&left[last.clone()], node.sum, l2, &mut self.left[last]);
    }

    /// The best split of a column.
    fn best(&self, at: usize, column: &BinnedColumn, least: f32, noise: f64) -> Option<BinSplit> {
        let first = column.first - self.offset;
        let range = first..first + column.splits();
        let (mut best, mut found) = (least, None);
        for (bin, (&right, &left)) in self.right[range.clone()].iter().zip(&self.left[range]).enumerate() {
            if column.missing && left > best {
                (best, found) = (left, Some((bin, false)));
            }
            if right > best {
                (best, found) = (right, Some((bin, column.missing)));
            }
        }
        let (bin, missing_right) = found?;
        Some(BinSplit { gain: f64::from(best) * noise, column: at, bin, missing_right })
    }
}

/// Neighbouring bins whose gains are computed in one loop.
#[derive(Default)]
struct Run(Range<usize>);

impl Run {
    /// Adds bins; returns the bins so far when these do not follow them.
    fn extended(&mut self, range: Range<usize>) -> Option<Range<usize>> {
        if self.0.end == range.start {
            self.0.end = range.end;
            return None;
        }
        let done = std::mem::replace(&mut self.0, range);
        (!done.is_empty()).then_some(done)
    }
}

/// The sums of all bins up to each bin, starting with `sum`.
fn cumulate(bins: &[i64], mut sum: i64, sums: &mut [i64]) {
    for (cumulated, bin) in sums.iter_mut().zip(bins) {
        sum += bin;
        *cumulated = sum;
    }
}

/// Adds the gain of a split after each bin, from the sums of the bins to its left. What a column's last bin gets has no
/// meaning.
fn add_gains(sums: &[i64], whole: i64, l2: f32, gains: &mut [f32]) {
    let (first, second) = (first_of(whole), second_of(whole));
    let of_whole = score(whole, l2);
    for (gain, &left) in gains.iter_mut().zip(sums) {
        let (left_first, left_second) = (first_of(left), second_of(left));
        let right_first = first.wrapping_sub(left_first) as f32;
        let right_second = second.wrapping_sub(left_second) as f32 + l2;
        let (left_first, left_second) = (left_first as f32, left_second as f32 + l2);
        // gl²/hl + gr²/hr with one division.
        let both = left_first * left_first * right_second + right_first * right_first * left_second;
        *gain += both / (left_second * right_second) - of_whole;
    }
}
