//! Selects the ensemble of candidates that predicts validation samples best.
//!
//! Weights are found by adding one candidate after another, with repetition, to the mean of margins, each time the one
//! that lowers the log-loss most (ensemble selection, Caruana et al. 2004). The margins of the ensemble are then
//! calibrated: Platt scaling for two classes, temperature scaling for more. Must not know how candidates are fitted.

use ndarray::Array2;

use super::cross_validation::Comparison;
use super::learner::Candidate;
use super::logistic::{Problem, Stopping, log_losses, mean_log_loss};
use super::metrics::mean_and_deviation;

/// Margins of the ensemble = slope · Σ weight · margins of a candidate + offset.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ensemble {
    /// One for each candidate; they sum to 1.
    pub weights: Vec<f64>,
    pub slope: f64,
    /// 0 unless there are two classes.
    pub offset: f64,
    /// Mean log-loss of the validation samples; NaN when nothing was compared.
    pub log_loss: f64,
}

/// At most this many additions of a candidate: weights are multiples of a twelfth or more.
const MAX_STEPS: usize = 12;

/// The mean log-loss that an addition must gain.
const MIN_GAIN: f64 = 2e-5;

/// An ensemble is calibrated from this many validation samples; with fewer the correction itself would be uncertain.
const MIN_TO_CALIBRATE: usize = 1_000;

/// The L2 penalty of Platt scaling. Hardly any: two parameters need none.
const PLATT_PENALTY: f64 = 1e-3;

impl Ensemble {
    /// Equal weights of candidates that were not compared.
    pub fn of_equal_weights(candidates: usize) -> Self {
        let weights = vec![1.0 / candidates as f64; candidates];
        Self { weights, slope: 1.0, offset: 0.0, log_loss: f64::NAN }
    }

    /// The best ensemble of the candidates of a comparison, of which there is at least one.
    pub fn select(comparison: &Comparison) -> Self {
        let candidates = &comparison.candidates;
        let mut counts = vec![0_usize; candidates.len()];
        let mut sum = Array2::zeros(candidates[0].margins.dim());
        for at in indistinguishable_from_best(comparison) {
            counts[at] = 1;
            sum += &candidates[at].margins;
        }
        let first: usize = counts.iter().sum();
        let mut log_loss = mean_log_loss(&(&sum / first as f64), &comparison.targets);
        for step in first..MAX_STEPS.max(first + 1) {
            let tried = candidates.iter().enumerate().map(|(at, candidate)| {
                let mean = (&sum + &candidate.margins) / (step + 1) as f64;
                (at, mean_log_loss(&mean, &comparison.targets))
            });
            let Some((at, loss)) = tried.min_by(|a, b| a.1.total_cmp(&b.1)) else { break };
            // A repetition of the only member changes nothing, but lets the next step add a smaller share.
            let first_alone = counts.iter().filter(|&&count| count > 0).count() == 1 && counts[at] > 0;
            if loss > log_loss - MIN_GAIN && !first_alone {
                break;
            }
            sum += &candidates[at].margins;
            counts[at] += 1;
            log_loss = loss;
        }
        let total: usize = counts.iter().sum();
        let weights = counts.iter().map(|&count| count as f64 / total as f64).collect();
        let margins = sum / total as f64;
        let (slope, offset) = platt_or_temperature(&margins, &comparison.targets);
        let log_loss = mean_log_loss(&margins.mapv(|margin| margin * slope + offset), &comparison.targets);
        Self { weights, slope, offset, log_loss }
    }
}

/// The best candidate, and those that are not worse by more than half a standard error of the difference: few samples
/// cannot distinguish them, and the error of their mean is smaller than that of one of them.
fn indistinguishable_from_best(comparison: &Comparison) -> Vec<usize> {
    let losses = |candidate: &Candidate| log_losses(&candidate.margins, &comparison.targets);
    let candidates = &comparison.candidates;
    let best = losses(&candidates[0]);
    let n = best.len() as f64;
    let close = |candidate: &Candidate| {
        let differences: Vec<f64> = losses(candidate).iter().zip(&best).map(|(a, b)| a - b).collect();
        let (mean, deviation) = mean_and_deviation(&differences);
        // Repeated validations of a sample add little information.
        mean <= 0.5 * deviation / (n / comparison.repeats as f64).sqrt()
    };
    (0..candidates.len()).filter(|&at| at == 0 || close(&candidates[at])).collect()
}

/// Slope and offset that calibrate the margins of an ensemble.
fn platt_or_temperature(margins: &Array2<f64>, targets: &[usize]) -> (f64, f64) {
    if targets.len() < MIN_TO_CALIBRATE {
        return (1.0, 0.0);
    }
    let (slope, offset) = if margins.ncols() == 1 {
        platt_scaling(margins, targets)
    } else {
        (inverse_temperature(margins, targets), 0.0)
    };
    // A slope far from 1 comes from too little information, not from a lack of calibration.
    let better = mean_log_loss(&margins.mapv(|margin| margin * slope + offset), targets)
        < mean_log_loss(margins, targets);
    if better && (0.5..2.0).contains(&slope) { (slope, offset) } else { (1.0, 0.0) }
}

/// Slope and offset that a logistic regression finds for the only margin (Platt 1999).
fn platt_scaling(margins: &Array2<f64>, targets: &[usize]) -> (f64, f64) {
    let problem = Problem::new(margins.clone(), targets.to_vec(), 2);
    let linear = problem.unscaled(&problem.fit(PLATT_PENALTY, Stopping::FINAL, None));
    (linear.weights[[0, 0]], linear.bias[0])
}

/// One over the best temperature of several margins, in steps of two per cent (Guo et al. 2017).
fn inverse_temperature(margins: &Array2<f64>, targets: &[usize]) -> f64 {
    let slopes = (-20..=20).map(|step: i32| 1.02_f64.powi(step));
    let losses = slopes.map(|slope| (slope, mean_log_loss(&margins.mapv(|margin| margin * slope), targets)));
    losses.min_by(|a, b| a.1.total_cmp(&b.1)).map_or(1.0, |(slope, _)| slope)
}
