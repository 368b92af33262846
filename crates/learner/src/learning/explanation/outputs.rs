//! From contributions to margins to those to log-odds and log-probabilities, and the rules that keep their sums.
//!
//! Two classes have one margin, which is the log-odds. With more classes, log p = m − log Σ exp m. The change of the last
//! term between the mean margins of the background and the margins of the sample is divided along the straight line
//! between them (Aumann and Shapley 1974): each margin's change counts by its mean probability on that line. So the
//! difference of a feature's contributions to two classes is its exact Shapley value for the log-odds between them.
//!
//! What is left between the sum and the output (the lower bound of probabilities, rounding, sampling) is divided in
//! proportion to the absolute contributions. Must not know how contributions to margins are computed.

use crate::learning::logistic::probabilities;
use ndarray::ArrayView1;

/// The contribution of one feature to one output.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Contribution {
    /// The index of the feature.
    pub feature: usize,
    /// Its value in the sample; NaN if it is missing.
    pub value: f32,
    /// The contribution: in natural logarithms, positive if the value makes the class more probable.
    pub contribution: f64,
    /// The standard error of a sampled contribution.
    pub error: Option<f64>,
}

/// One output of one sample.
#[derive(Debug, Clone, PartialEq)]
pub struct OutputExplanation {
    /// The log-odds or log-probability: the base value plus all contributions and `others`.
    pub value: f64,
    /// The contributions that are not zero, largest absolute value first.
    pub contributions: Vec<Contribution>,
    /// The sum of the contributions that are not listed.
    pub others: f64,
}

impl OutputExplanation {
    /// Makes the sum of the contributions of all features or inputs right, sorts them, and keeps the `top` largest.
    /// `feature` has the feature and the value of an index.
    pub(super) fn new(
        value: f64,
        base: f64,
        contributions: &[f64],
        errors: Option<&[f64]>,
        top: usize,
        feature: impl Fn(usize) -> (usize, f32),
    ) -> Self {
        let sum: f64 = contributions.iter().sum();
        let absolute: f64 = contributions.iter().map(|contribution| contribution.abs()).sum();
        let share = if absolute > 0.0 { (value - base - sum) / absolute } else { 0.0 };
        let listed = contributions.iter().enumerate().filter(|(_, contribution)| **contribution != 0.0);
        let mut listed: Vec<Contribution> = listed
            .map(|(at, contribution)| {
                let (feature, value) = feature(at);
                let contribution = contribution + share * contribution.abs();
                Contribution { feature, value, contribution, error: errors.map(|errors| errors[at]) }
            })
            .collect();
        listed.sort_by(|a, b| {
            let order = b.contribution.abs().total_cmp(&a.contribution.abs());
            order.then_with(|| a.feature.cmp(&b.feature))
        });
        let others = listed.iter().skip(top).map(|other| other.contribution).sum();
        listed.truncate(top);
        listed.shrink_to_fit();
        Self { value, contributions: listed, others }
    }
}

/// The outputs of a model, with their base values.
pub(super) struct Outputs {
    /// The mean margins of the background.
    margins: Vec<f64>,
    /// The outputs at these margins.
    pub(super) base: Vec<f64>,
}

impl Outputs {
    pub(super) fn new(margins: Vec<f64>, classes: usize, min_probability: f64) -> Self {
        Self { base: output_values(&margins, classes, min_probability), margins }
    }

    /// The contributions to each output, from those to margins (inputs × margins) of a sample with these margins.
    pub(super) fn of_margins(&self, contributions: &[f64], margins: &[f64]) -> Vec<Vec<f64>> {
        if margins.len() == 1 {
            return vec![contributions.to_vec()];
        }
        let shares = mean_probabilities(&self.margins, margins);
        let mut outputs = vec![Vec::with_capacity(contributions.len() / margins.len()); margins.len()];
        for input in contributions.chunks_exact(margins.len()) {
            let common: f64 =
                input.iter().zip(&shares).map(|(contribution, share)| contribution * share).sum();
            outputs.iter_mut().zip(input).for_each(|(out, contribution)| out.push(contribution - common));
        }
        outputs
    }
}

/// The log-odds of the second of two classes, or the log-probability of each of more, with the lower bound of probabilities.
pub(super) fn output_values(margins: &[f64], classes: usize, min_probability: f64) -> Vec<f64> {
    let mut shares = vec![0.0; classes];
    probabilities(ArrayView1::from(margins), &mut shares);
    if let [margin] = margins
        && shares.iter().all(|&share| share >= min_probability)
    {
        // Nothing is lost by rounding probabilities near 1.
        return vec![*margin];
    }
    shares.iter_mut().for_each(|share| *share = share.max(min_probability));
    of_probabilities(&shares)
}

/// The same from probabilities, which need not sum to 1.
pub(super) fn of_probabilities(shares: &[f64]) -> Vec<f64> {
    // A logarithm of zero has no parts.
    let logarithm = |share: f64| share.max(f64::MIN_POSITIVE).ln();
    if let [first, second] = *shares {
        return vec![logarithm(second) - logarithm(first)];
    }
    let sum = logarithm(shares.iter().sum());
    shares.iter().map(|&share| logarithm(share) - sum).collect()
}

/// The mean probability of each class on the straight line between two rows of margins: Gauss's quadrature of five points
/// in each of eight parts.
fn mean_probabilities(from: &[f64], to: &[f64]) -> Vec<f64> {
    const PARTS: usize = 8;
    const POINTS: [(f64, f64); 5] = [
        (0.0, 128.0 / 225.0),
        (0.538_469_310_105_683_1, 0.478_628_670_499_366_47),
        (-0.538_469_310_105_683_1, 0.478_628_670_499_366_47),
        (0.906_179_845_938_664, 0.236_926_885_056_189_08),
        (-0.906_179_845_938_664, 0.236_926_885_056_189_08),
    ];
    let mut means = vec![0.0; from.len()];
    let (mut margins, mut shares) = (from.to_vec(), from.to_vec());
    for part in 0..PARTS {
        for (point, weight) in POINTS {
            let place = (part as f64 + 0.5 + 0.5 * point) / PARTS as f64;
            for ((margin, from), to) in margins.iter_mut().zip(from).zip(to) {
                *margin = from + place * (to - from);
            }
            probabilities(ArrayView1::from(&margins[..]), &mut shares);
            let weight = 0.5 * weight / PARTS as f64;
            means.iter_mut().zip(&shares).for_each(|(mean, share)| *mean += weight * share);
        }
    }
    means
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_log_probabilities_are_those_of_the_logarithm_of_their_sum() {
        let (from, to) = ([0.3, -1.0, 0.2], [4.0, 1.0, -3.0]);
        let logarithm = |margins: &[f64]| margins.iter().map(|margin| margin.exp()).sum::<f64>().ln();
        let shares = mean_probabilities(&from, &to);
        let parts: f64 = (0..3).map(|at| shares[at] * (to[at] - from[at])).sum();
        assert!((parts - (logarithm(&to) - logarithm(&from))).abs() < 1e-6, "{parts}");
        assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn the_lower_bound_is_divided_in_proportion_and_the_rest_summed_up() {
        let found = OutputExplanation::new(4.0, 1.0, &[3.0, -1.0, 0.0, 2.0], None, 1, |at| (at, 0.0));
        assert!((found.contributions[0].contribution - 2.5).abs() < 1e-12, "{found:?}");
        assert!((found.others - 0.5).abs() < 1e-12, "{found:?}");
        let all = OutputExplanation::new(4.0, 1.0, &[3.0, -1.0, 0.0, 2.0], None, 9, |at| (at, 0.0));
        let order: Vec<usize> = all.contributions.iter().map(|one| one.feature).collect();
        assert_eq!(order, [0, 3, 1]);
    }

    #[test]
    fn outputs_follow_from_margins_or_from_probabilities() {
        assert_eq!(output_values(&[2.5], 2, 1e-3), [2.5]);
        let bounded = output_values(&[50.0], 2, 1e-3)[0];
        assert!((bounded - (1.0_f64 / 1e-3).ln()).abs() < 1e-9, "{bounded}");
        let three = output_values(&[1.0, 0.0, -1.0], 3, 1e-9);
        assert!((three[0] - three[2] - 2.0).abs() < 1e-9, "{three:?}");
        assert!((of_probabilities(&[0.2, 0.8])[0] - 4.0_f64.ln()).abs() < 1e-12);
    }
}
