//! Ways of learning that are compared: each answers samples that it was not
//! shown, so that the best mix of them can be found.

use ndarray::{Array2, Axis, ShapeBuilder};
use rayon::prelude::*;

use super::expansion::{Expansion, Plan};
use super::folds::{Split, k_folds, thinned};
use super::inputs::Input;
use super::solver::{Fitted, Problem, log_loss, margins_of};
use super::trees::{Binned, Settings, boost};
use crate::dataset::Labelled;

/// A way of learning, with what cross-validation chose for it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Recipe {
    /// Logistic regression on derived columns, with a penalty.
    Linear { plan: Plan, alpha: f64 },
    /// Boosted trees, so many rounds of them.
    Trees(Settings),
}

/// A recipe and its answers to the compared samples, each given without having been shown that
/// sample.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    pub recipe: Recipe,
    /// Compared samples × margins.
    pub margins: Array2<f64>,
    /// Mean log-loss of them.
    pub log_loss: f64,
}

/// What is compared: some of the rows, in folds.
pub(crate) struct Comparison {
    /// The class of each compared sample.
    pub targets: Vec<usize>,
    pub candidates: Vec<Candidate>,
}

/// Recipes are compared on at most this many samples: beyond it their order hardly changes.
const MOST_COMPARED: usize = 5_000;

/// At most this many cells (samples × derived columns) for one linear fit of a comparison.
const MOST_COMPARED_CELLS: usize = 2_000_000;

/// Trees are tried from this many samples; below, they never won.
const FEWEST_FOR_TREES: usize = 400;

/// Random features pay up to this many samples.
const MOST_FOR_RANDOM_FEATURES: usize = 20_000;

/// Penalties from strong to weak: each fit starts from the one before it.
const ALPHAS: [f64; 9] = [1000.0, 300.0, 100.0, 30.0, 10.0, 3.0, 1.0, 0.3, 0.1];

/// How far fits may stay from their optimum while recipes are compared, in mean log-loss.
const GAP: f64 = 2e-5;

/// Lets every recipe that suits so many samples and inputs answer samples that it was not shown.
pub(crate) fn compare(samples: &Labelled, rows: &[u32], inputs: &[Input], seed: u64) -> Comparison {
    let classes = samples.classes().len();
    let row_targets: Vec<u32> = rows.iter().map(|&row| samples.targets()[row as usize]).collect();
    let positions: Vec<u32> = (0..rows.len() as u32).collect();
    let k = if rows.len() < 1_000 { 5 } else { 3 };
    let folds = k_folds(&positions, &row_targets, classes, k, seed);

    let plans = plans(rows.len(), inputs);
    let expansions: Vec<(Plan, Expansion)> =
        plans.into_iter().map(|plan| (plan, Expansion::new(inputs, plan, rows.len(), seed))).collect();
    let widest = expansions.iter().map(|(_, expansion)| expansion.width()).max().unwrap_or(1).max(1);
    let most = (MOST_COMPARED_CELLS / widest).clamp(500, MOST_COMPARED);
    let compared = thinned(&positions, &row_targets, classes, most, seed);
    let targets: Vec<usize> = compared.iter().map(|&at| row_targets[at as usize] as usize).collect();

    let trees = || {
        (rows.len() >= FEWEST_FOR_TREES).then(|| {
            let targets: Vec<usize> = row_targets.iter().map(|&target| target as usize).collect();
            trees(samples, rows, inputs, &targets, &folds, &compared, seed)
        })
    };
    let linear = || -> Vec<Candidate> {
        let compared_rows: Vec<u32> = compared.iter().map(|&at| rows[at as usize]).collect();
        let folds = narrowed(&folds, &compared);
        expansions
            .par_iter()
            .map(|(plan, expansion)| {
                let design = expansion.design(inputs, samples.features(), &compared_rows);
                linear(*plan, &design, &targets, classes, &folds)
            })
            .collect()
    };
    let (trees, mut candidates) = rayon::join(trees, linear);
    candidates.extend(trees);
    candidates.sort_by(|a, b| a.log_loss.total_cmp(&b.log_loss));
    Comparison { targets, candidates }
}

/// The linear recipes worth comparing.
fn plans(rows: usize, inputs: &[Input]) -> Vec<Plan> {
    let mut plans = vec![Plan { hinges: 0, random: 0 }];
    let bends = inputs.iter().any(|input| input.levels.len() > 2);
    if bends {
        plans.push(Plan { hinges: 3, random: 0 });
    }
    let continuous = inputs.iter().filter(|input| input.levels.len() > 12).count();
    if continuous > 0 && rows >= 300 && inputs.len() <= 60 {
        plans.push(Plan { hinges: 8, random: 0 });
    }
    if inputs.len() > 1 && rows <= MOST_FOR_RANDOM_FEATURES {
        plans.push(Plan { hinges: if bends { 3 } else { 0 }, random: 100 });
    }
    plans
}

/// How trees are grown on so many samples.
fn tree_settings(rows: usize, seed: u64) -> Settings {
    let small = rows < 6_000;
    Settings {
        rounds: if small { 400 } else { 300 },
        patience: 15,
        rate: if small { 0.06 } else { 0.1 },
        depth: if small { 4 } else { 5 },
        ridge: 2.0,
        least: 2.0,
        inputs: 0.5,
        seed,
    }
}

fn trees(
    samples: &Labelled,
    rows: &[u32],
    inputs: &[Input],
    targets: &[usize],
    folds: &[Split],
    compared: &[u32],
    seed: u64,
) -> Candidate {
    let classes = samples.classes().len();
    let settings = tree_settings(rows.len(), seed);
    let binned = Binned::new(inputs, samples.features(), rows);
    let boosted: Vec<(usize, Array2<f64>)> = folds
        .par_iter()
        .map(|fold| {
            let mut trained = vec![false; rows.len()];
            fold.train.iter().for_each(|&at| trained[at as usize] = true);
            let boosted = boost(&binned, targets, classes, &trained, &settings);
            (boosted.rounds, boosted.margins)
        })
        .collect();

    let mut fold_of = vec![0_usize; rows.len()];
    for (number, fold) in folds.iter().enumerate() {
        fold.test.iter().for_each(|&at| fold_of[at as usize] = number);
    }
    let mut margins = Array2::zeros((compared.len(), margins_of(classes)));
    for (mut out, &at) in margins.outer_iter_mut().zip(compared) {
        out.assign(&boosted[fold_of[at as usize]].1.row(at as usize));
    }
    let targets: Vec<usize> = compared.iter().map(|&at| targets[at as usize]).collect();
    let log_loss = mean_log_loss(&margins, &targets);
    // All samples carry a few more rounds than the folds' smaller parts.
    let mean = boosted.iter().map(|(rounds, _)| *rounds as f64).sum::<f64>() / folds.len() as f64;
    let rounds = ((mean * 1.1).round() as usize).max(1);
    Candidate { recipe: Recipe::Trees(Settings { rounds, ..settings }), margins, log_loss }
}

/// The folds of the compared samples alone, numbered by their position among these.
fn narrowed(folds: &[Split], compared: &[u32]) -> Vec<Split> {
    let keep = |rows: &[u32]| -> Vec<u32> {
        // Both are ascending.
        let mut rows = rows.iter().peekable();
        let mut kept = Vec::new();
        for (at, &position) in compared.iter().enumerate() {
            while rows.next_if(|&&row| row < position).is_some() {}
            if rows.next_if_eq(&&position).is_some() {
                kept.push(at as u32);
            }
        }
        kept
    };
    folds.iter().map(|fold| Split { train: keep(&fold.train), test: keep(&fold.test) }).collect()
}

struct Fold<'a> {
    problem: Problem,
    test: Array2<f64>,
    split: &'a Split,
    last: Option<Fitted>,
    margins: Array2<f64>,
}

/// A linear recipe with the penalty that has the lowest log-loss over the folds.
fn linear(plan: Plan, design: &Array2<f64>, targets: &[usize], classes: usize, folds: &[Split]) -> Candidate {
    let mut folds: Vec<Fold<'_>> = folds
        .par_iter()
        .map(|split| {
            let classes_of = split.train.iter().map(|&at| targets[at as usize]).collect();
            let problem = Problem::new(rows_of(design, &split.train), classes_of, classes);
            let test = rows_of(design, &split.test);
            Fold { problem, test, split, last: None, margins: Array2::zeros((0, 0)) }
        })
        .collect();

    let mut best = Candidate {
        recipe: Recipe::Linear { plan, alpha: ALPHAS[0] },
        margins: Array2::zeros((targets.len(), margins_of(classes))),
        log_loss: f64::INFINITY,
    };
    let mut margins = best.margins.clone();
    let mut worse = 0;
    for alpha in ALPHAS {
        folds.par_iter_mut().for_each(|fold| {
            let fitted = fold.problem.fit(alpha, GAP, fold.last.as_ref());
            let linear = fold.problem.unscaled(&fitted);
            fold.last = Some(fitted);
            fold.margins = fold.test.dot(&linear.weights) + &linear.bias;
        });
        for fold in &folds {
            for (row, &at) in fold.margins.outer_iter().zip(&fold.split.test) {
                margins.row_mut(at as usize).assign(&row);
            }
        }
        let log_loss = mean_log_loss(&margins, targets);
        if log_loss < best.log_loss {
            best = Candidate { recipe: Recipe::Linear { plan, alpha }, margins: margins.clone(), log_loss };
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

/// The mean log-loss of margins, samples × margins.
pub(crate) fn mean_log_loss(margins: &Array2<f64>, targets: &[usize]) -> f64 {
    let sum: f64 = margins.outer_iter().zip(targets).map(|(row, &target)| log_loss(row, target)).sum();
    sum / targets.len().max(1) as f64
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
