//! The mix of candidates that answers unseen samples best.
//!
//! Weights are found by adding one candidate after another, with repetition, to
//! the mean of margins, each time the one that lowers the log-loss most
//! (ensemble selection, Caruana et al. 2004). A logistic regression on the mix
//! then puts its probabilities right.

use ndarray::Array2;

use super::candidates::{Comparison, mean_log_loss};
use super::solver::{Effort, Problem};

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
const FEWEST_TO_CALIBRATE: usize = 1_000;

/// Hardly any: two numbers need none.
const PENALTY: f64 = 1e-3;

/// Finds the best mix of the candidates of a comparison, of which there is at least one.
pub(crate) fn mix(comparison: &Comparison) -> Mix {
    let candidates = &comparison.candidates;
    let mut counts = vec![0_usize; candidates.len()];
    let mut sum = candidates[0].margins.clone();
    counts[0] = 1;
    let mut log_loss = candidates[0].log_loss;
    for step in 1..STEPS {
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

/// Slope and offset that a logistic regression finds for the margin of the mix.
fn put_right(mixed: &Array2<f64>, targets: &[usize]) -> (f64, f64) {
    if mixed.ncols() != 1 || targets.len() < FEWEST_TO_CALIBRATE {
        return (1.0, 0.0);
    }
    let problem = Problem::new(mixed.clone(), targets.to_vec(), 2);
    let linear = problem.unscaled(&problem.fit(PENALTY, Effort::FINAL, None));
    let slope = linear.weights[[0, 0]];
    let offset = linear.bias[0];
    // A slope far from 1 means that there is nothing to put right, only little to go by.
    let better =
        mean_log_loss(&mixed.mapv(|margin| margin * slope + offset), targets) < mean_log_loss(mixed, targets);
    if better && (0.5..2.0).contains(&slope) { (slope, offset) } else { (1.0, 0.0) }
}
