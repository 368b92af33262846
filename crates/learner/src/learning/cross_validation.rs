//! Ways of learning that are compared: each answers samples that it was not
//! shown, so that the best mix of them can be found.

use ndarray::{Array2, Axis};
use rayon::prelude::*;

use super::basis::{Expansion, Plan};
use super::folds::{Split, k_folds, thinned};
use super::logistic::{ALPHAS, Effort, Fitted, Problem, mean_log_loss};
use super::preprocessing::Input;
use super::search_space::{FEW, Recipe, plans, tree_growths};
use super::trees::{Binned, Growth, Roles, boost};
use crate::dataset::Labelled;

/// A recipe and its answers to the compared samples, each given without having learnt from that
/// sample. (Penalties and rounds are chosen on them, so all recipes look a little better than they are.)
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    pub recipe: Recipe,
    /// Compared samples × margins.
    pub margins: Array2<f64>,
    /// Mean log-loss of them.
    pub log_loss: f64,
}

/// What was compared.
pub(crate) struct Comparison {
    /// The class of each compared sample.
    pub targets: Vec<usize>,
    /// How often each sample was compared.
    pub repeats: usize,
    /// Best first; at least one.
    pub candidates: Vec<Candidate>,
}

/// From this many samples on, one part that is held out tells enough.
const ENOUGH_FOR_ONE_FOLD: usize = 10_000;

/// At most this many samples are answered in a comparison, all folds together: beyond it the order
/// of recipes hardly changes.
const MAX_COMPARED: usize = 9_000;

/// And so many of a fold that they take at most this many cells (samples × derived columns),
const MAX_COMPARED_CELLS: usize = 3_000_000;

/// but not less than so many.
const MIN_COMPARED: usize = 200;

/// At most this many cells (samples × derived columns) are shown to a linear recipe in a comparison.
const MAX_SHOWN_CELLS: usize = 1_500_000;

/// But at least this many samples.
const MIN_SHOWN: usize = 500;

/// Lets every recipe that suits so many samples and inputs answer samples that it was not shown.
pub(crate) fn compare(samples: &Labelled, rows: &[u32], inputs: &[Input], seed: u64) -> Comparison {
    let classes = samples.classes().len();
    let row_targets: Vec<u32> = rows.iter().map(|&row| samples.targets()[row as usize]).collect();
    let positions: Vec<u32> = (0..rows.len() as u32).collect();
    // One way of parting few samples tells little: several are tried.
    let (k, repeats) = if rows.len() < FEW { (5, 3) } else { (3, 1) };
    let parted = |repeat: u64| k_folds(&positions, &row_targets, classes, k, seed.wrapping_add(repeat));
    let mut folds: Vec<Split> = (0..repeats).flat_map(parted).collect();
    if rows.len() >= ENOUGH_FOR_ONE_FOLD {
        folds.truncate(1);
    }
    // An input becomes up to about five derived columns, with flags and bends.
    let width = 5 * inputs.len() + 200;
    let most = (MAX_COMPARED / folds.len()).min(MAX_COMPARED_CELLS / width).max(MIN_COMPARED);
    for fold in &mut folds {
        fold.test = thinned(&fold.test, &row_targets, classes, most, seed);
    }
    let question = Question { samples, rows, inputs, folds, row_targets, seed };
    let plans = plans(rows.len(), inputs);

    let growths = tree_growths(rows.len(), inputs.len(), classes, seed);
    let trees = || question.trees(&growths);
    let linear = || -> Vec<Candidate> { plans.into_par_iter().map(|plan| question.linear(plan)).collect() };
    let (trees, mut candidates) = rayon::join(trees, linear);
    candidates.extend(trees);
    candidates.sort_by(|a, b| a.log_loss.total_cmp(&b.log_loss));
    let targets = question.compared().map(|at| question.target(at)).collect();
    Comparison { targets, repeats: repeats as usize, candidates }
}

/// Samples in folds, to be answered by each recipe. Rows are named by their position in `rows`.
struct Question<'a> {
    samples: &'a Labelled,
    rows: &'a [u32],
    inputs: &'a [Input],
    /// What is shown (`train`) and what is compared (`test`).
    folds: Vec<Split>,
    row_targets: Vec<u32>,
    seed: u64,
}

impl Question<'_> {
    /// The compared positions, fold by fold: the order of a candidate's margins.
    fn compared(&self) -> impl Iterator<Item = u32> + '_ {
        self.folds.iter().flat_map(|fold| fold.test.iter().copied())
    }

    fn target(&self, at: u32) -> usize {
        self.row_targets[at as usize] as usize
    }

    fn classes(&self) -> usize {
        self.samples.classes().len()
    }

    fn candidate(&self, recipe: Recipe, margins: &[Array2<f64>]) -> Candidate {
        let views: Vec<_> = margins.iter().map(Array2::view).collect();
        let margins = ndarray::concatenate(Axis(0), &views).expect("folds have equally many margins");
        let targets: Vec<usize> = self.compared().map(|at| self.target(at)).collect();
        let log_loss = mean_log_loss(&margins, &targets);
        Candidate { recipe, margins, log_loss }
    }

    fn trees(&self, growths: &[Growth]) -> Vec<Candidate> {
        if growths.is_empty() {
            return Vec::new();
        }
        let targets: Vec<usize> = self.row_targets.iter().map(|&target| target as usize).collect();
        let binned = Binned::new(self.inputs, self.samples.features(), self.rows);
        growths.par_iter().map(|growth| self.trees_grown(growth, &binned, &targets)).collect()
    }

    fn trees_grown(&self, growth: &Growth, binned: &Binned, targets: &[usize]) -> Candidate {
        let (rounds, margins): (Vec<usize>, Vec<Array2<f64>>) = self
            .folds
            .par_iter()
            .map(|fold| {
                let roles = Roles { learnt: &fold.train, rated: &fold.test };
                let boosted = boost(binned, targets, self.classes(), roles, growth);
                (boosted.rounds, boosted.margins)
            })
            .unzip();
        // All samples carry a few more rounds than the folds' smaller parts.
        let mean = rounds.iter().sum::<usize>() as f64 / rounds.len() as f64;
        let rounds = ((mean * 1.1).round() as usize).max(1);
        self.candidate(Recipe::Trees(Growth { rounds, ..*growth }), &margins)
    }

    /// A linear recipe with the penalty that has the lowest log-loss over the folds.
    fn linear(&self, plan: Plan) -> Candidate {
        let expansion = Expansion::new(self.inputs, plan, self.rows.len(), self.seed);
        let most = (MAX_SHOWN_CELLS / expansion.width().max(1)).max(MIN_SHOWN);
        let design = |positions: &[u32]| {
            let rows: Vec<u32> = positions.iter().map(|&at| self.rows[at as usize]).collect();
            expansion.design(self.inputs, self.samples.features(), &rows)
        };
        let mut folds: Vec<LinearFold> = self
            .folds
            .par_iter()
            .map(|fold| {
                let shown = thinned(&fold.train, &self.row_targets, self.classes(), most, self.seed);
                let targets = shown.iter().map(|&at| self.target(at)).collect();
                let problem = Problem::new(design(&shown), targets, self.classes());
                LinearFold { problem, test: design(&fold.test), last: None }
            })
            .collect();

        let mut best: Option<Candidate> = None;
        let mut worse = 0;
        for alpha in ALPHAS {
            let margins: Vec<Array2<f64>> = folds.par_iter_mut().map(|fold| fold.answer(alpha)).collect();
            let candidate = self.candidate(Recipe::Linear { plan, alpha }, &margins);
            if best.as_ref().is_none_or(|best| candidate.log_loss < best.log_loss) {
                best = Some(candidate);
                worse = 0;
            } else {
                worse += 1;
                if worse == 2 {
                    break;
                }
            }
        }
        best.expect("at least one penalty was tried")
    }
}

/// One fold of a linear recipe.
struct LinearFold {
    problem: Problem,
    test: Array2<f64>,
    last: Option<Fitted>,
}

impl LinearFold {
    /// The margins of the held-out samples with a penalty weaker than the last one.
    fn answer(&mut self, alpha: f64) -> Array2<f64> {
        let fitted = self.problem.fit(alpha, Effort::COMPARING, self.last.as_ref());
        let linear = self.problem.unscaled(&fitted);
        self.last = Some(fitted);
        self.test.dot(&linear.weights) + &linear.bias
    }
}
