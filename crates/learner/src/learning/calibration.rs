//! Whether probabilities come true: what was claimed, cut into bins, beside what then was.
//!
//! Knows probabilities and true classes, nothing of how either came about.

use ndarray::Array2;

use super::metrics::most_probable;

/// Samples are sorted by probability and cut into so many parts of equal size.
const BINS: usize = 10;

/// How far probabilities are from what then happened.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Calibration {
    /// At most ten parts of about equally many samples, from the lowest probabilities to the highest;
    /// fewer where many probabilities are the same.
    pub bins: Vec<CalibrationBin>,
    /// The expected calibration error (Naeini, Cooper and Hauskrecht 2015): the distance between mean
    /// probability and share of truth in each bin, weighted with its samples. With bins of equal mass
    /// (Nguyen and O'Connor 2015), because most of Moodle's probabilities crowd at one end. 0 is
    /// perfect; of few samples, chance alone makes it larger.
    pub error: f64,
}

/// Samples with about the same probability.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CalibrationBin {
    /// The mean of the probabilities that they were given.
    pub predicted: f64,
    /// The share of them of which it was true.
    pub observed: f64,
    /// How many they are.
    pub samples: usize,
}

/// Probabilities, and whether what they are of was true. Of two classes it is the second; of more, the
/// predicted one (its confidence: Guo, Pleiss, Sun and Weinberger 2017).
///
/// Equal probabilities are one entry, so claims of several rated sets can be put together.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Claims {
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

impl Claims {
    /// What `probabilities` (samples × classes) claim about samples whose classes are `targets`.
    ///
    /// # Panics
    /// When there is not one target a row.
    #[must_use]
    pub fn of(probabilities: &Array2<f64>, targets: &[usize]) -> Self {
        assert_eq!(probabilities.nrows(), targets.len(), "one target a row of probabilities");
        let claimed = |row: &[f64]| if row.len() == 2 { 1 } else { most_probable(row) };
        let mut claims: Vec<(f64, bool)> = probabilities
            .outer_iter()
            .zip(targets)
            .map(|(row, &target)| {
                let row = row.to_vec();
                let class = claimed(&row);
                (row[class], class == target)
            })
            .collect();
        claims.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let group = |equal: &[(f64, bool)]| Group {
            sum: equal[0].0 * equal.len() as f64,
            hits: equal.iter().filter(|(_, truth)| *truth).count(),
            samples: equal.len(),
        };
        Self { groups: claims.chunk_by(|a, b| a.0.to_bits() == b.0.to_bits()).map(group).collect() }
    }

    /// These, and the claims of another set of samples.
    #[must_use]
    pub fn with(mut self, other: Self) -> Self {
        self.groups.extend(other.groups);
        // Two ascending runs: a stable sort merges them.
        self.groups.sort_by(|a, b| a.mean().total_cmp(&b.mean()));
        self
    }

    /// The calibration of all that was claimed.
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

    /// About the same in at most `most` entries: what is kept of each of many iterations.
    pub(crate) fn coarse(self, most: usize) -> Self {
        if self.groups.len() <= most { self } else { Self { groups: self.merged(most) } }
    }

    fn samples(&self) -> usize {
        self.groups.iter().map(|group| group.samples).sum()
    }

    /// `parts` parts of about equally many samples. Equal probabilities stay together, in the part of
    /// their middle; parts that get nothing are left out.
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

    fn claims(of_second: &[(f64, bool)]) -> Claims {
        let probabilities = Array2::from_shape_fn((of_second.len(), 2), |(row, class)| match class {
            1 => of_second[row].0,
            _ => 1.0 - of_second[row].0,
        });
        let targets: Vec<usize> = of_second.iter().map(|claim| usize::from(claim.1)).collect();
        Claims::of(&probabilities, &targets)
    }

    #[test]
    fn probabilities_that_come_true_have_no_error() {
        let claimed: Vec<(f64, bool)> = (0..10).map(|at| (0.3, at < 3)).collect();
        let calibration = claims(&claimed).calibration();
        assert!(calibration.error < 1e-12);
        assert_eq!(calibration.bins.len(), 1, "equal probabilities stay together");
        assert_eq!(calibration.bins[0].samples, 10);
        assert!((calibration.bins[0].observed - 0.3).abs() < 1e-12);
    }

    #[test]
    fn too_much_in_one_half_and_too_little_in_the_other_do_not_cancel() {
        let mut claimed = vec![(0.1, false); 10];
        claimed.extend(vec![(0.9, true); 10]);
        assert!((claims(&claimed).calibration().error - 0.1).abs() < 1e-12);
    }

    #[test]
    fn bins_have_about_equally_many_samples() {
        let claimed: Vec<(f64, bool)> = (0..1_000).map(|at| (f64::from(at) / 1_000.0, at % 2 == 0)).collect();
        let bins = claims(&claimed).calibration().bins;
        assert_eq!(bins.iter().map(|bin| bin.samples).collect::<Vec<_>>(), [100; 10]);
        assert!(bins.windows(2).all(|pair| pair[0].predicted < pair[1].predicted));
    }

    #[test]
    fn of_three_classes_the_predicted_one_is_judged() {
        let p = array![[0.2, 0.5, 0.3], [0.6, 0.3, 0.1]];
        let bins = Claims::of(&p, &[1, 2]).calibration().bins;
        let told: Vec<(f64, f64)> = bins.iter().map(|bin| (bin.predicted, bin.observed)).collect();
        assert_eq!(told, [(0.5, 1.0), (0.6, 0.0)]);
    }

    #[test]
    fn claims_put_together_are_as_if_made_at_once() {
        let all: Vec<(f64, bool)> =
            (0..300).map(|at| (f64::from(at * 7 % 300) / 300.0, at % 3 == 0)).collect();
        let parts = claims(&all[..100]).with(claims(&all[100..]));
        let (parts, whole) = (parts.calibration(), claims(&all).calibration());
        assert!((parts.error - whole.error).abs() < 1e-12);
        assert_eq!(parts.bins.len(), whole.bins.len());
    }

    #[test]
    fn coarse_claims_tell_nearly_the_same() {
        let all: Vec<(f64, bool)> = (0..30_000).map(|at| (f64::from(at) / 30_000.0, at % 5 == 0)).collect();
        let fine = claims(&all);
        let coarse = fine.clone().coarse(1_000);
        assert!(coarse.groups.len() <= 1_000);
        assert!((coarse.calibration().error - fine.calibration().error).abs() < 1e-3);
    }

    #[test]
    fn nothing_claimed_is_nothing_wrong() {
        assert_eq!(Claims::default().calibration(), Calibration::default());
    }
}
