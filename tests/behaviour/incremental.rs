//! Incremental training in batches, with evaluations in between and imports on other sites.

use moodle_mlbackend::backend::ErrorKind;
use proptest::prelude::*;

use super::moodle_cases::figures;
use crate::common::{Dice, Prediction, Table, TestModel, waves};

#[test]
fn remembers_the_first_batch_after_a_small_second_one() {
    let mut first = Table::of_two_classes(&["\\max", "\\min", "\\name"]);
    for n in 0..20 {
        let one = n >= 10;
        first.push(&[1.0, -1.0, if one { -1.0 } else { -0.2 }], u8::from(one));
    }
    let mut more = Table::of_two_classes(&["\\max", "\\min", "\\name"]);
    more.push(&[1.0, -1.0, 1.0], 0);
    more.push(&[1.0, -1.0, -1.0], 1);
    let home = TestModel::trained(&first.labelled());
    let samples = first.select([0, 19]).unlabelled();
    for batch in 0..2 {
        let classes: Vec<String> = home.predict(&samples).into_iter().map(|answer| answer.class).collect();
        assert_eq!(classes, ["0", "1"], "after {batch} more batches");
        home.train(&more.labelled());
    }
}

#[track_caller]
fn assert_close(ours: &[Prediction], theirs: &[Prediction], tolerance: f64) {
    assert_eq!(ours.len(), theirs.len());
    for (a, b) in ours.iter().zip(theirs) {
        assert!(
            a.id == b.id && (a.probability_of_1() - b.probability_of_1()).abs() <= tolerance,
            "{a:?} and {b:?}"
        );
    }
}

/// Splits the rows into `batches`, each of which begins with a row of each class.
fn split(table: &Table, batches: usize, dice: &mut Dice) -> Vec<Table> {
    let of = |class: &str| (0..table.rows.len()).filter(|&row| table.targets[row] == class).collect();
    let (mut zeros, mut ones): (Vec<usize>, Vec<usize>) = (of("0"), of("1"));
    dice.shuffle(&mut zeros);
    dice.shuffle(&mut ones);
    let mut parts: Vec<Vec<usize>> = (0..batches).map(|at| vec![zeros[at], ones[at]]).collect();
    let mut rest: Vec<usize> = zeros[batches..].iter().chain(&ones[batches..]).copied().collect();
    dice.shuffle(&mut rest);
    for row in rest {
        parts[dice.below(batches)].push(row);
    }
    parts.into_iter().map(|rows| table.select(rows)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_model_does_not_depend_on_the_split_into_batches(seed: u64, batches in 2_usize..5) {
        let table = waves(120, seed);
        let samples = waves(50, seed ^ 1).unlabelled();
        let whole = TestModel::trained(&table.labelled()).predict(&samples);
        let home = TestModel::new();
        for batch in split(&table, batches, &mut Dice::new(seed)) {
            home.train(&batch.labelled());
        }
        assert_close(&home.predict(&samples), &whole, 1e-6);
    }
}

#[test]
fn accepts_a_batch_with_columns_in_another_order() {
    let table = waves(100, 3);
    let (first, second) = (table.select(0..50), table.select(50..100));
    let mut reordered = second.clone();
    reordered.names.reverse();
    reordered.rows.iter_mut().for_each(|row| row.reverse());
    let (ordered, mixed) = (TestModel::trained(&first.labelled()), TestModel::trained(&first.labelled()));
    ordered.train(&second.labelled());
    mixed.train(&reordered.labelled());
    let samples = waves(50, 4);
    assert_close(&ordered.predict(&samples.unlabelled()), &mixed.predict(&samples.unlabelled()), 1e-6);
}

#[test]
fn keeps_the_same_samples_within_the_limit_for_any_order_of_batches() {
    let table = waves(120, 6);
    let parts = split(&table, 3, &mut Dice::new(6));
    let predictions = |order: [usize; 3]| {
        let mut home = TestModel::new();
        home.limits.kept_rows = 50;
        for at in order {
            home.train(&parts[at].labelled());
        }
        let kept = home.model_dir().current().unwrap().unwrap();
        assert_eq!(kept.facts()["samples"].as_u64(), Some(50));
        home.predict(&waves(30, 7).unlabelled())
    };
    assert_close(&predictions([0, 1, 2]), &predictions([2, 0, 1]), 1e-6);
}

#[test]
fn uses_a_constant_column_once_it_varies() {
    let mut first = Table::of_two_classes(&["\\noise", "\\late"]);
    let mut second = first.clone();
    let mut dice = Dice::new(1);
    for n in 0..60 {
        first.push(&[dice.uniform() as f32, 0.0], n % 2);
        second.push(&[dice.uniform() as f32, if n % 2 == 0 { -1.0 } else { 1.0 }], n % 2);
    }
    let mut samples = Table::of_two_classes(&["\\noise", "\\late"]);
    samples.push(&[0.5, -1.0], 0);
    samples.push(&[0.5, 1.0], 1);

    let home = TestModel::trained(&first.labelled());
    let before = home.predict(&samples.unlabelled());
    assert!((before[0].probability_of_1() - before[1].probability_of_1()).abs() < 1e-6, "{before:?}");
    home.train(&second.labelled());
    let after = home.predict(&samples.unlabelled());
    assert!(after[0].probability_of_1() < 0.2 && after[1].probability_of_1() > 0.8, "{after:?}");
}

#[test]
fn refuses_a_batch_of_other_features_with_their_names_and_changes_nothing() {
    let table = waves(60, 1);
    let home = TestModel::trained(&table.labelled());
    let (model, samples) = (home.onnx(), waves(20, 2).unlabelled());
    let before = home.predict(&samples);
    let mut other = table.clone();
    other.names[1] = "\\new_indicator".to_owned();
    for message in [
        home.try_train(&other.labelled()).expect_err("refused"),
        home.try_predict(&other.unlabelled()).expect_err("refused"),
    ] {
        assert_eq!(message.kind(), ErrorKind::BadInput, "{message:?}");
        let message = message.to_string();
        assert!(message.contains(r#"missing in the dataset: "\b""#), "{message}");
        assert!(message.contains(r#"unknown to the model: "\new_indicator""#), "{message}");
    }
    assert_eq!(home.onnx(), model);
    assert_eq!(home.predict(&samples), before);
}

#[test]
fn adds_a_class_that_a_later_batch_introduces() {
    let mut first = Table::of_two_classes(&["\\a"]);
    let mut second = Table::of_classes(&["\\a"], &["0", "1", "2"]);
    for n in 0..30 {
        first.push(&[(n % 2) as f32], n % 2);
        second.push(&[(n % 3) as f32], n % 3);
    }
    let home = TestModel::trained(&first.labelled());
    home.train(&second.labelled());
    let classes: Vec<String> =
        home.predict(&second.select([0, 1, 2]).unlabelled()).into_iter().map(|answer| answer.class).collect();
    assert_eq!(classes, ["0", "1", "2"]);
}

#[test]
fn an_evaluation_leaves_the_trained_model_unchanged() {
    let home = TestModel::trained(&waves(100, 1).labelled());
    let (model, generation) = (home.onnx(), home.model_dir().current().unwrap().unwrap().number());
    home.evaluate(&waves(80, 2).labelled(), 3);
    home.evaluate_trained(&home, &waves(80, 2).labelled());
    assert_eq!(home.onnx(), model);
    assert_eq!(home.model_dir().current().unwrap().unwrap().number(), generation);
}

#[test]
fn an_evaluation_of_an_untrained_model_stores_no_model() {
    let home = TestModel::new();
    home.evaluate(&waves(80, 2).labelled(), 3);
    assert!(home.model_dir().current().expect("readable").is_none());
}

#[test]
fn repeats_an_evaluation_with_the_same_metrics_and_another_run_id() {
    let home = TestModel::new();
    let dataset = waves(150, 3).labelled();
    let (mut first, mut second) = (home.evaluate(&dataset, 4), home.evaluate(&dataset, 4));
    assert_ne!(first.runid, second.runid);
    for reply in [&mut first, &mut second] {
        reply.figures.as_mut().expect("figures").dir.clear();
    }
    assert_eq!(figures(&first), figures(&second));
    assert_eq!((first.status, first.info), (second.status, second.info));
}

#[test]
fn a_training_does_not_depend_on_the_order_of_rows() {
    let table = waves(100, 9);
    let mut shuffled: Vec<usize> = (0..100).collect();
    Dice::new(9).shuffle(&mut shuffled);
    let samples = waves(30, 10).unlabelled();
    let ordered = TestModel::trained(&table.labelled()).predict(&samples);
    assert_close(&TestModel::trained(&table.select(shuffled).labelled()).predict(&samples), &ordered, 1e-6);
}

#[test]
fn keeps_an_imported_model_while_it_predicts_better_than_a_new_one() {
    let home = TestModel::trained(&waves(1_000, 1).labelled());
    let elsewhere = TestModel::new();
    elsewhere.try_import(&home.export()).expect("imported");
    let samples = waves(200, 2);
    let answers = home.predict(&samples.unlabelled());
    assert_eq!(elsewhere.predict(&samples.unlabelled()), answers);
    elsewhere.train(&waves(6, 3).labelled());
    assert_eq!(elsewhere.predict(&samples.unlabelled()), answers, "six samples do not outweigh a thousand");
}

#[test]
fn replaces_an_imported_model_once_a_new_one_predicts_better() {
    // It was trained on the opposite targets.
    let mut inverted = waves(200, 1);
    for target in &mut inverted.targets {
        *target = if target == "0" { "1".to_owned() } else { "0".to_owned() };
    }
    let elsewhere = TestModel::new();
    elsewhere.try_import(&TestModel::trained(&inverted.labelled()).export()).expect("imported");
    elsewhere.train(&waves(300, 2).labelled());
    let fresh = waves(500, 3);
    let answers = elsewhere.predict(&fresh.unlabelled());
    let right = answers.iter().zip(&fresh.targets).filter(|(a, target)| a.class == **target).count();
    assert!(right > 425, "{right} of 500");
}
