//! Grows trees one after another, each on what the ones before got wrong.

use ndarray::Array2;
use rayon::prelude::*;

use super::binning::Binned;
use super::forest::{Forest, Tree};
use super::tree_builder::{Sums, grow, plus};
use crate::learning::logistic::{log_loss, margins_of, probabilities};
use crate::learning::rng::Stream;

/// How trees are grown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Growth {
    /// Most rounds; a round is a tree a margin.
    pub rounds: usize,
    /// Stop when the rated samples have not got better for so many rounds.
    pub patience: usize,
    /// How much of a tree's answer is added.
    pub rate: f64,
    /// Questions that a tree asks.
    pub depth: usize,
    /// Added to the sum of second derivatives of a leaf.
    pub ridge: f64,
    /// Least sum of second derivatives of samples that have a say in the next question.
    pub least: f64,
    /// The share of the samples that a tree is grown on, drawn anew for each (Friedman 2002). What its
    /// leaves answer is then found on all.
    pub shown: f64,
    /// How much the gains of cuts are shaken in the first round, as a share of them; less and less in
    /// later ones.
    pub shaking: f64,
    pub seed: u64,
}

/// Which samples are for what, by their number in a [`Binned`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Roles<'a> {
    /// Those to learn from, ascending.
    pub learnt: &'a [u32],
    /// Those to answer, and to stop on.
    pub rated: &'a [u32],
}

/// What boosting made.
#[derive(Debug)]
pub(crate) struct Boosted {
    pub forest: Forest,
    /// The start of every margin.
    pub bias: Vec<f64>,
    /// Rounds in the forest.
    pub rounds: usize,
    /// The margins of the rated samples: samples × margins.
    pub margins: Array2<f64>,
}

/// Boosts on the samples to learn from; when some are rated, the rounds after the best for them are
/// dropped. `targets` has the class of every sample.
pub(crate) fn boost(
    binned: &Binned,
    targets: &[usize],
    classes: usize,
    roles: Roles<'_>,
    growth: &Growth,
) -> Boosted {
    debug_assert_eq!(binned.rows, targets.len());
    let width = margins_of(classes);
    let bias = shares(targets, classes, roles.learnt);
    let start = |samples: usize| Array2::from_shape_fn((samples, width), |(_, margin)| bias[margin]);
    let mut learnt = Answered { samples: roles.learnt, margins: start(roles.learnt.len()) };
    let mut rated = Answered { samples: roles.rated, margins: start(roles.rated.len()) };
    let mut trees: Vec<Tree> = Vec::new();
    let mut stream = Stream::new(growth.seed);
    let mut best = (f64::INFINITY, 0, rated.margins.clone());

    for round in 1..=growth.rounds {
        let gradients = Gradients::of(&learnt, targets, binned.rows);
        let shown = learnt.some(growth.shown, &mut stream);
        let seeds: Vec<Stream> = (0..width).map(|_| stream.split()).collect();
        let shaking = growth.shaking / (round as f64).sqrt();
        let grown: Vec<Addition> = seeds
            .into_par_iter()
            .enumerate()
            .map(|(margin, mut stream)| {
                let gradients = gradients.margin(margin);
                let grown = grow(binned, gradients, shown.clone(), growth, shaking, &mut stream);
                let leaf_of_learnt = grown.leaves_of(binned, learnt.samples);
                let leaf_of_rated = grown.leaves_of(binned, rated.samples);
                let leaves = leaves(gradients, learnt.samples, &leaf_of_learnt, growth);
                let tree = grown.with_leaves(binned, leaves, margin);
                Addition { tree, leaf_of_learnt, leaf_of_rated }
            })
            .collect();
        for addition in grown {
            learnt.add(&addition.tree, &addition.leaf_of_learnt);
            rated.add(&addition.tree, &addition.leaf_of_rated);
            trees.push(addition.tree);
        }
        if rated.samples.is_empty() {
            continue;
        }
        let loss = rated.log_loss(targets);
        if loss < best.0 {
            best = (loss, round, rated.margins.clone());
        } else if round - best.1 >= growth.patience {
            break;
        }
    }
    let rounds = if rated.samples.is_empty() { trees.len() / width } else { best.1 };
    trees.truncate(rounds * width);
    Boosted { forest: Forest { depth: growth.depth, trees }, bias, rounds, margins: best.2 }
}

/// A tree, and which of its leaves samples reach.
struct Addition {
    tree: Tree,
    leaf_of_learnt: Vec<u16>,
    leaf_of_rated: Vec<u16>,
}

/// Samples and what the trees so far say of them.
struct Answered<'a> {
    samples: &'a [u32],
    /// Samples × margins.
    margins: Array2<f64>,
}

impl Answered<'_> {
    fn add(&mut self, tree: &Tree, leaf_of: &[u16]) {
        for (margin, &leaf) in self.margins.column_mut(tree.margin).iter_mut().zip(leaf_of) {
            *margin += f64::from(tree.leaves[usize::from(leaf)]);
        }
    }

    fn log_loss(&self, targets: &[usize]) -> f64 {
        let part = |(margins, samples): (&[f64], &[u32])| -> f64 {
            let rows = margins.chunks_exact(self.margins.ncols()).zip(samples);
            rows.map(|(row, &sample)| log_loss(row.into(), targets[sample as usize])).sum()
        };
        // Collected, so that parts are summed up in one order on any number of cores.
        let sums: Vec<f64> = self.parts().map(part).collect();
        sums.iter().sum()
    }

    /// Margins and samples in parts that are worth a core's while.
    fn parts(&self) -> impl IndexedParallelIterator<Item = (&[f64], &[u32])> {
        const PART: usize = 2_048;
        let margins = self.margins.as_slice().expect("made row-major");
        margins.par_chunks(PART * self.margins.ncols()).zip(self.samples.par_chunks(PART))
    }

    /// About such a share of the samples, at least one.
    fn some(&self, share: f64, stream: &mut Stream) -> Vec<u32> {
        if share >= 1.0 {
            return self.samples.to_vec();
        }
        let some: Vec<u32> = self.samples.iter().copied().filter(|_| stream.uniform() < share).collect();
        if some.is_empty() { self.samples.to_vec() } else { some }
    }
}

/// The margins that give every sample the classes' shares.
fn shares(targets: &[usize], classes: usize, samples: &[u32]) -> Vec<f64> {
    let mut counts = vec![0.0_f64; classes];
    samples.iter().for_each(|&sample| counts[targets[sample as usize]] += 1.0);
    let logs: Vec<f64> = counts.iter().map(|&count| count.max(0.5).ln()).collect();
    if classes == 2 { vec![logs[1] - logs[0]] } else { logs }
}

/// What each leaf answers: a Newton step on all samples in it.
fn leaves(gradients: &[[f32; 2]], samples: &[u32], leaf_of: &[u16], growth: &Growth) -> Vec<f32> {
    let mut sums: Vec<Sums> = vec![[0.0; 2]; 1 << growth.depth];
    for (&sample, &leaf) in samples.iter().zip(leaf_of) {
        let sum = &mut sums[usize::from(leaf)];
        *sum = plus(*sum, gradients[sample as usize].map(f64::from));
    }
    let answer = |[first, second]: Sums| (-growth.rate * first / (second + growth.ridge)) as f32;
    sums.into_iter().map(answer).collect()
}

/// First and second derivatives of the loss by each margin.
struct Gradients {
    samples: usize,
    /// Margins × samples, of all samples; zeros for those not learnt from.
    pairs: Vec<[f32; 2]>,
}

impl Gradients {
    fn of(learnt: &Answered<'_>, targets: &[usize], samples: usize) -> Self {
        let width = learnt.margins.ncols();
        let classes = if width == 1 { 2 } else { width };
        let part = |(margins, samples): (&[f64], &[u32])| derivatives(margins, samples, targets, classes);
        let of_samples: Vec<[f32; 2]> = learnt.parts().flat_map_iter(part).collect();
        let mut pairs = vec![[0.0; 2]; samples * width];
        for (of_sample, &sample) in of_samples.chunks_exact(width).zip(learnt.samples) {
            for (margin, &pair) in of_sample.iter().enumerate() {
                pairs[margin * samples + sample as usize] = pair;
            }
        }
        Self { samples, pairs }
    }

    fn margin(&self, margin: usize) -> &[[f32; 2]] {
        &self.pairs[margin * self.samples..(margin + 1) * self.samples]
    }
}

/// The derivatives of each margin of each sample.
fn derivatives(margins: &[f64], samples: &[u32], targets: &[usize], classes: usize) -> Vec<[f32; 2]> {
    let width = margins_of(classes);
    let mut shares = vec![0.0; classes];
    let mut pairs = Vec::with_capacity(samples.len() * width);
    for (margins, &sample) in margins.chunks_exact(width).zip(samples) {
        probabilities(margins.into(), &mut shares);
        for margin in 0..width {
            let class = if width == 1 { 1 } else { margin };
            let share = shares[class];
            let truth = f64::from(u8::from(targets[sample as usize] == class));
            // Softmax's diagonal, doubled as usual since the off-diagonal is left out.
            let curvature = share * (1.0 - share) * if width == 1 { 1.0 } else { 2.0 };
            pairs.push([(share - truth) as f32, curvature.max(1e-8) as f32]);
        }
    }
    pairs
}
