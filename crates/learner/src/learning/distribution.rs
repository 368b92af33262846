//! How often each value of a feature occurs, in few numbers, so that a model file can tell whether later data differ from what
//! it learnt from; and the measure of that difference, the population stability index (PSI).
//!
//! Owns the bins and the measure. A bin with a single sample would be about one person, so a bin has many samples of the
//! training. Must not know where distributions are stored.

use serde::{Deserialize, Serialize};

use super::trained_model::TrainedModel;
use crate::dataset::{Column, Features};

/// Bins have at least this share of the samples with a value, where the values permit it,
const BIN_SHARE: f64 = 0.1;
/// and never less than this share,
const MIN_BIN_SHARE: f64 = 0.01;
/// or this number.
const MIN_BIN: u32 = 10;
/// At most this many bins: no bin but the last has less than a tenth, or is beside one that has.
pub(crate) const MAX_BINS: usize = 24;

/// The distribution of one feature among the training samples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeatureDistribution {
    /// The name of the feature.
    pub name: String,
    /// The mean of the samples with a value.
    pub mean: f32,
    /// The number of samples without a value.
    pub missing: u32,
    /// The limits between the bins, ascending: a value that is not above a limit belongs below it.
    pub limits: Vec<f32>,
    /// The number of samples in each bin: one more than limits.
    pub counts: Vec<u32>,
}

/// How far data are from those that a model learnt from.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Drift {
    /// The mean PSI of the features.
    pub overall: f64,
    /// The number of training samples.
    pub training_samples: usize,
    /// Largest PSI first. Features that did not vary in training are left out: the model does not use them.
    pub features: Vec<FeatureDrift>,
}

/// The drift of one feature. Reports are written with these field names.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct FeatureDrift {
    /// Its name.
    pub feature: String,
    /// The population stability index: Σ (new share − old share) · ln(new share / old share) over the bins, one of them for
    /// missing values. Half a sample is added to each bin, so that an empty one has a finite logarithm.
    pub psi: f64,
    /// The PSI that chance alone hardly exceeds: without drift it is distributed as χ² · (1/old + 1/new samples) with one degree
    /// of freedom less than bins (Yurdakul and Naranjo 2020); this is its mean and three standard deviations.
    pub by_chance: f64,
    /// The mean among the training samples.
    pub mean_before: f64,
    /// The mean now; `None` if no sample has a value.
    pub mean_now: Option<f64>,
    /// The share of training samples without a value.
    pub missing_before: f64,
    /// The share of samples without a value now.
    pub missing_now: f64,
}

impl TrainedModel {
    /// The distribution of each feature that varied among the training samples.
    #[must_use]
    pub fn distributions(&self) -> Vec<FeatureDistribution> {
        let rows: usize = self.class_counts.iter().sum();
        let of_input = |input: &super::preprocessing::Input| {
            // A single value has no scale, and no limit beside it.
            let (limits, counts) = bins(&input.levels);
            let raw = |level: f32| level / input.inverse_scale + input.mean;
            FeatureDistribution {
                name: self.names[input.feature].clone(),
                mean: input.mean,
                missing: (input.missing * rows as f64).round() as u32,
                limits: limits.into_iter().map(raw).collect(),
                counts,
            }
        };
        self.inputs.iter().map(of_input).collect()
    }
}

/// The limits between bins of ascending levels, each halfway between two levels, and the counts of the bins.
fn bins(levels: &[(f32, u32)]) -> (Vec<f32>, Vec<u32>) {
    let total: u32 = levels.iter().map(|&(_, count)| count).sum();
    let wanted = f64::from(total) * BIN_SHARE;
    let least = (f64::from(total) * MIN_BIN_SHARE).max(f64::from(MIN_BIN));
    let (mut limits, mut counts) = (Vec::new(), vec![0_u32]);
    let mut below = levels.first().map_or(0.0, |level| level.0);
    let mut remaining = total;
    for &(level, count) in levels {
        let current = counts[counts.len() - 1];
        let is_full = f64::from(current) >= wanted || f64::from(count) >= wanted;
        if is_full && f64::from(current) >= least && f64::from(remaining) >= least {
            limits.push(f32::midpoint(below, level));
            counts.push(0);
        }
        let last = counts.len() - 1;
        counts[last] += count;
        remaining -= count;
        below = level;
    }
    (limits, counts)
}

impl FeatureDistribution {
    /// Whether its parts fit each other: true of those made here, but not of any that was read from a file.
    pub(crate) fn is_valid(&self) -> bool {
        let ascending = self.limits.is_sorted_by(|a, b| a < b);
        self.counts.len() == self.limits.len() + 1
            && self.counts.len() <= MAX_BINS
            && ascending
            && self.mean.is_finite()
            && self.limits.iter().all(|limit| limit.is_finite())
    }

    fn samples(&self) -> u64 {
        u64::from(self.missing) + self.counts.iter().map(|&count| u64::from(count)).sum::<u64>()
    }

    /// The counts of the bins, missing values last.
    fn all_counts(&self) -> Vec<f64> {
        self.counts.iter().chain([&self.missing]).map(|&count| f64::from(count)).collect()
    }

    fn drift_of(&self, column: &Column, rows: &[u32]) -> FeatureDrift {
        let mut now = vec![0.0; self.counts.len() + 1];
        let mut sum = 0.0;
        for (&value, count) in column.values().iter().zip(column.value_counts(rows)) {
            let bin = if value.is_nan() {
                self.counts.len()
            } else {
                self.limits.partition_point(|limit| value > *limit)
            };
            now[bin] += f64::from(count);
            sum += if value.is_nan() { 0.0 } else { f64::from(value) * f64::from(count) };
        }
        let before = self.all_counts();
        let present = rows.len() as f64 - now[self.counts.len()];
        let (psi, by_chance) = stability_index(&before, &now);
        FeatureDrift {
            feature: self.name.clone(),
            psi,
            by_chance,
            mean_before: f64::from(self.mean),
            mean_now: (present > 0.0).then(|| sum / present),
            missing_before: f64::from(self.missing) / (self.samples() as f64).max(1.0),
            missing_now: now[self.counts.len()] / (rows.len() as f64).max(1.0),
        }
    }
}

/// The PSI of counts in the same bins, and what chance alone hardly exceeds.
fn stability_index(before: &[f64], now: &[f64]) -> (f64, f64) {
    let used: Vec<(f64, f64)> =
        before.iter().copied().zip(now.iter().copied()).filter(|(a, b)| a + b > 0.0).collect();
    let sums = used.iter().fold((0.0, 0.0), |sum, pair| (sum.0 + pair.0, sum.1 + pair.1));
    if used.len() < 2 || sums.0 == 0.0 || sums.1 == 0.0 {
        return (0.0, 0.0);
    }
    let bins = used.len() as f64;
    let psi = used.iter().map(|(a, b)| {
        let (a, b) = ((a + 0.5) / (sums.0 + 0.5 * bins), (b + 0.5) / (sums.1 + 0.5 * bins));
        (b - a) * (b / a).ln()
    });
    let freedom = bins - 1.0;
    (psi.sum(), (1.0 / sums.0 + 1.0 / sums.1) * (freedom + 3.0 * (2.0 * freedom).sqrt()))
}

/// How far `features` are from the data with these distributions; columns are matched by their names. `None` when nothing can
/// be compared.
///
/// ```
/// use learner::dataset::{Class, Features, Labelled};
/// use learner::learning::{drift, train};
///
/// let features = |shift: f32| {
///     let clicks = (0..200_u8).map(|row| f32::from(row % 20) / 20.0 + shift).collect();
///     Features::of_columns(vec!["clicks".to_owned()], &[clicks])
/// };
/// let classes = [0.0, 1.0].into_iter().filter_map(Class::new).collect();
/// let targets = (0..200).map(|row| u32::from(row % 20 < 10)).collect();
/// let model = train(&Labelled::new(features(0.0), targets, classes))?;
///
/// let same = drift(&model.distributions(), &features(0.0)).expect("the same column");
/// let other = drift(&model.distributions(), &features(0.5)).expect("the same column");
/// assert!(same.overall < 0.001 && other.overall > 0.25);
/// # Ok::<(), learner::learning::LearningError>(())
/// ```
#[must_use]
pub fn drift(distributions: &[FeatureDistribution], features: &Features) -> Option<Drift> {
    let names: std::collections::HashMap<&str, usize> =
        features.names().iter().enumerate().map(|(at, name)| (name.as_str(), at)).collect();
    let rows: Vec<u32> = (0..features.rows() as u32).collect();
    let of_feature = |distribution: &FeatureDistribution| {
        let column = &features.columns()[*names.get(distribution.name.as_str())?];
        Some(distribution.drift_of(column, &rows))
    };
    let mut found: Vec<FeatureDrift> = distributions.iter().filter_map(of_feature).collect();
    if found.is_empty() || rows.is_empty() {
        return None;
    }
    found.sort_by(|a, b| b.psi.total_cmp(&a.psi));
    let overall = found.iter().map(|one| one.psi).sum::<f64>() / found.len() as f64;
    let training_samples = distributions[0].samples() as usize;
    Some(Drift { overall, training_samples, features: found })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::distinct_values(&(0..100).map(|at| (at as f32, 10)).collect::<Vec<_>>(), &[100; 10])]
    #[case::mostly_the_lowest(&[(-1.0, 950), (0.0, 20), (1.0, 30)], &[950, 50])]
    #[case::mostly_the_highest(&[(-1.0, 20), (0.0, 30), (1.0, 950)], &[50, 950])]
    #[case::a_rare_value_is_not_a_bin_of_its_own(&[(0.0, 500), (0.5, 499), (1.0, 1)], &[500, 500])]
    #[case::one_value(&[(0.0, 7)], &[7])]
    #[case::few_samples(&[(0.0, 6), (1.0, 5)], &[11])]
    fn bins_have_many_samples(#[case] levels: &[(f32, u32)], #[case] expected: &[u32]) {
        let (limits, counts) = bins(levels);
        assert_eq!(counts, expected);
        assert_eq!(limits.len() + 1, counts.len());
    }

    /// Shares 0.5 and 0.5 became 0.8 and 0.2: (0.3) ln 1.6 + (−0.3) ln 0.4 = 0.4159.
    #[test]
    fn the_index_is_that_of_a_case_computed_by_hand() {
        let (psi, by_chance) = stability_index(&[50_000.0, 50_000.0], &[80_000.0, 20_000.0]);
        assert!((psi - 0.415_888).abs() < 1e-4, "{psi}");
        let expected = 2e-5 * (1.0 + 3.0 * 2.0_f64.sqrt());
        assert!((by_chance - expected).abs() < 1e-12, "{by_chance}");
    }

    #[test]
    fn a_bin_that_becomes_empty_has_a_finite_index() {
        let (psi, _) = stability_index(&[10.0, 90.0, 0.0], &[0.0, 100.0, 0.0]);
        assert!(psi.is_finite() && psi > 0.1, "{psi}");
        assert_eq!(stability_index(&[10.0, 0.0], &[3.0, 0.0]), (0.0, 0.0));
    }

    #[test]
    fn missing_values_are_a_bin_of_their_own() {
        let before = FeatureDistribution {
            name: "a".to_owned(),
            mean: 0.5,
            missing: 0,
            limits: vec![0.5],
            counts: vec![50, 50],
        };
        let column: Vec<f32> = (0..100_u8).map(|row| if row % 2 == 0 { f32::NAN } else { 1.0 }).collect();
        let features = Features::of_columns(vec!["b".to_owned(), "a".to_owned()], &[column.clone(), column]);
        let found = drift(&[before], &features).expect("a column of this name");
        assert_eq!(found.features.len(), 1);
        let one = &found.features[0];
        assert!(one.psi > 0.25 && one.psi > one.by_chance, "{one:?}");
        assert_eq!((one.mean_before, one.mean_now), (0.5, Some(1.0)));
        assert_eq!((one.missing_before, one.missing_now), (0.0, 0.5));
    }

    #[test]
    fn nothing_is_compared_without_a_common_name() {
        let features = Features::of_columns(vec!["b".to_owned()], &[vec![1.0]]);
        assert_eq!(drift(&[], &features), None);
    }
}
