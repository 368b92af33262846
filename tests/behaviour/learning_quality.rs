//! Accuracy and calibration on generated data.

use rstest::rstest;

use crate::common::{Table, TestModel, waves};

/// The accuracy on fresh points of a model that was trained on `samples` points.
fn accuracy(samples: usize, seed: u64, fresh: &Table) -> f64 {
    let answers = TestModel::trained(&waves(samples, seed).labelled()).predict(&fresh.unlabelled());
    let right = answers.iter().zip(&fresh.targets).filter(|(answer, target)| answer.class == **target);
    right.count() as f64 / fresh.rows.len() as f64
}

#[rstest]
#[case::fifty_samples(50, 5, 0.85)]
#[case::a_thousand_samples(1_000, 1, 0.95)]
#[case::ten_thousand_samples(10_000, 1, 0.98)]
fn separates_two_waves(#[case] samples: usize, #[case] seeds: u64, #[case] min_accuracy: f64) {
    let fresh = waves(20_000, 999);
    let mean = (0..seeds).map(|seed| accuracy(samples, seed, &fresh)).sum::<f64>() / seeds as f64;
    assert!(mean > min_accuracy, "{mean} after {samples} samples");
}

#[test]
fn predicts_the_observed_frequencies() {
    // Class 1 with probability 0.2 or 0.7, depending on the only column.
    let mut dice = crate::common::Dice::new(5);
    let mut table = Table::of_two_classes(&["\\a"]);
    for n in 0..4_000 {
        let high = n % 2 == 1;
        table.push(&[if high { 1.0 } else { -1.0 }], u8::from(dice.chance(if high { 0.7 } else { 0.2 })));
    }
    let answers = TestModel::trained(&table.labelled()).predict(&table.select([0, 1]).unlabelled());
    assert!((answers[0].probability_of_1() - 0.2).abs() < 0.03, "{answers:?}");
    assert!((answers[1].probability_of_1() - 0.7).abs() < 0.03, "{answers:?}");
}
