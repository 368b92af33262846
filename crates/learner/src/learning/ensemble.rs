//! The mix of candidates that answers unseen samples best.
//!
//! Weights are found by adding one candidate after another, with repetition, to
//! the mean of margins, each time the one that lowers the log-loss most
//! (ensemble selection, Caruana et al. 2004). A logistic regression on the mix
//! then puts its probabilities right.

use ndarray::Array2;

use super::cross_validation::{Candidate, Comparison};
use super::logistic::{Effort, Problem, log_losses, mean_log_loss};
use super::metrics::mean_and_deviation;

/// How much of each candidate, and how the sum is put right.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Mix {
    /// One a candidate; they sum to 1.
    pub weights: Vec<f64>,
    /// The mix is multiplied by this,
    pub slope: f64,
    /// and this is added; two classes only.
    pub offset: f64,
    /// Mean log-loss on samples that were not shown.
    pub log_loss: f64,
}

impl Mix {
    /// As much of each, without having compared them.
    pub(crate) fn of_equal_parts(candidates: usize) -> Self {
        let weights = vec![1.0 / candidates as f64; candidates];
        Self { weights, slope: 1.0, offset: 0.0, log_loss: f64::NAN }
    }
}

/// Candidates are added so often at most: weights are multiples of a twelfth or more.
const STEPS: usize = 12;

/// What an addition must gain, in mean log-loss.
const LEAST_GAIN: f64 = 2e-5;

/// A mix is put right from this many samples; with fewer the correction itself would be uncertain.
const MIN_TO_CALIBRATE: usize = 1_000;

/// Hardly any: two numbers need none.
const PENALTY: f64 = 1e-3;

/// Finds the best mix of the candidates of a comparison, of which there is at least one.
pub(crate) fn mix(comparison: &Comparison) -> Mix {
    let candidates = &comparison.candidates;
    let mut counts = vec![0_usize; candidates.len()];
    let mut sum = Array2::zeros(candidates[0].margins.dim());
    for at in not_told_apart(comparison) {
        counts[at] = 1;
        sum += &candidates[at].margins;
    }
    let first: usize = counts.iter().sum();
    let mut log_loss = mean_log_loss(&(&sum / first as f64), &comparison.targets);
    for step in first..STEPS.max(first + 1) {
        let tried = candidates.iter().enumerate().map(|(at, candidate)| {
            let mean = (&sum + &candidate.margins) / (step + 1) as f64;
            (at, mean_log_loss(&mean, &comparison.targets))
        });
        let Some((at, loss)) = tried.min_by(|a, b| a.1.total_cmp(&b.1)) else { break };
        // A repetition of the only member changes nothing: look one step further for a smaller share.
        let first_alone = counts.iter().filter(|&&count| count > 0).count() == 1 && counts[at] > 0;
        if loss > log_loss - LEAST_GAIN && !first_alone {
            break;
        }
        sum += &candidates[at].margins;
        counts[at] += 1;
        log_loss = loss;
    }
    let total: usize = counts.iter().sum();
    let weights = counts.iter().map(|&count| count as f64 / total as f64).collect();
    let mixed = sum / total as f64;
    let (slope, offset) = put_right(&mixed, &comparison.targets);
    let log_loss = mean_log_loss(&mixed.mapv(|margin| margin * slope + offset), &comparison.targets);
    Mix { weights, slope, offset, log_loss }
}

/// The best candidate, and those that are not worse by more than half a standard error of the difference:
/// few samples do not tell them apart, and their mean errs less than one of them.
fn not_told_apart(comparison: &Comparison) -> Vec<usize> {
    let losses = |candidate: &Candidate| log_losses(&candidate.margins, &comparison.targets);
    let candidates = &comparison.candidates;
    let best = losses(&candidates[0]);
    let n = best.len() as f64;
    let close = |candidate: &Candidate| {
        let differences: Vec<f64> = losses(candidate).iter().zip(&best).map(|(a, b)| a - b).collect();
        let (mean, deviation) = mean_and_deviation(&differences);
        // Repeated comparisons of a sample tell little more than one.
        mean <= 0.5 * deviation / (n / comparison.repeats as f64).sqrt()
    };
    (0..candidates.len()).filter(|&at| at == 0 || close(&candidates[at])).collect()
}

/// What the margins of the mix are multiplied by, and what is added to them, so that probabilities come
/// true.
fn put_right(mixed: &Array2<f64>, targets: &[usize]) -> (f64, f64) {
    if targets.len() < MIN_TO_CALIBRATE {
        return (1.0, 0.0);
    }
    let (slope, offset) =
        if mixed.ncols() == 1 { regression(mixed, targets) } else { (best_slope(mixed, targets), 0.0) };
    // A slope far from 1 means that there is nothing to put right, only little to go by.
    let better =
        mean_log_loss(&mixed.mapv(|margin| margin * slope + offset), targets) < mean_log_loss(mixed, targets);
    if better && (0.5..2.0).contains(&slope) { (slope, offset) } else { (1.0, 0.0) }
}

/// Slope and offset that a logistic regression finds for the only margin (Platt 1999).
fn regression(mixed: &Array2<f64>, targets: &[usize]) -> (f64, f64) {
    let problem = Problem::new(mixed.clone(), targets.to_vec(), 2);
    let linear = problem.unscaled(&problem.fit(PENALTY, Effort::FINAL, None));
    (linear.weights[[0, 0]], linear.bias[0])
}

/// One over the best temperature of several margins, in steps of two per cent (Guo et al. 2017).
fn best_slope(mixed: &Array2<f64>, targets: &[usize]) -> f64 {
    let slopes = (-20..=20).map(|step: i32| 1.02_f64.powi(step));
    let rated = slopes.map(|slope| (slope, mean_log_loss(&mixed.mapv(|margin| margin * slope), targets)));
    rated.min_by(|a, b| a.1.total_cmp(&b.1)).map_or(1.0, |(slope, _)| slope)
}
