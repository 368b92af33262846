//! Chooses a recipe and the strength of its penalty by cross-validated log-loss.

use ndarray::{Array2, Axis, ShapeBuilder};
use rayon::prelude::*;

use super::expansion::{Expansion, Plan};
use super::folds::{Split, k_folds, thinned};
use super::inputs::Input;
use super::solver::{Fitted, Problem, log_loss};
use crate::dataset::Labelled;

/// A recipe of a linear model.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Choice {
    pub plan: Plan,
    pub alpha: f64,
    /// Mean log-loss on samples that were held out; `None` when there were too few to hold out any.
    pub log_loss: Option<f64>,
}

/// Cross-validation says little below this many samples; a fixed penalty does better.
const FEWEST_TO_CROSS_VALIDATE: usize = 50;

/// Recipes are compared on at most this many samples: beyond it their order hardly changes.
const MOST_TO_CROSS_VALIDATE: usize = 5_000;

/// Random features pay up to this many samples.
const MOST_FOR_RANDOM_FEATURES: usize = 20_000;

/// Penalties from strong to weak: each fit starts from the one before it.
const ALPHAS: [f64; 9] = [1000.0, 300.0, 100.0, 30.0, 10.0, 3.0, 1.0, 0.3, 0.1];

/// How far fits may stay from their optimum while recipes are compared, in mean log-loss.
const CROSS_VALIDATION_GAP: f64 = 1e-5;

/// Chooses among the recipes that suit so many samples and inputs, best first.
pub(crate) fn choose(samples: &Labelled, rows: &[u32], inputs: &[Input], seed: u64) -> Vec<Choice> {
    let classes = samples.classes().len();
    let mut counts = vec![0_usize; classes];
    rows.iter().for_each(|&row| counts[samples.targets()[row as usize] as usize] += 1);
    let rarest = counts.iter().copied().filter(|&count| count > 0).min().unwrap_or(0);
    if rows.len() < FEWEST_TO_CROSS_VALIDATE || rarest < 4 {
        let plan = Plan { hinges: 3, random: 0 };
        return vec![Choice { plan, alpha: 1.0, log_loss: None }];
    }

    let k = if rows.len() < 1_000 { 5 } else { 3 };
    let compared = thinned(rows, samples.targets(), classes, MOST_TO_CROSS_VALIDATE, seed);
    // Folds by position among the compared rows, which is how a design's rows are numbered.
    let targets: Vec<u32> = compared.iter().map(|&row| samples.targets()[row as usize]).collect();
    let positions: Vec<u32> = (0..compared.len() as u32).collect();
    let folds = k_folds(&positions, &targets, classes, k, seed);

    let mut choices: Vec<Choice> = plans(rows.len(), inputs)
        .into_par_iter()
        .map(|plan| {
            let expansion = Expansion::new(inputs, plan, rows.len(), seed);
            let design = expansion.design(inputs, samples.features(), &compared);
            let (alpha, loss) = best_alpha(&design, &targets, classes, &folds);
            Choice { plan, alpha, log_loss: Some(loss) }
        })
        .collect();
    choices.sort_by(|a, b| a.log_loss.unwrap_or(f64::MAX).total_cmp(&b.log_loss.unwrap_or(f64::MAX)));
    choices
}

/// The recipes worth comparing.
fn plans(rows: usize, inputs: &[Input]) -> Vec<Plan> {
    let mut plans = vec![Plan { hinges: 0, random: 0 }];
    let bends = inputs.iter().any(|input| input.levels.len() > 2);
    if bends {
        plans.push(Plan { hinges: 3, random: 0 });
    }
    let many_levels = inputs.iter().any(|input| input.levels.len() > 12);
    if bends && many_levels && rows >= 300 && inputs.len() <= 200 {
        plans.push(Plan { hinges: 8, random: 0 });
    }
    if inputs.len() > 1 && rows <= MOST_FOR_RANDOM_FEATURES {
        plans.push(Plan { hinges: if bends { 3 } else { 0 }, random: 100 });
    }
    plans
}

/// The penalty with the lowest mean log-loss over the folds, and that loss.
fn best_alpha(design: &Array2<f64>, targets: &[u32], classes: usize, folds: &[Split]) -> (f64, f64) {
    struct Fold<'a> {
        problem: Problem,
        test: Array2<f64>,
        split: &'a Split,
        last: Option<Fitted>,
    }
    let mut folds: Vec<Fold<'_>> = folds
        .par_iter()
        .map(|split| {
            let classes_of = split.train.iter().map(|&row| targets[row as usize] as usize).collect();
            let problem = Problem::new(rows_of(design, &split.train), classes_of, classes);
            Fold { problem, test: rows_of(design, &split.test), split, last: None }
        })
        .collect();

    let mut best = (ALPHAS[0], f64::INFINITY);
    let mut worse = 0;
    for alpha in ALPHAS {
        let loss: f64 = folds
            .par_iter_mut()
            .map(|fold| {
                let fitted = fold.problem.fit(alpha, CROSS_VALIDATION_GAP, fold.last.as_ref());
                let linear = fold.problem.unscaled(&fitted);
                fold.last = Some(fitted);
                let margins = fold.test.dot(&linear.weights) + &linear.bias;
                let target = |at: usize| targets[fold.split.test[at] as usize] as usize;
                margins.outer_iter().enumerate().map(|(at, row)| log_loss(row, target(at))).sum::<f64>()
            })
            // Collected first: a parallel sum would depend on which thread finished first.
            .collect::<Vec<f64>>()
            .into_iter()
            .sum();
        let loss = loss / targets.len() as f64;
        if loss < best.1 {
            best = (alpha, loss);
            worse = 0;
        } else {
            worse += 1;
            if worse == 2 {
                break;
            }
        }
    }
    best
}

/// Some rows of a design, column-major.
fn rows_of(design: &Array2<f64>, rows: &[u32]) -> Array2<f64> {
    let mut out = Array2::zeros((rows.len(), design.ncols()).f());
    for (from, mut to) in design.axis_iter(Axis(1)).zip(out.axis_iter_mut(Axis(1))) {
        for (to, &row) in to.iter_mut().zip(rows) {
            *to = from[row as usize];
        }
    }
    out
}
