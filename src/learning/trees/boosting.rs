//! Grows trees one after another, each on what the ones before got wrong.

use ndarray::Array2;
use rayon::prelude::*;

use super::super::inputs::CLIP;
use super::super::random::Stream;
use super::super::solver::{log_loss, margins_of, probabilities};
use super::binning::{Binned, BinnedColumn};
use super::forest::{Branch, Forest, Tree};

/// How trees are grown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Growth {
    /// Most rounds; a round is a tree a margin.
    pub rounds: usize,
    /// Stop when held-out samples have not got better for so many rounds.
    pub patience: usize,
    /// How much of a tree's answer is added.
    pub rate: f64,
    /// Branches from the root to a leaf.
    pub depth: usize,
    /// Added to the sum of second derivatives of a leaf.
    pub ridge: f64,
    /// Least sum of second derivatives in a leaf.
    pub least: f64,
    /// Share of the inputs that a tree may use.
    pub inputs: f64,
    pub seed: u64,
}

/// What boosting made.
#[derive(Debug)]
pub(crate) struct Boosted {
    pub forest: Forest,
    /// The start of every margin.
    pub bias: Vec<f64>,
    /// Rounds in the forest.
    pub rounds: usize,
    /// The margins of the held-out samples, in the order of [`Binned`]: samples × margins; those of
    /// the samples trained on are of no use.
    pub margins: Array2<f64>,
}

/// Boosts on the samples whose `trained` is set. When some are held out, the rounds after the best
/// for them are dropped.
pub(crate) fn boost(
    binned: &Binned,
    targets: &[usize],
    classes: usize,
    trained: &[bool],
    growth: &Growth,
) -> Boosted {
    debug_assert_eq!(binned.rows, targets.len());
    let width = margins_of(classes);
    let bias = shares(targets, classes, trained);
    let mut margins = Array2::from_shape_fn((binned.rows, width), |(_, margin)| bias[margin]);
    let held_out: Vec<usize> = (0..binned.rows).filter(|&sample| !trained[sample]).collect();
    let mut stream = Stream::new(growth.seed);
    let mut trees: Vec<Tree> = Vec::new();
    let mut best = (f64::INFINITY, 0, margins.clone());

    for round in 1..=growth.rounds {
        let gradients = Gradients::of(&margins, targets, trained);
        for margin in 0..width {
            let used = some_columns(&binned.columns, growth.inputs, &mut stream);
            let grown = grow(&used, gradients.margin(margin), trained, growth, margin);
            for (sample, &leaf) in grown.leaf_of.iter().enumerate() {
                margins[[sample, margin]] += f64::from(grown.tree.leaves[usize::from(leaf)]);
            }
            trees.push(grown.tree);
        }
        if held_out.is_empty() {
            continue;
        }
        let loss = |&sample: &usize| log_loss(margins.row(sample), targets[sample]);
        let loss = held_out.iter().map(loss).sum::<f64>();
        if loss < best.0 {
            best.0 = loss;
            best.1 = round;
            best.2.assign(&margins);
        } else if round - best.1 >= growth.patience {
            break;
        }
    }
    let (rounds, margins) =
        if held_out.is_empty() { (trees.len() / width, margins) } else { (best.1, best.2) };
    trees.truncate(rounds * width);
    Boosted { forest: Forest { depth: growth.depth, trees }, bias, rounds, margins }
}

/// The margins that give every sample the classes' shares.
fn shares(targets: &[usize], classes: usize, trained: &[bool]) -> Vec<f64> {
    let mut counts = vec![0.0_f64; classes];
    targets
        .iter()
        .zip(trained)
        .filter(|(_, trained)| **trained)
        .for_each(|(&target, _)| counts[target] += 1.0);
    let logs: Vec<f64> = counts.iter().map(|&count| count.max(0.5).ln()).collect();
    if classes == 2 { vec![logs[1] - logs[0]] } else { logs }
}

fn some_columns<'a>(columns: &'a [BinnedColumn], share: f64, stream: &mut Stream) -> Vec<&'a BinnedColumn> {
    let mut all: Vec<&BinnedColumn> = columns.iter().collect();
    stream.shuffle(&mut all);
    all.truncate(((columns.len() as f64 * share).ceil() as usize).max(1));
    all
}

/// First and second derivatives of the loss by each margin; zero for samples that are held out.
struct Gradients {
    samples: usize,
    pairs: Vec<[f32; 2]>,
}

impl Gradients {
    fn of(margins: &Array2<f64>, targets: &[usize], trained: &[bool]) -> Self {
        let (samples, width) = margins.dim();
        let mut pairs = vec![[0.0; 2]; samples * width];
        let classes = if width == 1 { 2 } else { width };
        let mut shares = vec![0.0; classes];
        for sample in (0..samples).filter(|&sample| trained[sample]) {
            probabilities(margins.row(sample), &mut shares);
            for margin in 0..width {
                let class = if width == 1 { 1 } else { margin };
                let share = shares[class];
                let truth = f64::from(u8::from(targets[sample] == class));
                // Softmax's diagonal, doubled as usual since the off-diagonal is left out.
                let curvature = share * (1.0 - share) * if width == 1 { 1.0 } else { 2.0 };
                pairs[margin * samples + sample] = [(share - truth) as f32, curvature.max(1e-8) as f32];
            }
        }
        Self { samples, pairs }
    }

    fn margin(&self, margin: usize) -> &[[f32; 2]] {
        &self.pairs[margin * self.samples..(margin + 1) * self.samples]
    }
}

struct Grown {
    tree: Tree,
    leaf_of: Vec<u16>,
}

/// Sums of derivatives.
type Sums = [f64; 2];

/// Above every standardised value, to tell missing from present ones.
const ABOVE_ALL: f32 = CLIP + 1.0;

/// The best cut of one node.
#[derive(Debug, Clone, Copy)]
struct Cut {
    gain: f64,
    column: usize,
    /// Bins up to this one go left.
    bin: usize,
    missing_right: bool,
}

fn grow(
    columns: &[&BinnedColumn],
    gradients: &[[f32; 2]],
    trained: &[bool],
    growth: &Growth,
    margin: usize,
) -> Grown {
    let idle = Branch { input: columns[0].input, threshold: f32::MAX, missing_right: false };
    let mut branches = vec![idle; (1 << growth.depth) - 1];
    // Every sample, held out or not, walks down with the tree.
    let mut node_of: Vec<u16> = vec![0; gradients.len()];
    let mut closed = vec![false];
    for level in 0..growth.depth {
        let nodes = 1 << level;
        let totals = totals(gradients, trained, &node_of, nodes);
        let cuts = best_cuts(columns, gradients, &node_of, &totals, &closed, growth);
        let mut open = vec![true; nodes * 2];
        let mut moves: Vec<Option<(usize, Cut)>> = vec![None; nodes];
        for (node, cut) in cuts.iter().enumerate() {
            if let Some(cut) = cut {
                let column = columns[cut.column];
                branches[nodes - 1 + node] = Branch {
                    input: column.input,
                    threshold: column.thresholds.get(cut.bin).copied().unwrap_or(ABOVE_ALL),
                    missing_right: cut.missing_right,
                };
                moves[node] = Some((cut.column, *cut));
            } else {
                open[2 * node] = false;
                open[2 * node + 1] = false;
            }
        }
        descend(columns, &mut node_of, &moves);
        closed = open.into_iter().map(|open| !open).collect();
        if closed.iter().all(|&closed| closed) {
            // Idle branches lead left down to the leaves.
            let rest = growth.depth - level - 1;
            node_of.iter_mut().for_each(|node| *node <<= rest);
            break;
        }
    }
    let leaves = 1 << growth.depth;
    let sums = totals(gradients, trained, &node_of, leaves);
    let mut values: Vec<f32> = sums
        .iter()
        .map(|[g, h]| if *h > 0.0 { (-growth.rate * g / (h + growth.ridge)) as f32 } else { 0.0 })
        .collect();
    fill_idle_leaves(&branches, &mut values, growth.depth);
    Grown { tree: Tree { branches, leaves: values, margin }, leaf_of: node_of }
}

/// A branch that never goes right leaves empty leaves; they get their neighbour's value so that a
/// runtime which sees a larger number than any threshold answers the same.
fn fill_idle_leaves(branches: &[Branch], leaves: &mut [f32], depth: usize) {
    for level in (0..depth).rev() {
        let nodes = 1_usize << level;
        let span = leaves.len() / nodes;
        for node in 0..nodes {
            let branch = branches[nodes - 1 + node];
            if branch.threshold.total_cmp(&f32::MAX).is_eq() && !branch.missing_right {
                let start = node * span;
                let (left, right) = leaves[start..start + span].split_at_mut(span / 2);
                right.copy_from_slice(left);
            }
        }
    }
}

fn totals(gradients: &[[f32; 2]], trained: &[bool], node_of: &[u16], nodes: usize) -> Vec<Sums> {
    let mut sums = vec![[0.0; 2]; nodes];
    for ((gradient, &node), &trained) in gradients.iter().zip(node_of).zip(trained) {
        if trained {
            let sum = &mut sums[usize::from(node)];
            sum[0] += f64::from(gradient[0]);
            sum[1] += f64::from(gradient[1]);
        }
    }
    sums
}

/// The best cut of each node of a level; `None` for one that is better left alone.
fn best_cuts(
    columns: &[&BinnedColumn],
    gradients: &[[f32; 2]],
    node_of: &[u16],
    totals: &[Sums],
    closed: &[bool],
    growth: &Growth,
) -> Vec<Option<Cut>> {
    let per_column: Vec<Vec<Option<Cut>>> = columns
        .par_iter()
        .enumerate()
        .with_min_len(8)
        .map_init(Vec::new, |histogram: &mut Vec<Sums>, (at, column)| {
            let bins = column.bins();
            histogram.clear();
            histogram.resize(totals.len() * bins, [0.0; 2]);
            for (&sample, &bin) in column.samples.iter().zip(&column.bins) {
                let gradient = gradients[sample as usize];
                let cell = &mut histogram[usize::from(node_of[sample as usize]) * bins + usize::from(bin)];
                cell[0] += f64::from(gradient[0]);
                cell[1] += f64::from(gradient[1]);
            }
            let cut = |(node, cells): (usize, &[Sums])| {
                if closed[node] { None } else { best_cut(at, column, cells, totals[node], growth) }
            };
            histogram.chunks_exact(bins).enumerate().map(cut).collect()
        })
        .collect();
    (0..totals.len())
        .map(|node| {
            let cuts = per_column.iter().filter_map(|cuts| cuts[node]);
            // The first of equal gains, so that the result does not depend on threads.
            cuts.fold(None, |best: Option<Cut>, cut| match best {
                Some(best) if best.gain >= cut.gain => Some(best),
                _ => Some(cut),
            })
        })
        .collect()
}

fn best_cut(at: usize, column: &BinnedColumn, cells: &[Sums], total: Sums, growth: &Growth) -> Option<Cut> {
    let quality = |sums: Sums| sums[0] * sums[0] / (sums[1] + growth.ridge);
    let whole = quality(total);
    let counted = cells.iter().fold([0.0; 2], |sum, &cell| plus(sum, cell));
    let usual = minus(total, counted);
    let sums = |bin: usize| if bin == usize::from(column.usual) { usual } else { cells[bin] };
    let missing = if column.missing { sums(column.thresholds.len() + 1) } else { [0.0; 2] };

    let mut best: Option<Cut> = None;
    let mut left = [0.0; 2];
    // The last bin of values is tried too: it cuts missing from present values.
    for bin in 0..=column.thresholds.len() {
        left = plus(left, sums(bin));
        let only_missing_right = bin == column.thresholds.len();
        for missing_right in [false, true] {
            if (missing_right && !column.missing) || (only_missing_right && !missing_right) {
                continue;
            }
            let left = if missing_right { left } else { plus(left, missing) };
            let right = minus(total, left);
            if left[1] < growth.least || right[1] < growth.least {
                continue;
            }
            let gain = quality(left) + quality(right) - whole;
            if gain > best.map_or(1e-6, |best| best.gain) {
                best = Some(Cut { gain, column: at, bin, missing_right });
            }
        }
    }
    best
}

fn plus(a: Sums, b: Sums) -> Sums {
    [a[0] + b[0], a[1] + b[1]]
}

fn minus(a: Sums, b: Sums) -> Sums {
    [a[0] - b[0], a[1] - b[1]]
}

/// Sends every sample to the left or right child of its node.
fn descend(columns: &[&BinnedColumn], node_of: &mut [u16], moves: &[Option<(usize, Cut)>]) {
    // First as if every cell were usual, then the others are put right.
    let goes_right = |column: &BinnedColumn, cut: &Cut, bin: u8| {
        let of_missing = column.thresholds.len() + 1;
        if usize::from(bin) == of_missing { cut.missing_right } else { usize::from(bin) > cut.bin }
    };
    let usual: Vec<u16> = moves
        .iter()
        .map(|entry| entry.map_or(0, |(at, cut)| u16::from(goes_right(columns[at], &cut, columns[at].usual))))
        .collect();
    let before = node_of.to_vec();
    node_of.iter_mut().for_each(|node| *node = 2 * *node + usual[usize::from(*node)]);
    let mut by_column: Vec<usize> = moves.iter().flatten().map(|&(at, _)| at).collect();
    by_column.sort_unstable();
    by_column.dedup();
    for at in by_column {
        let column = columns[at];
        for (&sample, &bin) in column.samples.iter().zip(&column.bins) {
            let node = before[sample as usize];
            if let Some((cut_column, cut)) = &moves[usize::from(node)]
                && *cut_column == at
            {
                node_of[sample as usize] = 2 * node + u16::from(goes_right(column, cut, bin));
            }
        }
    }
}
