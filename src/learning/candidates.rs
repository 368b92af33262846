//! Ways of learning that are compared: each answers samples that it was not
//! shown, so that the best mix of them can be found.

use ndarray::{Array2, Axis};
use rayon::prelude::*;

use super::expansion::{Expansion, Plan};
use super::folds::{Split, k_folds, thinned};
use super::inputs::Input;
use super::solver::{ALPHAS, Effort, Fitted, Problem, log_loss, margins_of};
use super::trees::{Binned, Growth, boost};
use crate::dataset::Labelled;

/// A way of learning, with what cross-validation chose for it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Recipe {
    /// Logistic regression on derived columns, with a penalty.
    Linear { plan: Plan, alpha: f64 },
    /// Boosted trees, so many rounds of them.
    Trees(Growth),
}

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
    /// Best first; at least one.
    pub candidates: Vec<Candidate>,
}

/// From this many samples on, one part that is held out tells enough.
const ENOUGH_FOR_ONE_FOLD: usize = 10_000;

/// At most this many samples are answered in a comparison, all folds together: beyond it the order
/// of recipes hardly changes.
const MOST_COMPARED: usize = 9_000;

/// And so many of a fold that they take at most this many cells (samples × derived columns),
const MOST_COMPARED_CELLS: usize = 3_000_000;

/// but not less than so many.
const FEWEST_COMPARED: usize = 200;

/// At most this many cells (samples × derived columns) are shown to a linear recipe in a comparison.
const MOST_SHOWN_CELLS: usize = 1_500_000;

/// But at least this many samples.
const FEWEST_SHOWN: usize = 500;

/// Most trees of a model.
const MOST_TREES: usize = 4_000;

/// Trees are tried from this many samples; below, they never won.
const FEWEST_FOR_TREES: usize = 400;

/// Random features pay up to this many samples.
const MOST_FOR_RANDOM_FEATURES: usize = 20_000;

/// With more inputs straight lines and trees are enough to choose from, and memory stays bounded.
const MOST_INPUTS_TO_BEND: usize = 2_000;
const MOST_INPUTS_TO_COMBINE: usize = 500;

/// With so few inputs a smooth rule between them can be followed closely.
const FEW_INPUTS: usize = 10;

/// Lets every recipe that suits so many samples and inputs answer samples that it was not shown.
pub(crate) fn compare(samples: &Labelled, rows: &[u32], inputs: &[Input], seed: u64) -> Comparison {
    let classes = samples.classes().len();
    let row_targets: Vec<u32> = rows.iter().map(|&row| samples.targets()[row as usize]).collect();
    let positions: Vec<u32> = (0..rows.len() as u32).collect();
    let k = if rows.len() < 500 { 5 } else { 3 };
    let mut folds = k_folds(&positions, &row_targets, classes, k, seed);
    if rows.len() >= ENOUGH_FOR_ONE_FOLD {
        folds.truncate(1);
    }
    // An input becomes up to about five derived columns, with flags and bends.
    let width = 5 * inputs.len() + 200;
    let most = (MOST_COMPARED / folds.len()).min(MOST_COMPARED_CELLS / width).max(FEWEST_COMPARED);
    for fold in &mut folds {
        fold.test = thinned(&fold.test, &row_targets, classes, most, seed);
    }
    let question = Question { samples, rows, inputs, folds, row_targets, seed };
    let plans = plans(rows.len(), inputs);

    let trees = || (rows.len() >= FEWEST_FOR_TREES).then(|| question.trees());
    let linear = || -> Vec<Candidate> { plans.into_par_iter().map(|plan| question.linear(plan)).collect() };
    let (trees, mut candidates) = rayon::join(trees, linear);
    candidates.extend(trees);
    candidates.sort_by(|a, b| a.log_loss.total_cmp(&b.log_loss));
    let targets = question.compared().map(|at| question.target(at)).collect();
    Comparison { targets, candidates }
}

/// The linear recipes worth comparing.
fn plans(rows: usize, inputs: &[Input]) -> Vec<Plan> {
    let mut plans = vec![Plan { hinges: 0, random: 0 }];
    let bends = inputs.iter().any(|input| input.levels.len() > 2);
    if bends && inputs.len() <= MOST_INPUTS_TO_BEND {
        plans.push(Plan { hinges: 3, random: 0 });
    }
    let continuous = inputs.iter().filter(|input| input.levels.len() > 12).count();
    if continuous > 0 && rows >= 300 && inputs.len() <= 60 {
        plans.push(Plan { hinges: 8, random: 0 });
    }
    if (2..=MOST_INPUTS_TO_COMBINE).contains(&inputs.len()) && rows <= MOST_FOR_RANDOM_FEATURES {
        let random = if inputs.len() <= FEW_INPUTS { 200 } else { 100 };
        plans.push(Plan { hinges: if bends { 3 } else { 0 }, random });
    }
    plans
}

/// How trees are grown on so many samples: the more there are, the deeper and the more different from
/// each other. Measured on the recorded, the generated and the OULAD datasets.
fn tree_growth(rows: usize, classes: usize, seed: u64) -> Growth {
    let (depth, rate, inputs) = match rows {
        0..2_000 => (2, 0.1, 1.0),
        2_000..8_000 => (3, 0.08, 0.5),
        _ => (5, 0.1, 0.5),
    };
    // Every class needs a tree a round; the model must stay small enough to be run.
    let rounds = 400.min((MOST_TREES / margins_of(classes)).max(10));
    Growth { rounds, patience: 15, rate, depth, ridge: 2.0, least: 2.0, inputs, seed }
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

    fn trees(&self) -> Candidate {
        let growth = tree_growth(self.rows.len(), self.classes(), self.seed);
        let targets: Vec<usize> = self.row_targets.iter().map(|&target| target as usize).collect();
        let binned = Binned::new(self.inputs, self.samples.features(), self.rows);
        let (rounds, margins): (Vec<usize>, Vec<Array2<f64>>) = self
            .folds
            .par_iter()
            .map(|fold| {
                let mut trained = vec![false; self.rows.len()];
                fold.train.iter().for_each(|&at| trained[at as usize] = true);
                let boosted = boost(&binned, &targets, self.classes(), &trained, &growth);
                let compared: Vec<usize> = fold.test.iter().map(|&at| at as usize).collect();
                (boosted.rounds, boosted.margins.select(Axis(0), &compared))
            })
            .unzip();
        // All samples carry a few more rounds than the folds' smaller parts.
        let mean = rounds.iter().sum::<usize>() as f64 / rounds.len() as f64;
        let rounds = ((mean * 1.1).round() as usize).max(1);
        self.candidate(Recipe::Trees(Growth { rounds, ..growth }), &margins)
    }

    /// A linear recipe with the penalty that has the lowest log-loss over the folds.
    fn linear(&self, plan: Plan) -> Candidate {
        let expansion = Expansion::new(self.inputs, plan, self.rows.len(), self.seed);
        let most = (MOST_SHOWN_CELLS / expansion.width().max(1)).max(FEWEST_SHOWN);
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

/// The mean log-loss of margins, samples × margins.
pub(crate) fn mean_log_loss(margins: &Array2<f64>, targets: &[usize]) -> f64 {
    let sum: f64 = margins.outer_iter().zip(targets).map(|(row, &target)| log_loss(row, target)).sum();
    sum / targets.len().max(1) as f64
}
