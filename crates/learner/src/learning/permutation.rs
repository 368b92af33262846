//! Permutation importance: how much worse predictions become when the values of one feature are shuffled among the test
//! samples (Breiman 2001; Fisher, Rudin and Dominici 2019).
//!
//! Owns the choice of the features and the mean over iterations. Must not know how the model was trained. It says what the
//! model relies on, not what causes the target; of two features with the same information, the model may rely on either.

use ndarray::{Array2, Axis};
use serde::Serialize;

use super::metrics::{log_loss, mean_and_deviation};
use super::permuted_margins::PermutedMargins;
use super::rng::Stream;
use super::trained_model::TrainedModel;
use crate::dataset::Features;

/// About this number of test samples of an iteration are shuffled, evenly chosen: with ten iterations, more would make the
/// figures only a little more precise, and an evaluation noticeably slower.
const MAX_ROWS: usize = 250;
/// The number of features of each model that are shuffled.
const MAX_FEATURES: usize = 15;

/// How much a model relies on a feature. Reports are written with these field names.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct FeatureImportance {
    /// The feature's name in the dataset.
    pub feature: String,
    /// The mean increase of the log-loss when the feature is shuffled. A feature that is not among the fifteen most important
    /// ones of an iteration's model counts 0 there.
    pub loss_increase: f64,
    /// Population standard deviation of the increase over the iterations.
    pub deviation: f64,
    /// The correlation of the feature's values with the predicted probability of the second class, -1 to 1, mean over the
    /// iterations; `None` for more than two classes.
    pub direction: Option<f64>,
}

/// The figures of one iteration.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Shuffled {
    feature: String,
    loss_increase: f64,
    direction: Option<f64>,
}

/// Shuffles each of the most important features of `model` among `rows` of `features`, whose classes are `targets` and whose
/// predicted probabilities are `predicted`.
pub(super) fn shuffle_features(
    model: &TrainedModel,
    features: &Features,
    rows: &[u32],
    targets: &[usize],
    predicted: &Array2<f64>,
    seed: u64,
) -> Vec<Shuffled> {
    let step = rows.len().div_ceil(MAX_ROWS).max(1);
    let chosen: Vec<usize> = (0..rows.len()).step_by(step).collect();
    let rows: Vec<u32> = chosen.iter().map(|&at| rows[at]).collect();
    let targets: Vec<usize> = chosen.iter().map(|&at| targets[at]).collect();
    let predicted = predicted.select(Axis(0), &chosen);
    let loss = log_loss(&predicted, &targets);
    let all: Vec<u32> = (0..rows.len() as u32).collect();
    let margins = PermutedMargins::new(&model.additive, &model.inputs, features, &rows);
    let mut stream = Stream::new(seed);
    let mut shuffled = Vec::new();
    for (input, _) in model.top_inputs().into_iter().take(MAX_FEATURES) {
        let feature = model.inputs[input].feature;
        let mut order = all.clone();
        stream.split().shuffle(&mut order);
        let direction = (predicted.ncols() == 2).then(|| {
            let column = &features.columns()[feature];
            let values: Vec<f32> = rows.iter().map(|&row| column.value(row as usize)).collect();
            correlation(&values, &predicted.column(1).to_vec())
        });
        let probabilities = model.probabilities_of(rows.len(), &[margins.shuffled(input, &order)]);
        let loss_increase = log_loss(&probabilities, &targets) - loss;
        shuffled.push(Shuffled { feature: model.names[feature].clone(), loss_increase, direction });
    }
    shuffled
}

/// The mean over the iterations, most important first.
pub(super) fn mean_importance(iterations: &[Vec<Shuffled>]) -> Vec<FeatureImportance> {
    let mut names: Vec<&str> = iterations.iter().flatten().map(|one| one.feature.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let of_feature = |name: &str| {
        let found: Vec<Option<&Shuffled>> =
            iterations.iter().map(|iteration| iteration.iter().find(|one| one.feature == name)).collect();
        let increases: Vec<f64> = found.iter().map(|one| one.map_or(0.0, |one| one.loss_increase)).collect();
        let directions: Vec<f64> = found.iter().flatten().filter_map(|one| one.direction).collect();
        let (loss_increase, deviation) = mean_and_deviation(&increases);
        let direction = (!directions.is_empty()).then(|| mean_and_deviation(&directions).0);
        FeatureImportance { feature: name.to_owned(), loss_increase, deviation, direction }
    };
    let mut importance: Vec<FeatureImportance> = names.into_iter().map(of_feature).collect();
    importance.sort_by(|a, b| b.loss_increase.total_cmp(&a.loss_increase));
    importance
}

/// Pearson's correlation of the pairs without a missing value; 0 when one side does not vary.
fn correlation(values: &[f32], probabilities: &[f64]) -> f64 {
    let pairs: Vec<(f64, f64)> = values
        .iter()
        .zip(probabilities)
        .filter(|(value, _)| !value.is_nan())
        .map(|(&value, &probability)| (f64::from(value), probability))
        .collect();
    let n = pairs.len().max(1) as f64;
    let (x, y) = pairs.iter().fold((0.0, 0.0), |(x, y), pair| (x + pair.0 / n, y + pair.1 / n));
    let sums = pairs.iter().fold((0.0, 0.0, 0.0), |(xx, yy, xy), pair| {
        let (dx, dy) = (pair.0 - x, pair.1 - y);
        (xx + dx * dx, yy + dy * dy, xy + dx * dy)
    });
    let length = (sums.0 * sums.1).sqrt();
    if length > 0.0 { (sums.2 / length).clamp(-1.0, 1.0) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{Class, Labelled};
    use crate::learning::evaluate;

    /// The first feature decides against, the second is noise.
    fn samples() -> Labelled {
        let noise = |row: u32, salt: u32| {
            let mixed =
                (row * 4 + salt).wrapping_mul(2_654_435_761).rotate_left(13).wrapping_mul(2_246_822_519);
            (mixed >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        let column = |salt| (0..400).map(|row| noise(row, salt)).collect::<Vec<f32>>();
        let (decides, other) = (column(0), column(1));
        let targets = decides.iter().map(|&value| u32::from(value < 0.0)).collect();
        let classes = [0.0, 1.0].into_iter().filter_map(Class::new).collect();
        let names = vec!["decides".to_owned(), "noise".to_owned()];
        Labelled::new(Features::of_columns(names, &[decides, other]), targets, classes)
    }

    #[test]
    fn a_feature_that_decides_costs_more_than_noise_and_has_its_direction() {
        let evaluation = evaluate(&samples(), 3, &()).expect("it can be split");
        let first = &evaluation.importance[0];
        assert_eq!(first.feature, "decides");
        assert!(first.loss_increase > 0.5, "{first:?}");
        assert!(first.direction.is_some_and(|direction| direction < -0.7), "{first:?}");
        let noise = evaluation.importance.iter().find(|one| one.feature == "noise");
        assert!(noise.is_none_or(|noise| noise.loss_increase < 0.1), "{noise:?}");
    }

    #[test]
    fn a_correlation_is_that_of_the_pairs_without_a_missing_value() {
        let r = correlation(&[0.0, f32::NAN, 1.0, 2.0], &[0.0, 0.9, 0.5, 1.0]);
        assert!((r - 1.0).abs() < 1e-12, "{r}");
        assert!(correlation(&[1.0, 1.0], &[0.1, 0.9]).abs() < f64::EPSILON);
    }

    #[test]
    fn a_feature_that_one_iteration_leaves_out_counts_zero_there() {
        let one =
            |loss_increase| vec![Shuffled { feature: "a".to_owned(), loss_increase, direction: Some(0.5) }];
        let mean = mean_importance(&[one(0.4), Vec::new()]);
        assert_eq!(mean.len(), 1);
        assert!((mean[0].loss_increase - 0.2).abs() < 1e-12 && (mean[0].deviation - 0.2).abs() < 1e-12);
        assert_eq!(mean[0].direction, Some(0.5));
    }
}
