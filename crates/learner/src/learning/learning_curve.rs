//! The learning curve of an evaluation: how good models of fewer samples are, which tells whether more samples would help.
//!
//! Owns the sizes of the smaller training parts and the mean over iterations. Must not know how a model is fitted.

use ndarray::Array2;
use serde::Serialize;

use super::folds::thinned;
use super::metrics::mean_and_deviation;
use super::train::Recipe;
use super::trained_model::TrainedModel;
use crate::dataset::Labelled;

/// Of up to this many training samples, the curve is a mean over [`ITERATIONS`]: the test samples are few. Of more, one iteration is
/// precise enough, and a second one would take some 2 % of the time of an evaluation.
const MAX_SAMPLES_OF_MEAN: usize = 500;
const ITERATIONS: u64 = 2;
/// Of more training samples, even one iteration would take too long, and more samples help little.
const MAX_SAMPLES: usize = 20_000;
/// The smaller training parts, as shares of the whole one.
const SHARES: [f64; 3] = [0.125, 0.25, 0.5];
/// Of more training samples, the last one is left out: its model takes most of the time.
const MAX_SAMPLES_WITH_HALF: usize = 5_000;
/// With fewer training samples, a point would show chance.
const MIN_SAMPLES: usize = 40;

/// What models of some training samples reach; means over the iterations with smaller models. Reports are written with these
/// field names.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct LearningPoint {
    /// The number of training samples.
    pub training_samples: usize,
    /// Weighted F1 of the test samples.
    pub score: f64,
    /// Area under the ROC curve of the second class; two classes only.
    pub auc: Option<f64>,
    /// Log-loss of the test samples.
    pub log_loss: f64,
}

/// Whether smaller models are fitted in an iteration, which counts from 0.
pub(super) const fn is_part_of(iteration: u64, training_samples: usize) -> bool {
    if training_samples <= MAX_SAMPLES_OF_MEAN {
        iteration < ITERATIONS
    } else {
        training_samples <= MAX_SAMPLES && iteration == 0
    }
}

/// Fits smaller models in the way of the whole one, and measures each with `measure` on its probabilities for `test`. Their
/// members, weights and penalties are those of the whole model: a search for each would cost as much as an iteration, so the
/// first points are a little lower than they could be. The last point is `whole`.
pub(super) fn points(
    samples: &Labelled,
    (train, test): (&[u32], &[u32]),
    recipe: &Recipe,
    seed: u64,
    whole: LearningPoint,
    measure: impl Fn(usize, &Array2<f64>) -> LearningPoint,
) -> Vec<LearningPoint> {
    let of_share = |share: f64| {
        let size = (train.len() as f64 * share).round() as usize;
        if size < MIN_SAMPLES {
            return None;
        }
        let rows = thinned(train, samples.targets(), samples.classes().len(), size, seed);
        let model: TrainedModel = recipe.fit(samples, &rows)?;
        Some(measure(rows.len(), &model.probabilities(samples.features(), test)))
    };
    let shares = if train.len() <= MAX_SAMPLES_WITH_HALF { &SHARES[..] } else { &SHARES[..2] };
    let smaller: Vec<LearningPoint> = shares.iter().copied().filter_map(of_share).collect();
    // A curve of one point says nothing.
    if smaller.is_empty() { Vec::new() } else { smaller.into_iter().chain([whole]).collect() }
}

/// The mean over iterations, smallest training part first.
pub(super) fn mean_curve(iterations: &[Vec<LearningPoint>]) -> Vec<LearningPoint> {
    let measured: Vec<&Vec<LearningPoint>> = iterations.iter().filter(|points| !points.is_empty()).collect();
    // The parts of all iterations have the same sizes, but for a feature that varies in only one of them.
    let points = measured.iter().map(|points| points.len()).min().unwrap_or(0);
    let of_point = |back: usize| {
        let at: Vec<LearningPoint> = measured.iter().map(|points| points[points.len() - back]).collect();
        let mean = |value: fn(&LearningPoint) -> f64| {
            mean_and_deviation(&at.iter().map(value).collect::<Vec<_>>()).0
        };
        let areas: Vec<f64> = at.iter().filter_map(|point| point.auc).collect();
        LearningPoint {
            training_samples: mean(|point| point.training_samples as f64).round() as usize,
            score: mean(|point| point.score),
            auc: (areas.len() == at.len()).then(|| mean_and_deviation(&areas).0),
            log_loss: mean(|point| point.log_loss),
        }
    };
    (1..=points).rev().map(of_point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{Class, Features};
    use crate::learning::evaluate;
    use crate::learning::rng::Stream;

    fn samples(rows: usize) -> Labelled {
        let mut stream = Stream::new(3);
        let columns: Vec<Vec<f32>> =
            (0..6).map(|_| (0..rows).map(|_| (stream.uniform() * 2.0 - 1.0) as f32).collect()).collect();
        let sum = |row: usize| columns.iter().map(|column| column[row]).sum::<f32>();
        let targets = (0..rows).map(|row| u32::from(sum(row) + stream.normal() as f32 > 0.0)).collect();
        let names = (0..6).map(|at| at.to_string()).collect();
        let classes = [0.0, 1.0].into_iter().filter_map(Class::new).collect();
        Labelled::new(Features::of_columns(names, &columns), targets, classes)
    }

    #[test]
    fn more_samples_predict_better_and_the_last_point_has_all() {
        let evaluation = evaluate(&samples(600), 3, &()).expect("it can be split");
        let curve = &evaluation.learning_curve;
        let sizes: Vec<usize> = curve.iter().map(|point| point.training_samples).collect();
        // The share of each class is rounded up.
        assert!((60..62).contains(&sizes[0]) && (120..122).contains(&sizes[1]), "{sizes:?}");
        assert!((240..242).contains(&sizes[2]) && sizes[3..] == [480], "{sizes:?}");
        assert!(curve[3].log_loss < curve[0].log_loss, "{curve:?}");
        let losses: Vec<f64> = evaluation.iterations[..2].iter().map(|one| one.metrics.log_loss).collect();
        assert!((curve[3].log_loss - mean_and_deviation(&losses).0).abs() < 1e-12, "{curve:?}");
    }

    #[test]
    fn of_many_samples_one_iteration_is_measured_and_of_very_many_none() {
        let measured = |samples| (0..10).filter(|&iteration| is_part_of(iteration, samples)).count();
        assert_eq!([100, 500, 501, 20_000, 20_001].map(measured), [2, 2, 1, 1, 0]);
    }

    #[test]
    fn the_largest_of_the_smaller_parts_is_left_out_of_many_samples() {
        let points = |rows| evaluate(&samples(rows), 1, &()).expect("it can be split").learning_curve;
        assert_eq!(points(6_000).len(), 4);
        let [_, quarter, all] = points(6_400)[..] else { panic!("three points") };
        assert!(quarter.training_samples.abs_diff(all.training_samples / 4) <= 2, "{quarter:?}");
    }

    #[test]
    fn few_samples_have_no_curve() {
        let evaluation = evaluate(&samples(90), 3, &()).expect("it can be split");
        assert_eq!(evaluation.learning_curve, []);
    }
}
