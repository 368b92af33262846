//! Any valid dataset can be trained on, and every predicted probability is between 0 and 1.

use moodle_mlbackend::backend::RepeatedBatches;
use moodle_mlbackend::dataset::read_labelled;
use moodle_mlbackend::model::Model;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use rstest::rstest;

use crate::common::{Dice, SHAPES, Table, TestModel, hostile, hostile_and_large, waves};

/// The rounding error of single precision in a sum of up to 20 numbers.
const ROUNDING: f64 = 1e-5;

/// Checks `cases` values of a strategy, times the factor in the environment: `HOSTILE_TIMES=50 cargo test hostile`.
#[track_caller]
fn check<S: Strategy>(cases: u32, strategy: &S, test: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let factor = std::env::var("HOSTILE_TIMES").ok().and_then(|times| times.parse().ok()).unwrap_or(1);
    let config =
        ProptestConfig { cases: cases * factor, failure_persistence: None, ..ProptestConfig::default() };
    TestRunner::new(config).run(strategy, test).unwrap_or_else(|error| panic!("{error}"));
}

/// How far the training log-loss may be above that of the classes' shares: models are selected and calibrated on held-out
/// samples, which may slightly increase the training loss when the features are not informative.
const TRAINING_LOSS_TOLERANCE: f64 = 1e-3;

/// Mean log-loss of the classes' shares: that of a model without features.
fn loss_of_shares(table: &Table) -> f64 {
    let n = table.targets.len() as f64;
    let count = |class: &String| table.targets.iter().filter(|target| *target == class).count() as f64;
    table
        .classes
        .iter()
        .map(count)
        .filter(|&count| count > 0.0)
        .map(|count| -count / n * (count / n).ln())
        .sum()
}

/// Trains, and checks every probability that the stored model predicts for its training samples.
fn train_and_check(table: &Table) -> Result<TestModel, TestCaseError> {
    let home = TestModel::new();
    let dataset = table.labelled();
    let reply = home.try_train(&dataset)?;
    prop_assert_eq!(reply.status.0, 0, "{:?}", reply);

    let model = Model::load(&home.onnx())?;
    let samples = read_labelled(&dataset[..], &home.limits).unwrap().into_samples().unwrap();
    let probabilities = model.predict(samples.features().clone())?;
    let mut loss = 0.0;
    for (row, &target) in probabilities.outer_iter().zip(samples.targets()) {
        prop_assert!(row.iter().all(|p| p.is_finite() && (0.0..=1.0).contains(p)), "{}", row);
        prop_assert!((row.sum() - 1.0).abs() < ROUNDING, "{} sums to {}", row, row.sum());
        loss -= row[target as usize].max(1e-30).ln() / samples.targets().len() as f64;
    }
    let shares = loss_of_shares(table);
    prop_assert!(
        loss <= shares + TRAINING_LOSS_TOLERANCE,
        "log-loss {} where the classes' shares have {}",
        loss,
        shares
    );
    Ok(home)
}

#[rstest]
fn trains_on_and_predicts_any_dataset(#[values(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13)] shape: usize) {
    check(16, &hostile(SHAPES[shape]), |table| {
        let home = train_and_check(&table)?;
        let predictions = home.try_predict(&table.unlabelled())?.expect("a model");
        prop_assert_eq!(predictions.len(), table.rows.len());
        for prediction in &predictions {
            prop_assert!(table.classes.contains(&prediction.class), "{:?}", prediction);
            let min = 1.0 / table.classes.len() as f64 - ROUNDING;
            prop_assert!((min..=1.0).contains(&prediction.probability), "{:?}", prediction);
        }
        Ok(())
    });
}

#[rstest]
fn trains_on_any_larger_dataset(#[values(0, 2, 5, 7, 8, 9, 10, 11, 12, 13)] shape: usize) {
    check(2, &hostile_and_large(SHAPES[shape]), |table| train_and_check(&table).map(drop));
}

#[rstest]
fn evaluates_any_dataset_or_reports_too_few_samples(
    #[values(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13)] shape: usize,
) {
    // Few cases, because each evaluation draws a chart.
    check(2, &hostile(SHAPES[shape]), |table| {
        let home = TestModel::new();
        let reply = home.try_evaluate(&table.labelled(), 2, None)?;
        let few = table.classes.iter().any(|class| table.targets.iter().filter(|t| *t == class).count() < 2);
        prop_assert_eq!(reply.figures.is_none(), few, "{:?}", reply);
        if few {
            prop_assert_eq!(reply.status.0, 8, "{:?}", reply);
        }
        let text = serde_json::to_string(&reply).unwrap();
        prop_assert!(!text.contains("null"), "a number that is not finite: {}", text);
        Ok(())
    });
}

#[test]
fn predicts_samples_far_outside_of_the_training_range() {
    let extremes = [f32::MAX, f32::MIN, f32::MIN_POSITIVE, 1e-45, 0.0, -0.0, 1e30, f32::NAN];
    let strategy = (0..SHAPES.len()).prop_flat_map(|shape| hostile(SHAPES[shape]));
    check(25, &strategy, |table| {
        let home = train_and_check(&table)?;
        let mut extreme = Table { rows: Vec::new(), targets: Vec::new(), ..table };
        for value in extremes {
            extreme.push(&vec![value; extreme.names.len()], "0");
        }
        let rotated: Vec<f32> = (0..extreme.names.len()).map(|at| extremes[at % 8]).collect();
        extreme.push(&rotated, "0");
        let predictions = home.try_predict(&extreme.unlabelled())?.expect("a model");
        for prediction in predictions {
            prop_assert!((0.0..=1.0).contains(&prediction.probability), "{:?}", prediction);
        }
        Ok(())
    });
}

#[test]
fn trains_on_a_second_batch_of_any_shape_together_with_the_first() {
    let pair =
        (0..SHAPES.len()).prop_flat_map(|shape| (hostile(SHAPES[shape]), any::<proptest::sample::Index>()));
    check(20, &pair, |(table, at)| {
        let mut home = train_and_check(&table)?;
        home.repeated = RepeatedBatches::Count;
        // All samples and one of them again, so that every class is among them.
        let mut again: Vec<usize> = (0..table.rows.len()).collect();
        again.push(at.index(table.rows.len()));
        let batch = table.select(again);
        prop_assert_eq!(home.try_train(&batch.labelled())?.status.0, 0);
        let kept = home.model_dir().current().unwrap().unwrap();
        prop_assert_eq!(kept.facts()["samples"].as_u64(), Some(2 * table.rows.len() as u64 + 1));
        Ok(())
    });
}

/// Noise with the given number of samples of each class.
fn noise(columns: usize, counts: &[usize]) -> Table {
    let mut dice = Dice::new(columns as u64);
    let names: Vec<String> = (0..columns).map(|at| format!("\\c{at}")).collect();
    let labels: Vec<String> = (0..counts.len()).map(|class| class.to_string()).collect();
    let mut table = Table { names, classes: labels, rows: Vec::new(), targets: Vec::new() };
    for (class, &count) in counts.iter().enumerate() {
        for _ in 0..count {
            let row: Vec<f32> = (0..columns).map(|_| dice.between(-1.0, 1.0) as f32).collect();
            table.push(&row, class);
        }
    }
    table
}

#[rstest]
#[case::two_samples(3, &[1, 1])]
#[case::two_samples_without_a_column_that_varies(0, &[1, 1])]
#[case::two_thousand_varying_columns(2_000, &[60, 40])]
#[case::a_thousand_to_one(4, &[3_000, 3])]
#[case::a_class_that_is_in_few_folds(4, &[60, 2])]
#[case::twenty_classes_of_two(5, &[2; 20])]
#[case::twenty_classes_one_of_them_large(5, &[300, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3])]
fn trains_on_and_evaluates_extreme_sizes(#[case] columns: usize, #[case] counts: &[usize]) {
    let mut table = noise(columns.max(1), counts);
    if columns == 0 {
        table.rows.iter_mut().for_each(|row| row[0] = Some(0.25));
    }
    let home = train_and_check(&table).unwrap_or_else(|error| panic!("{error}"));
    let reply = home.evaluate(&table.labelled(), 2);
    let few = counts.iter().any(|&count| count < 2);
    assert_eq!(reply.figures.is_none(), few, "{reply:?}");
    assert_eq!(few, reply.status.0 == 8 && reply.figures.is_none(), "{reply:?}");
}

/// By hand: `cargo test --test behaviour trains_on_a_million -- --ignored`.
#[test]
#[ignore = "takes minutes and some 100 MB of memory"]
fn trains_on_a_million_samples() {
    let home = train_and_check(&waves(1_000_000, 1)).unwrap_or_else(|error| panic!("{error}"));
    let fresh = waves(20_000, 2);
    let predictions = home.predict(&fresh.unlabelled());
    let right =
        predictions.iter().zip(&fresh.targets).filter(|(prediction, target)| prediction.class == **target);
    assert!(right.count() > 19_600);
}
