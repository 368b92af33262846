//! Boosts trees: each fits the gradients of the loss that the trees before it left.
//!
//! Must not know how a tree is grown, nor which hyperparameters are tried.

use ndarray::Array2;
use rayon::prelude::*;

use super::binning::Binned;
use super::forest::{Forest, Tree};
use super::gradients::leaf_values;
use super::params::TreeParams;
use super::tree_builder::grow;
use crate::learning::additive_model::margin_count;
use crate::learning::folds::Split;
use crate::learning::logistic::{log_loss, prior_margins, probabilities};
use crate::learning::rng::Stream;

/// The result of boosting.
#[derive(Debug)]
pub(super) struct Boosted {
    pub forest: Forest,
    /// The margins of every sample before the first tree.
    pub bias: Vec<f64>,
    /// Rounds in the forest.
    pub rounds: usize,
    /// The margins of the validation samples: samples × margins.
    pub margins: Array2<f64>,
}

/// Boosts on the training part of `split`; with validation samples, the rounds after the best for them are dropped.
/// The split numbers samples as `binned` does; `targets` has the class of every sample.
pub(super) fn boost(
    binned: &Binned,
    targets: &[usize],
    classes: usize,
    split: &Split,
    params: &TreeParams,
) -> Boosted {
    debug_assert_eq!(binned.rows, targets.len());
    let width = margin_count(classes);
    let bias = prior_margins(split.train.iter().map(|&sample| targets[sample as usize]), classes);
    let start = |samples: usize| Array2::from_shape_fn((samples, width), |(_, margin)| bias[margin]);
    let mut train = SampleMargins { samples: &split.train, margins: start(split.train.len()) };
    let mut validation = SampleMargins { samples: &split.validation, margins: start(split.validation.len()) };
    let mut trees: Vec<Tree> = Vec::new();
    let mut stream = Stream::new(params.seed);
    let mut best = (f64::INFINITY, 0, validation.margins.clone());

    for round in 1..=params.max_rounds {
        let gradients = gradients_of(&train, targets);
        let subsample = train.subsample(params.subsample, &mut stream);
        let seeds: Vec<Stream> = (0..width).map(|_| stream.split()).collect();
        let random_strength = params.random_strength / (round as f64).sqrt();
        // Each tree with the leaves that the samples reach.
        let trees_of_round: Vec<(Tree, Vec<u16>, Vec<u16>)> = seeds
            .into_par_iter()
            .enumerate()
            .map(|(margin, mut stream)| {
                let gradients = gradients.row(margin).to_slice().expect("made row-major");
                let samples = subsample.clone();
                let structure = grow(binned, gradients, samples, params, random_strength, &mut stream);
                let train_leaves = structure.leaves_of(binned, train.samples);
                let validation_leaves = structure.leaves_of(binned, validation.samples);
                let values = leaf_values(gradients, train.samples, &train_leaves, params);
                let tree = structure.with_leaves(binned, values, margin);
                (tree, train_leaves, validation_leaves)
            })
            .collect();
        for (tree, train_leaves, validation_leaves) in trees_of_round {
            train.add(&tree, &train_leaves);
            validation.add(&tree, &validation_leaves);
            trees.push(tree);
        }
        if validation.samples.is_empty() {
            continue;
        }
        let loss = validation.log_loss(targets);
        if loss < best.0 {
            best = (loss, round, validation.margins.clone());
        } else if round - best.1 >= params.early_stopping_rounds {
            break;
        }
    }
    let rounds = if validation.samples.is_empty() { trees.len() / width } else { best.1 };
    trees.truncate(rounds * width);
    Boosted { forest: Forest { depth: params.depth, trees }, bias, rounds, margins: best.2 }
}

/// Samples and their margins after the trees so far.
struct SampleMargins<'a> {
    samples: &'a [u32],
    /// Samples × margins.
    margins: Array2<f64>,
}

impl SampleMargins<'_> {
    fn add(&mut self, tree: &Tree, leaves: &[u16]) {
        for (margin, &leaf) in self.margins.column_mut(tree.margin).iter_mut().zip(leaves) {
            *margin += f64::from(tree.leaves[usize::from(leaf)]);
        }
    }

    fn log_loss(&self, targets: &[usize]) -> f64 {
        let part = |(margins, samples): (&[f64], &[u32])| -> f64 {
            let rows = margins.chunks_exact(self.margins.ncols()).zip(samples);
            rows.map(|(row, &sample)| log_loss(row.into(), targets[sample as usize])).sum()
        };
        // Collected, so that parts are added up in one order on any number of cores.
        let sums: Vec<f64> = self.parts().map(part).collect();
        sums.iter().sum()
    }

    /// Margins and samples in parts that are large enough for parallel tasks.
    fn parts(&self) -> impl IndexedParallelIterator<Item = (&[f64], &[u32])> {
        const PART: usize = 2_048;
        let margins = self.margins.as_slice().expect("made row-major");
        margins.par_chunks(PART * self.margins.ncols()).zip(self.samples.par_chunks(PART))
    }

    /// About this share of the samples; all of them when none was drawn.
    fn subsample(&self, share: f64, stream: &mut Stream) -> Vec<u32> {
        if share >= 1.0 {
            return self.samples.to_vec();
        }
        let drawn: Vec<u32> = self.samples.iter().copied().filter(|_| stream.uniform() < share).collect();
        if drawn.is_empty() { self.samples.to_vec() } else { drawn }
    }
}

/// The derivatives of the loss by each margin: margins × all samples; zeros for those outside the training part.
fn gradients_of(train: &SampleMargins<'_>, targets: &[usize]) -> Array2<[f32; 2]> {
    let width = train.margins.ncols();
    let part = |(margins, samples): (&[f64], &[u32])| derivatives(margins, samples, targets, width);
    let of_samples: Vec<[f32; 2]> = train.parts().flat_map_iter(part).collect();
    let mut gradients = Array2::from_elem((width, targets.len()), [0.0; 2]);
    for (of_sample, &sample) in of_samples.chunks_exact(width).zip(train.samples) {
        for (margin, &pair) in of_sample.iter().enumerate() {
            gradients[[margin, sample as usize]] = pair;
        }
    }
    gradients
}

/// The derivatives of each margin of each sample.
fn derivatives(margins: &[f64], samples: &[u32], targets: &[usize], width: usize) -> Vec<[f32; 2]> {
    let mut shares = vec![0.0; width.max(2)];
    let mut pairs = Vec::with_capacity(samples.len() * width);
    for (margins, &sample) in margins.chunks_exact(width).zip(samples) {
        probabilities(margins.into(), &mut shares);
        for margin in 0..width {
            let class = if width == 1 { 1 } else { margin };
            let share = shares[class];
            let truth = f64::from(u8::from(targets[sample as usize] == class));
            // The diagonal of softmax's Hessian, doubled as in XGBoost because the off-diagonal is left out.
            let curvature = share * (1.0 - share) * if width == 1 { 1.0 } else { 2.0 };
            pairs.push([(share - truth) as f32, curvature.max(1e-8) as f32]);
        }
    }
    pairs
}
