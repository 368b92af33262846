//! Whether equal rows flatter an evaluation: a row of the training part that is equal to one of the test part is an answer
//! learned by heart.
//!
//! Owns the decision and the figure without such answers. Must not know how models are trained.

use std::collections::HashSet;

use super::folds::{Holdout, grouped_hold_out};
use super::metrics::mean_and_deviation;
use super::progress::{Progress, run_iterations};
use crate::dataset::Labelled;

/// The number of splits that keep equal rows together.
const SPLITS: usize = 3;

/// The hash of each row's features, and what the evaluation found about equal rows.
pub(super) struct RepeatedRows<'a> {
    samples: &'a Labelled,
    hashes: Vec<u64>,
}

impl<'a> RepeatedRows<'a> {
    pub fn of(samples: &'a Labelled) -> Self {
        let rows: Vec<u32> = (0..samples.targets().len() as u32).collect();
        Self { samples, hashes: samples.features().row_hashes(&rows) }
    }

    /// The positions of the test rows that are equal to no training row.
    pub fn unseen(&self, split: &Holdout) -> Vec<usize> {
        let seen: HashSet<u64> = split.train.iter().map(|&row| self.hashes[row as usize]).collect();
        let is_unseen = |&at: &usize| !seen.contains(&self.hashes[split.test[at] as usize]);
        (0..split.test.len()).filter(is_unseen).collect()
    }

    /// The mean score on splits that keep equal rows together, if it is lower than `score` by more than `deviation`. `score_of`
    /// trains and tests on one split; it is called only when the score on unseen rows, `unseen`, suggests a difference.
    pub fn grouped_score(
        &self,
        (score, deviation): (f64, f64),
        unseen: &[f64],
        progress: &dyn Progress,
        score_of: impl Fn(&Holdout) -> f64 + Sync,
    ) -> Option<f64> {
        let flatters = |other: f64| score - other > deviation;
        if unseen.is_empty() || !flatters(mean_and_deviation(unseen).0) || progress.should_stop() {
            return None;
        }
        let (targets, classes) = (self.samples.targets(), self.samples.classes().len());
        let scores = run_iterations(SPLITS, &(), |seed| {
            grouped_hold_out(&self.hashes, targets, classes, seed).map(|split| score_of(&split))
        });
        let scores: Vec<f64> = scores.into_iter().collect::<Option<_>>()?;
        Some(mean_and_deviation(&scores).0).filter(|&grouped| flatters(grouped))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{Class, Features};

    /// 100 rows of one feature with `distinct` values.
    fn samples(distinct: u8) -> Labelled {
        let column: Vec<f32> = (0..100_u8).map(|row| f32::from(row % distinct)).collect();
        let classes = [0.0, 1.0].into_iter().filter_map(Class::new).collect();
        let targets = (0..100).map(|row| u32::from(row % u32::from(distinct) < 5)).collect();
        Labelled::new(Features::of_columns(vec!["a".to_owned()], &[column]), targets, classes)
    }

    #[test]
    fn a_score_that_equal_rows_flatter_is_measured_without_them() {
        let samples = samples(20);
        let repeated = RepeatedRows::of(&samples);
        let value = |row: &u32| samples.features().columns()[0].code(*row as usize);
        let score_of = |split: &Holdout| {
            let train: HashSet<usize> = split.train.iter().map(value).collect();
            assert!(split.test.iter().all(|row| !train.contains(&value(row))));
            assert_eq!((split.train.len(), split.test.len()), (80, 20));
            0.6
        };
        assert_eq!(repeated.grouped_score((0.9, 0.05), &[0.5, 0.7], &(), score_of), Some(0.6));
        assert_eq!(repeated.grouped_score((0.64, 0.05), &[0.5], &(), score_of), None, "within its deviation");
    }

    #[test]
    fn nothing_is_measured_where_it_cannot_differ() {
        let never = |_: &Holdout| -> f64 { panic!("nothing to measure") };
        let all_distinct = samples(100);
        assert_eq!(RepeatedRows::of(&all_distinct).grouped_score((0.9, 0.05), &[0.5], &(), never), None);
        let few_distinct = samples(8);
        assert_eq!(RepeatedRows::of(&few_distinct).grouped_score((0.9, 0.05), &[0.5], &(), never), None);
        let samples = samples(20);
        assert_eq!(RepeatedRows::of(&samples).grouped_score((0.9, 0.05), &[0.86], &(), never), None);
    }

    #[test]
    fn a_test_row_is_unseen_if_no_training_row_is_equal() {
        let samples = samples(20);
        let split = Holdout { train: (0..20).filter(|row| row % 2 == 0).collect(), test: (40..60).collect() };
        assert_eq!(RepeatedRows::of(&samples).unseen(&split), (1..20).step_by(2).collect::<Vec<_>>());
    }
}
