//! The candidate learner of linear models: logistic regression on derived columns.
//!
//! Owns which bases and penalties are tried on how many samples. Must not know how a penalised fit is computed
//! ([`super::logistic`]) or what the columns hold ([`super::basis`]).

use ndarray::Array2;
use rayon::prelude::*;

use super::additive_model::AdditiveModel;
use super::basis::{Basis, BasisParams};
use super::folds::thinned;
use super::learner::{Candidate, CrossValidation, FEW_SAMPLES, Hyperparameters, Learner, TrainingSet};
use super::logistic::{ALPHAS, Fitted, Problem, Stopping};
use super::preprocessing::Input;

/// Chooses the penalty of a logistic regression for each compared basis.
pub(super) struct LinearLearner;

/// Logistic regression on a basis, with the L2 penalty `alpha`.
#[derive(Debug, Clone, Copy)]
pub(super) struct LinearParams {
    pub basis: BasisParams,
    pub alpha: f64,
}

/// Random features are tried up to this many samples.
const MAX_SAMPLES_FOR_RANDOM_FEATURES: usize = 20_000;

/// With more inputs, only linear models without hinges and trees are tried, so that memory stays bounded.
const MAX_INPUTS_FOR_HINGES: usize = 2_000;
const MAX_INPUTS_FOR_RANDOM_FEATURES: usize = 500;

/// With at most this many inputs, random features approximate a smooth function closely; the fewer samples there are, the
/// more the mean of many random features reduces the variance.
const FEW_INPUTS: usize = 10;

/// A linear candidate trains on at most this many cells (samples × derived columns) of a fold,
const MAX_TRAIN_CELLS: usize = 1_500_000;

/// but on at least this many samples, if there are as many.
const MIN_TRAIN: usize = 500;

/// The final fit has at most this many cells (samples × derived columns); beyond it a linear model trains on a stratified
/// subsample, and trees on all samples.
const MAX_FINAL_CELLS: usize = 4_000_000;

/// Stop after this many weaker penalties without a lower log-loss.
const EARLY_STOPPING_PENALTIES: usize = 2;

impl Learner for LinearLearner {
    fn parts(&self, folds: &CrossValidation<'_>) -> usize {
        bases(folds.training.rows.len(), folds.training.inputs).len()
    }

    fn cross_validate(&self, folds: &CrossValidation<'_>) -> Vec<Candidate> {
        let bases = bases(folds.training.rows.len(), folds.training.inputs);
        bases.into_par_iter().map(|basis| best_penalty(folds, basis)).collect()
    }
}

impl Hyperparameters for LinearParams {
    fn fit(&self, training: &TrainingSet<'_>) -> AdditiveModel {
        let TrainingSet { samples, rows, inputs, seed, .. } = *training;
        let classes = training.classes();
        let basis = Basis::new(inputs, self.basis, rows.len(), seed);
        let max = MAX_FINAL_CELLS / basis.width().max(1);
        let rows = thinned(rows, samples.targets(), classes, max, seed);
        let design = basis.design(inputs, samples.features(), &rows);
        let targets = rows.iter().map(|&row| samples.targets()[row as usize] as usize).collect();
        let problem = Problem::new(design, targets, classes);
        let linear = problem.unscaled(&problem.fit(self.alpha, Stopping::FINAL, None));
        AdditiveModel { basis, linear, forests: Vec::new() }
    }

    fn describe(&self) -> String {
        let mut columns = vec!["features and missing flags".to_owned()];
        if self.basis.hinges > 0 {
            columns.push(format!("up to {} hinges for each feature", self.basis.hinges));
        }
        if self.basis.random > 0 {
            columns.push(format!("{} random features", self.basis.random));
        }
        format!("logistic regression on {} (L2 penalty {})", columns.join(", "), self.alpha)
    }
}

/// The bases that are compared.
fn bases(rows: usize, inputs: &[Input]) -> Vec<BasisParams> {
    let mut bases = vec![BasisParams { hinges: 0, random: 0 }];
    let hinges = inputs.iter().any(|input| input.levels.len() > 2);
    if hinges && inputs.len() <= MAX_INPUTS_FOR_HINGES {
        bases.push(BasisParams { hinges: 3, random: 0 });
    }
    // More hinges for inputs of many values only, and not where columns would be too many for the samples.
    let continuous = inputs.iter().filter(|input| input.levels.len() > 12).count();
    if continuous > 0 && rows >= 300 && inputs.len() <= 60 {
        bases.push(BasisParams { hinges: 8, random: 0 });
    }
    let combinable = (2..=MAX_INPUTS_FOR_RANDOM_FEATURES).contains(&inputs.len());
    if combinable && rows <= MAX_SAMPLES_FOR_RANDOM_FEATURES {
        let random = match (inputs.len() <= FEW_INPUTS, rows < FEW_SAMPLES) {
            (true, true) => 800,
            (true, false) => 200,
            (false, _) => 100,
        };
        bases.push(BasisParams { hinges: if hinges { 3 } else { 0 }, random });
    }
    bases
}

/// The candidate of a basis with the penalty that has the lowest log-loss over the folds.
fn best_penalty(folds: &CrossValidation<'_>, params: BasisParams) -> Candidate {
    let TrainingSet { samples, rows, inputs, seed, limit } = folds.training;
    let classes = folds.training.classes();
    let basis = Basis::new(inputs, params, rows.len(), seed);
    let max = (MAX_TRAIN_CELLS / basis.width().max(1)).max(MIN_TRAIN);
    let design = |positions: &[u32]| {
        let rows: Vec<u32> = positions.iter().map(|&at| rows[at as usize]).collect();
        basis.design(inputs, samples.features(), &rows)
    };
    let mut fold_fits: Vec<FoldFit> = folds
        .folds
        .par_iter()
        .map(|fold| {
            let train = thinned(&fold.train, &folds.targets, classes, max, seed);
            let targets = train.iter().map(|&at| folds.target(at)).collect();
            let problem = Problem::new(design(&train), targets, classes);
            FoldFit { problem, validation: design(&fold.validation), last: None }
        })
        .collect();

    let mut best: Option<Candidate> = None;
    let mut worse = 0;
    for alpha in ALPHAS {
        if best.is_some() && limit.is_over() {
            break;
        }
        let margins: Vec<Array2<f64>> = fold_fits.par_iter_mut().map(|fold| fold.margins(alpha)).collect();
        let candidate = folds.candidate(LinearParams { basis: params, alpha }, &margins);
        if best.as_ref().is_none_or(|best| candidate.log_loss < best.log_loss) {
            best = Some(candidate);
            worse = 0;
        } else {
            worse += 1;
            if worse == EARLY_STOPPING_PENALTIES {
                break;
            }
        }
    }
    limit.part_done();
    best.expect("at least one penalty was tried")
}

/// The fits of one fold along the path of penalties.
struct FoldFit {
    problem: Problem,
    /// The design of the validation samples.
    validation: Array2<f64>,
    last: Option<Fitted>,
}

impl FoldFit {
    /// The margins of the validation samples, with a penalty weaker than the last one.
    fn margins(&mut self, alpha: f64) -> Array2<f64> {
        let fitted = self.problem.fit(alpha, Stopping::COMPARING, self.last.take());
        let linear = self.problem.unscaled(&fitted);
        self.last = Some(fitted);
        self.validation.dot(&linear.weights) + &linear.bias
    }
}
