//! Calibration: predicted probabilities in bins, beside the observed frequencies.
//!
//! Must not know which model predicted them.

use ndarray::Array2;
use serde::Serialize;

use super::metrics::most_probable;

/// The number of bins.
const BINS: usize = 10;

/// How far predicted probabilities are from observed frequencies.
///
/// ```
/// use learner::learning::CalibrationData;
/// use ndarray::array;
///
/// let probabilities = array![[0.75, 0.25], [0.75, 0.25], [0.75, 0.25], [0.75, 0.25]];
/// let calibration = CalibrationData::of(&probabilities, &[0, 1, 0, 0]).calibration();
/// assert_eq!(calibration.bins.len(), 1);
/// assert_eq!((calibration.bins[0].predicted, calibration.bins[0].observed), (0.25, 0.25));
/// assert_eq!(calibration.error, 0.0);
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Calibration {
    /// At most ten bins of about equally many samples, from the lowest probabilities to the highest; fewer when many
    /// probabilities are equal.
    pub bins: Vec<CalibrationBin>,
    /// The expected calibration error, 0 to 1 (Naeini, Cooper and Hauskrecht 2015): the distance between mean
    /// probability and observed frequency in each bin, weighted with its samples. With bins of equal mass (Nguyen and
    /// O'Connor 2015), because most of Moodle's probabilities are near one end. 0 is perfect; with few samples, chance
    /// alone makes it larger.
    pub error: f64,
}

/// Samples with about the same probability. Reports are written with these field names.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CalibrationBin {
    /// The mean predicted probability.
    pub predicted: f64,
    /// The observed frequency: the share of samples of the predicted class.
    pub observed: f64,
    /// The number of samples.
    pub samples: usize,
}

/// Predicted probabilities, and whether each was correct: those of the second of two classes; of more classes, those of
/// the predicted one (its confidence: Guo, Pleiss, Sun and Weinberger 2017).
///
/// Equal probabilities are one entry, and the data of several predictions can be [merged](CalibrationData::merged_with).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CalibrationData {
    /// Ascending by mean probability.
    groups: Vec<Group>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Group {
    /// The sum of the probabilities.
    sum: f64,
    hits: usize,
    samples: usize,
}

impl Group {
    fn mean(&self) -> f64 {
        self.sum / self.samples as f64
    }

    fn add(&mut self, other: &Self) {
        self.sum += other.sum;
        self.hits += other.hits;
        self.samples += other.samples;
    }
}

impl CalibrationData {
    /// The data of `probabilities` (samples × classes) for samples whose classes are `targets` (class indices).
    ///
    /// # Panics
    /// When the number of targets is not the number of rows.
    #[must_use]
    pub fn of(probabilities: &Array2<f64>, targets: &[usize]) -> Self {
        assert_eq!(probabilities.nrows(), targets.len(), "one target for each row of probabilities");
        let mut outcomes: Vec<(f64, bool)> = probabilities
            .outer_iter()
            .zip(targets)
            .map(|(row, &target)| {
                let row = row.to_vec();
                let class = if row.len() == 2 { 1 } else { most_probable(&row) };
                (row[class], class == target)
            })
            .collect();
        outcomes.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let group = |equal: &[(f64, bool)]| Group {
            sum: equal[0].0 * equal.len() as f64,
            hits: equal.iter().filter(|(_, correct)| *correct).count(),
            samples: equal.len(),
        };
        Self { groups: outcomes.chunk_by(|a, b| a.0.to_bits() == b.0.to_bits()).map(group).collect() }
    }

    /// This and the data of other predictions.
    #[must_use]
    pub fn merged_with(mut self, other: Self) -> Self {
        self.groups.extend(other.groups);
        // Two ascending runs: a stable sort merges them.
        self.groups.sort_by(|a, b| a.mean().total_cmp(&b.mean()));
        self
    }

    /// The calibration of all predictions.
    #[must_use]
    pub fn calibration(&self) -> Calibration {
        let n = self.samples() as f64;
        let bins = self.merged(BINS);
        let error = bins.iter().map(|bin| (bin.sum - bin.hits as f64).abs()).sum::<f64>() / n.max(1.0);
        let bin = |group: &Group| CalibrationBin {
            predicted: group.mean(),
            observed: group.hits as f64 / group.samples as f64,
            samples: group.samples,
        };
        Calibration { bins: bins.iter().map(bin).collect(), error }
    }

    /// About the same data in at most `max` entries, so that many iterations fit into memory.
    pub(crate) fn coarse(self, max: usize) -> Self {
        if self.groups.len() <= max { self } else { Self { groups: self.merged(max) } }
    }

    fn samples(&self) -> usize {
        self.groups.iter().map(|group| group.samples).sum()
    }

    /// `parts` parts of about equally many samples. Equal probabilities stay together, in the part of their middle;
    /// empty parts are left out.
    fn merged(&self, parts: usize) -> Vec<Group> {
        let n = self.samples() as f64;
        let mut merged: Vec<Option<Group>> = vec![None; parts];
        let mut before = 0.0;
        for group in &self.groups {
            let size = group.samples as f64;
            let part = ((before + size / 2.0) / n * parts as f64) as usize;
            match &mut merged[part.min(parts - 1)] {
                Some(part) => part.add(group),
                empty => *empty = Some(*group),
            }
            before += size;
        }
        merged.into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn data_of(of_second: &[(f64, bool)]) -> CalibrationData {
        let probabilities = Array2::from_shape_fn((of_second.len(), 2), |(row, class)| match class {
            1 => of_second[row].0,
            _ => 1.0 - of_second[row].0,
        });
        let targets: Vec<usize> = of_second.iter().map(|outcome| usize::from(outcome.1)).collect();
        CalibrationData::of(&probabilities, &targets)
    }

    #[test]
    fn well_calibrated_probabilities_have_no_error() {
        let outcomes: Vec<(f64, bool)> = (0..10).map(|at| (0.3, at < 3)).collect();
        let calibration = data_of(&outcomes).calibration();
        assert!(calibration.error < 1e-12);
        assert_eq!(calibration.bins.len(), 1, "equal probabilities stay together");
        assert_eq!(calibration.bins[0].samples, 10);
        assert!((calibration.bins[0].observed - 0.3).abs() < 1e-12);
    }

    #[test]
    fn overestimation_and_underestimation_do_not_cancel() {
        let mut outcomes = vec![(0.1, false); 10];
        outcomes.extend(vec![(0.9, true); 10]);
        assert!((data_of(&outcomes).calibration().error - 0.1).abs() < 1e-12);
    }

    #[test]
    fn bins_have_about_equally_many_samples() {
        let outcomes: Vec<(f64, bool)> =
            (0..1_000).map(|at| (f64::from(at) / 1_000.0, at % 2 == 0)).collect();
        let bins = data_of(&outcomes).calibration().bins;
        assert_eq!(bins.iter().map(|bin| bin.samples).collect::<Vec<_>>(), [100; 10]);
        assert!(bins.windows(2).all(|pair| pair[0].predicted < pair[1].predicted));
    }

    #[test]
    fn of_three_classes_the_confidence_is_calibrated() {
        let p = array![[0.2, 0.5, 0.3], [0.6, 0.3, 0.1]];
        let bins = CalibrationData::of(&p, &[1, 2]).calibration().bins;
        let pairs: Vec<(f64, f64)> = bins.iter().map(|bin| (bin.predicted, bin.observed)).collect();
        assert_eq!(pairs, [(0.5, 1.0), (0.6, 0.0)]);
    }

    #[test]
    fn merged_data_are_like_data_of_all_samples_at_once() {
        let all: Vec<(f64, bool)> =
            (0..300).map(|at| (f64::from(at * 7 % 300) / 300.0, at % 3 == 0)).collect();
        let parts = data_of(&all[..100]).merged_with(data_of(&all[100..]));
        let (parts, whole) = (parts.calibration(), data_of(&all).calibration());
        assert!((parts.error - whole.error).abs() < 1e-12);
        assert_eq!(parts.bins.len(), whole.bins.len());
    }

    #[test]
    fn coarse_data_have_nearly_the_same_error() {
        let all: Vec<(f64, bool)> = (0..30_000).map(|at| (f64::from(at) / 30_000.0, at % 5 == 0)).collect();
        let fine = data_of(&all);
        let coarse = fine.clone().coarse(1_000);
        assert!(coarse.groups.len() <= 1_000);
        assert!((coarse.calibration().error - fine.calibration().error).abs() < 1e-3);
    }

    #[test]
    fn no_predictions_have_no_error() {
        assert_eq!(CalibrationData::default().calibration(), Calibration::default());
    }
}
