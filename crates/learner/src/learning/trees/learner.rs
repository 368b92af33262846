//! The candidate learner of boosted trees.
//!
//! Owns which trees are tried on how many samples. Must not know how they are boosted ([`super::boosting`]).

use ndarray::{Array1, Array2};
use rayon::prelude::*;

use super::binning::{Binned, MAX_INPUTS};
use super::boosting::boost;
use super::params::TreeParams;
use crate::learning::additive_model::{AdditiveModel, margin_count};
use crate::learning::folds::Split;
use crate::learning::learner::{Candidate, CrossValidation, Hyperparameters, Learner, TrainingSet};

/// Chooses the number of boosting rounds for each compared depth.
pub(in crate::learning) struct TreeLearner;

/// The maximum number of trees of a forest.
const MAX_TREES: usize = 4_000;

/// The same where the trees of a round share their splits.
const MAX_TREES_OF_SHARED_SPLITS: usize = 10_000;

/// Trees are tried from this many samples; with fewer, linear models were nearly always better.
const MIN_SAMPLES_FOR_TREES: usize = 150;

/// From this many margins on, the trees of a round have the same splits. On ten and 26 classes that lowered the log-loss by a
/// fifth; with three and four classes it lowered it by 0.6 % and raised it by 0.2 %, and took twice the rounds.
const MIN_MARGINS_FOR_SHARED_SPLITS: usize = 6;

/// With fewer samples of a class, on average, splits for all classes were worse.
const MIN_SAMPLES_FOR_SHARED_SPLITS: usize = 40;

/// Deeper trees are tried from this many samples.
const MIN_SAMPLES_FOR_DEEP_TREES: usize = 400;

impl Learner for TreeLearner {
    fn parts(&self, folds: &CrossValidation<'_>) -> usize {
        tried(folds).len() * folds.folds.len()
    }

    fn cross_validate(&self, folds: &CrossValidation<'_>) -> Vec<Candidate> {
        let TrainingSet { samples, rows, inputs, .. } = folds.training;
        let tried = tried(folds);
        if tried.is_empty() {
            return Vec::new();
        }
        let targets = folds.training.targets();
        let binned = Binned::new(inputs, samples.features(), rows);
        tried.par_iter().map(|params| best_rounds(folds, params, &binned, &targets)).collect()
    }
}

impl Hyperparameters for TreeParams {
    fn fit(&self, training: &TrainingSet<'_>) -> AdditiveModel {
        let binned = Binned::new(training.inputs, training.samples.features(), training.rows);
        let all = Split { train: (0..training.rows.len() as u32).collect(), validation: Vec::new() };
        let boosted = boost(&binned, &training.targets(), training.classes(), &all, self, training.limit);
        let mut model = AdditiveModel::constant(Array1::from(boosted.bias));
        model.forests.push(boosted.forest);
        model
    }

    fn describe(&self) -> String {
        format!("gradient-boosted trees ({} rounds, depth {})", self.max_rounds, self.depth)
    }
}

fn tried(folds: &CrossValidation<'_>) -> Vec<TreeParams> {
    let TrainingSet { inputs, seed, .. } = folds.training;
    tree_params(folds.size, inputs.len(), folds.training.classes(), seed)
}

/// The trees that are tried: shallow ones overfit less, deep ones fit details. The best depth differs from dataset to
/// dataset, so two are tried, and both may become members of the ensemble.
fn tree_params(rows: usize, inputs: usize, classes: usize, seed: u64) -> Vec<TreeParams> {
    if rows < MIN_SAMPLES_FOR_TREES || inputs > MAX_INPUTS {
        return Vec::new();
    }
    // With more than two classes each class needs a tree a round, so there are fewer rounds, of a higher learning rate; and the
    // model must stay small enough to be run.
    let margins = margin_count(classes);
    let shares_splits =
        margins >= MIN_MARGINS_FOR_SHARED_SPLITS && rows >= MIN_SAMPLES_FOR_SHARED_SPLITS * margins;
    let max_trees = if shares_splits { MAX_TREES_OF_SHARED_SPLITS } else { MAX_TREES };
    let max_rounds = 1_000.min((max_trees / margins).max(10));
    let learning_rate = match (classes, rows) {
        (2, 0..25_000) => 0.1,
        // With more samples, fewer rounds suffice: they raised the log-loss by 0.1 to 0.3 % and took two thirds of the time.
        (2, 25_000..100_000) => 0.15,
        (2, _) => 0.2,
        _ => (150.0 / max_rounds as f64).clamp(0.2, 0.5),
    };
    let of_depth = |depth| TreeParams {
        max_rounds,
        early_stopping_rounds: if classes == 2 { 40 } else { 20 },
        learning_rate,
        depth,
        l2: 2.0,
        // Splits for all classes have to separate single ones, too.
        min_hessian: if shares_splits { 0.5 } else { 2.0 },
        subsample: 0.75,
        random_strength: 1.0,
        shares_splits,
        seed,
    };
    match rows {
        0..2_000 => {
            let shallow = of_depth(2);
            let shallow =
                TreeParams { subsample: 1.0, random_strength: 0.0, early_stopping_rounds: 15, ..shallow };
            if rows < MIN_SAMPLES_FOR_DEEP_TREES { vec![shallow] } else { vec![shallow, of_depth(4)] }
        }
        2_000..8_000 => vec![of_depth(4), of_depth(6)],
        _ => vec![of_depth(5), of_depth(8)],
    }
}

/// The candidate of some parameters with the mean of the folds' best numbers of rounds.
fn best_rounds(
    folds: &CrossValidation<'_>,
    params: &TreeParams,
    binned: &Binned,
    targets: &[usize],
) -> Candidate {
    let (rounds, margins): (Vec<usize>, Vec<Array2<f64>>) = folds
        .folds
        .par_iter()
        .map(|fold| {
            let boosted =
                boost(binned, targets, folds.training.classes(), fold, params, folds.training.limit);
            folds.training.limit.part_done();
            (boosted.rounds, boosted.margins)
        })
        .unzip();
    // All samples carry a few more rounds than the folds' smaller parts.
    let mean = rounds.iter().sum::<usize>() as f64 / rounds.len() as f64;
    let max_rounds = ((mean * 1.1).round() as usize).max(1);
    folds.candidate(TreeParams { max_rounds, ..*params }, &margins)
}
