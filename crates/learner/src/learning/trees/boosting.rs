//! Boosts trees: each fits the gradients of the loss that the trees before it left.
//!
//! A round adds a tree for each margin. With many classes they share their splits, and only have leaves of their own: that is
//! better (Prokhorenkova et al. 2018), and costs less. Must not know how a tree is grown, nor which hyperparameters are tried.

use std::ops::Range;

use ndarray::Array2;
use rayon::prelude::*;

use super::binning::Binned;
use super::forest::{Forest, Tree};
use super::gradients::{GradientSums, newton_steps, plus};
use super::loss::{Targets, derive};
use super::params::TreeParams;
use super::sketch::sketch;
use super::tree_builder::grow;
use super::tree_structure::TreeStructure;
use crate::learning::additive_model::margin_count;
use crate::learning::folds::Split;
use crate::learning::logistic::prior_margins;
use crate::learning::rng::Stream;
use crate::learning::time_limit::TimeLimit;

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
    limit: &TimeLimit<'_>,
) -> Boosted {
    debug_assert_eq!(binned.rows, targets.len());
    let width = margin_count(classes);
    let bias = prior_margins(split.train.iter().map(|&sample| targets[sample as usize]), classes);
    let mut state = State::new(targets, split, &bias);
    let mut trees: Vec<Tree> = Vec::new();
    let mut stream = Stream::new(params.seed);
    let mut loss = state.derive();
    let mut best = (f64::INFINITY, 0, state.margins_of(&split.validation));

    for round in 1..=params.max_rounds {
        if round > 1 && limit.is_over() {
            break;
        }
        let subsample = subsample(&split.train, params.subsample, &mut stream);
        let random_strength = params.random_strength / (round as f64).sqrt();
        let grow_on = |outputs: &[&[[f32; 2]]], mut stream: Stream| {
            grow(binned, outputs, subsample.clone(), params, random_strength, &mut stream)
        };
        if params.shares_splits {
            let sketched = sketch(&state.derivatives, &mut stream);
            let outputs: Vec<&[[f32; 2]]> = sketched.iter().map(Vec::as_slice).collect();
            let structure = grow_on(&outputs, stream.split());
            trees.extend(state.add_trees(binned, &structure, params, 0..width));
        } else {
            let seeds: Vec<Stream> = (0..width).map(|_| stream.split()).collect();
            let grown = seeds.into_par_iter().zip(&state.derivatives);
            let grown = grown.map(|(stream, derivatives)| grow_on(&[derivatives], stream));
            let grown: Vec<TreeStructure> = grown.collect();
            for (margin, structure) in grown.iter().enumerate() {
                trees.extend(state.add_trees(binned, structure, params, margin..margin + 1));
            }
        }
        if round < params.max_rounds || !split.validation.is_empty() {
            loss = state.derive();
        }
        if split.validation.is_empty() {
            continue;
        }
        if loss < best.0 {
            best = (loss, round, state.margins_of(&split.validation));
        } else if round - best.1 >= params.early_stopping_rounds {
            break;
        }
    }
    let rounds = if split.validation.is_empty() { trees.len() / width } else { best.1 };
    trees.truncate(rounds * width);
    Boosted { forest: Forest { depth: params.depth, trees }, bias, rounds, margins: best.2 }
}

/// About this share of the samples; all of them when none was drawn.
fn subsample(samples: &[u32], share: f64, stream: &mut Stream) -> Vec<u32> {
    if share >= 1.0 {
        return samples.to_vec();
    }
    let drawn: Vec<u32> = samples.iter().copied().filter(|_| stream.uniform() < share).collect();
    if drawn.is_empty() { samples.to_vec() } else { drawn }
}

/// Neighbouring samples that are a task of their own. Their sums are added up in one order on any number of cores.
const PART: usize = 4_096;

/// All samples with their margins after the trees so far: those that are neither in the training part nor in the validation
/// part, too, so that loops run over neighbouring samples.
struct State {
    classes: Vec<u32>,
    /// 1 for the samples of the training part, otherwise 0.
    train: Vec<f32>,
    /// 1 for the samples of the validation part, otherwise 0.
    validation: Vec<f32>,
    /// Margins × samples.
    margins: Vec<Vec<f32>>,
    /// The derivatives of the loss by each margin: margins × samples; zeros for those outside the training part.
    derivatives: Vec<Vec<[f32; 2]>>,
}

impl State {
    fn new(targets: &[usize], split: &Split, bias: &[f64]) -> Self {
        let samples = targets.len();
        let of_part = |part: &[u32]| {
            let mut flags = vec![0.0; samples];
            part.iter().for_each(|&sample| flags[sample as usize] = 1.0);
            flags
        };
        Self {
            classes: targets.iter().map(|&class| class as u32).collect(),
            train: of_part(&split.train),
            validation: of_part(&split.validation),
            margins: bias.iter().map(|&bias| vec![bias as f32; samples]).collect(),
            derivatives: vec![vec![[0.0; 2]; samples]; bias.len()],
        }
    }

    /// Computes the derivatives, and returns the loss of the validation samples.
    fn derive(&mut self) -> f64 {
        let margins: Vec<&[f32]> = self.margins.iter().map(Vec::as_slice).collect();
        let mut by_part: Vec<Vec<&mut [[f32; 2]]>> = Vec::new();
        by_part.resize_with(self.classes.len().div_ceil(PART), Vec::new);
        for derivatives in &mut self.derivatives {
            by_part.iter_mut().zip(derivatives.chunks_mut(PART)).for_each(|(part, chunk)| part.push(chunk));
        }
        let losses = by_part.into_par_iter().enumerate().map(|(part, mut derivatives)| {
            let range = part * PART..self.classes.len().min((part + 1) * PART);
            let margins: Vec<&[f32]> = margins.iter().map(|margins| &margins[range.clone()]).collect();
            let targets = Targets {
                classes: &self.classes[range.clone()],
                train: &self.train[range.clone()],
                validation: &self.validation[range],
            };
            derive(&margins, targets, &mut derivatives)
        });
        losses.collect::<Vec<f64>>().into_iter().sum()
    }

    /// Samples × margins.
    fn margins_of(&self, samples: &[u32]) -> Array2<f64> {
        let dimensions = (samples.len(), self.margins.len());
        Array2::from_shape_fn(dimensions, |(at, margin)| {
            f64::from(self.margins[margin][samples[at] as usize])
        })
    }

    /// Fits the leaves of a tree for each of some margins, and adds it to those of all samples.
    fn add_trees(
        &mut self,
        binned: &Binned,
        structure: &TreeStructure,
        params: &TreeParams,
        to: Range<usize>,
    ) -> Vec<Tree> {
        let samples = self.classes.len();
        let range = |part: usize| -> Range<usize> { part * PART..samples.min((part + 1) * PART) };
        let parts = (0..samples.div_ceil(PART)).into_par_iter().map(|part| {
            let leaves = structure.leaves(binned, range(part));
            let sums = |derivatives: &Vec<[f32; 2]>| leaf_sums(&derivatives[range(part)], &leaves, params);
            let sums: Vec<Vec<GradientSums>> = self.derivatives[to.clone()].iter().map(sums).collect();
            (leaves, sums)
        });
        let parts: Vec<(Vec<u16>, Vec<Vec<GradientSums>>)> = parts.collect();
        let add = |(at, margins): (usize, &mut Vec<f32>)| {
            let mut sums = vec![[0.0; 2]; 1 << params.depth];
            for (_, of_part) in &parts {
                sums.iter_mut().zip(&of_part[at]).for_each(|(sum, &part)| *sum = plus(*sum, part));
            }
            let values = newton_steps(&sums, params);
            for (margins, (leaves, _)) in margins.chunks_mut(PART).zip(&parts) {
                for (margin, &leaf) in margins.iter_mut().zip(leaves) {
                    *margin += values[usize::from(leaf)];
                }
            }
            structure.with_leaves(binned, values, to.start + at)
        };
        self.margins[to.clone()].par_iter_mut().enumerate().map(add).collect()
    }
}

/// The sums of the derivatives in each leaf.
fn leaf_sums(derivatives: &[[f32; 2]], leaves: &[u16], params: &TreeParams) -> Vec<GradientSums> {
    let mut sums = vec![[0.0; 2]; 1 << params.depth];
    for (&leaf, pair) in leaves.iter().zip(derivatives) {
        let sum = &mut sums[usize::from(leaf)];
        *sum = plus(*sum, pair.map(f64::from));
    }
    sums
}
