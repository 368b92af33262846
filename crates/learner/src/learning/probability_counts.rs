//! The test samples of an evaluation by the probability that was predicted for them: what any decision threshold does.
//!
//! Owns the bins. Must not know which model predicted the probabilities.

use ndarray::Array2;
use serde::Serialize;

use super::metrics::most_probable;

/// The number of bins, each of one hundredth.
const BINS: usize = 100;

/// Test samples by the predicted probability of one class. Reports are written with these field names.
///
/// ```
/// use learner::learning::ProbabilityCounts;
/// use ndarray::array;
///
/// let counts = ProbabilityCounts::of(&array![[0.4, 0.6], [0.41, 0.59]], &[1, 0]);
/// let at_60 = counts.flagged(60);
/// assert_eq!((at_60.rightly, at_60.wrongly, at_60.missed), (1, 0, 0));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ProbabilityCounts {
    /// Samples of the class: entry `k` has those with probabilities from `k`/100 to below (`k` + 1)/100; 1 is in the last.
    /// Of more than two classes, the samples whose predicted class is right, by its probability.
    pub members: Vec<usize>,
    /// The other samples.
    pub others: Vec<usize>,
}

/// What a threshold does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flagged {
    /// Samples of the class with at least that probability: true positives.
    pub rightly: usize,
    /// Other samples with at least that probability: false positives.
    pub wrongly: usize,
    /// Samples of the class with less: false negatives.
    pub missed: usize,
}

impl Flagged {
    /// The share of the flagged samples that are of the class; `None` if none is flagged.
    #[must_use]
    pub fn precision(self) -> Option<f64> {
        share(self.rightly, self.rightly + self.wrongly)
    }

    /// The share of the samples of the class that are flagged; `None` if there is none.
    #[must_use]
    pub fn recall(self) -> Option<f64> {
        share(self.rightly, self.rightly + self.missed)
    }
}

fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

impl ProbabilityCounts {
    /// Counts samples with `probabilities` (samples × classes), whose classes are `targets` (indices): by the probability of
    /// the second of two classes, or of the predicted class of more.
    ///
    /// # Panics
    /// When the number of targets is not the number of rows.
    #[must_use]
    pub fn of(probabilities: &Array2<f64>, targets: &[usize]) -> Self {
        assert_eq!(probabilities.nrows(), targets.len(), "one target for each row of probabilities");
        let mut counts = Self::empty();
        for (row, &target) in probabilities.outer_iter().zip(targets) {
            let row = row.to_vec();
            let class = if row.len() == 2 { 1 } else { most_probable(&row) };
            let side = if class == target { &mut counts.members } else { &mut counts.others };
            side[bin(row[class])] += 1;
        }
        counts
    }

    /// No samples.
    pub(super) fn empty() -> Self {
        Self { members: vec![0; BINS], others: vec![0; BINS] }
    }

    /// These and other samples.
    pub(super) fn merged_with(mut self, other: &Self) -> Self {
        let add =
            |sum: &mut [usize], more: &[usize]| sum.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
        add(&mut self.members, &other.members);
        add(&mut self.others, &other.others);
        self
    }

    /// What a threshold of `percent`/100 flags: samples with at least that probability.
    #[must_use]
    pub fn flagged(&self, percent: usize) -> Flagged {
        let from = |counts: &[usize]| counts.iter().skip(percent).sum::<usize>();
        let rightly = from(&self.members);
        Flagged { rightly, wrongly: from(&self.others), missed: self.members.iter().sum::<usize>() - rightly }
    }
}

/// The bin of a probability. A product with 100 can round to the wrong side of a limit, so neighbours are compared with it.
fn bin(probability: f64) -> usize {
    let limit = |bin: usize| bin as f64 / BINS as f64;
    let at = ((probability * BINS as f64) as usize).min(BINS - 1);
    if probability < limit(at) {
        at.saturating_sub(1)
    } else if at + 1 < BINS && probability >= limit(at + 1) {
        at + 1
    } else {
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn each_limit_of_a_bin_belongs_to_the_bin_above_it() {
        for at in 1..BINS {
            let limit = at as f64 / 100.0;
            assert_eq!((bin(limit.next_down()), bin(limit)), (at - 1, at), "{limit}");
        }
        assert_eq!((bin(0.0), bin(1.0), bin(f64::NAN)), (0, BINS - 1, 0));
    }

    #[test]
    fn a_threshold_flags_what_has_at_least_its_probability() {
        let probabilities = array![[0.9, 0.1], [0.4, 0.6], [0.3, 0.7], [0.35, 0.65]];
        let counts = ProbabilityCounts::of(&probabilities, &[1, 1, 0, 1]);
        let at_60 = counts.flagged(60);
        assert_eq!(at_60, Flagged { rightly: 2, wrongly: 1, missed: 1 });
        assert_eq!((at_60.precision(), at_60.recall()), (Some(2.0 / 3.0), Some(2.0 / 3.0)));
        assert_eq!(counts.flagged(100).precision(), None);
        assert_eq!(counts.flagged(0), Flagged { rightly: 3, wrongly: 1, missed: 0 });
    }

    #[test]
    fn of_more_classes_the_probability_of_the_predicted_one_counts() {
        let counts = ProbabilityCounts::of(&array![[0.5, 0.3, 0.2], [0.1, 0.8, 0.1]], &[0, 2]);
        assert_eq!((counts.members[50], counts.others[80]), (1, 1));
    }
}
