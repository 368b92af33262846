//! Tests of `info.log`.

use rstest::rstest;

use super::text;
use crate::report::fixtures;

#[test]
fn explains_a_good_model_with_its_dataset_and_metrics() {
    let evaluation = fixtures::evaluation(2, 10);
    let log = text(&fixtures::report(Some(&evaluation), 0));
    for expected in [
        "evaluation run 1795231887123",
        "2026-11-21 06:14:03 UTC",
        "after 2.1 s",
        "GOOD ENOUGH. A model trained on this data scored",
        "course_dropout",
        "365, of which 60 vary",
        "1632 samples (85.7 %)",
        "Always predicting class 0 would have an accuracy of 85.7 %",
        "10 iterations: shuffle the samples",
        "0.5 is guessing, 1 perfect",
        "- Penalty 0.3, chosen by 5-fold cross-validated log-loss.\n",
    ] {
        assert!(log.contains(expected), "missing {expected:?} in\n{log}");
    }
    assert!(log.contains(&format!("{:.4} ± 0.0123", evaluation.mean.f1)), "{log}");
}

#[rstest]
#[case::low_score(4, "NOT GOOD ENOUGH.")]
#[case::unstable(8, "UNSTABLE.")]
#[case::both(12, "NOT GOOD ENOUGH AND UNSTABLE.")]
fn gives_the_reason_for_a_rejected_model(#[case] status: u8, #[case] result: &str) {
    let evaluation = fixtures::evaluation(2, 3);
    let log = text(&fixtures::report(Some(&evaluation), status));
    assert!(log.contains(result), "{log}");
    assert!(log.contains(&format!("Message in Moodle: {}", fixtures::INFO)), "{log}");
}

#[rstest]
#[case::labels_do_not_match(1, "the dataset is inconsistent")]
#[case::no_model(2, "is not on this server")]
#[case::too_few_samples(8, "too few samples")]
fn gives_the_reason_for_a_run_without_results(#[case] status: u8, #[case] reason: &str) {
    let log = text(&fixtures::report(None, status));
    assert!(log.contains("NO RESULT") && log.contains(reason), "{log}");
    assert!(log.contains(fixtures::INFO) && !log.contains("Averages"), "{log}");
}

#[test]
fn names_the_score_without_repeated_samples_if_they_flatter_it() {
    let mut evaluation = fixtures::evaluation(2, 4);
    assert!(!text(&fixtures::report(Some(&evaluation), 0)).contains("The score is too high"));
    evaluation.grouped_score = Some(0.612);
    let log = text(&fixtures::report(Some(&evaluation), 0)).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(log.contains("The score is too high") && log.contains("the score is 0.6120."), "{log}");
}

#[test]
fn lists_the_metrics_of_every_iteration() {
    let evaluation = fixtures::evaluation(3, 4);
    let log = text(&fixtures::report(Some(&evaluation), 0));
    let table: Vec<_> = log.lines().skip_while(|l| *l != "Iterations").skip(3).take(4).collect();
    for (n, (line, iteration)) in (1..).zip(table.into_iter().zip(&evaluation.iterations)) {
        assert!(line.trim_start().starts_with(&format!("{n} ")), "{line}");
        assert!(line.contains(&format!("{:.4}", iteration.metrics.f1)), "{line}");
    }
}

#[test]
fn lists_the_decisions_of_the_first_iteration_only() {
    let mut evaluation = fixtures::evaluation(2, 4);
    for (n, iteration) in evaluation.iterations.iter_mut().enumerate() {
        iteration.decisions = vec![format!("Chose model {n}.")];
    }
    let log = text(&fixtures::report(Some(&evaluation), 0));
    assert!(log.contains("- Chose model 0.") && !log.contains("Chose model 1"), "{log}");
    assert!(log.contains("report.json lists those of each"), "{log}");
}

#[test]
fn sums_the_confusion_matrix_over_the_iterations() {
    let log = text(&fixtures::report(Some(&fixtures::evaluation(2, 3)), 0));
    let row = log.lines().find(|l| l.starts_with("actual 1")).expect("a row for class 1");
    assert_eq!(row.split_whitespace().collect::<Vec<_>>(), ["actual", "1", "21", "300"]);
}

#[test]
fn does_not_describe_a_trained_model_as_newly_trained() {
    let evaluation = fixtures::evaluation(2, 1);
    let report = super::RunReport { rated_trained_model: true, ..fixtures::report(Some(&evaluation), 0) };
    let log = text(&report);
    assert!(log.contains("The trained model scored") && !log.contains("shuffle"), "{log}");
    assert!(!log.contains('±'), "one evaluation has no deviation:\n{log}");
}

#[test]
fn warns_of_a_model_that_only_predicts_the_majority_class() {
    let mut evaluation = fixtures::evaluation(2, 2);
    evaluation.mean.accuracy = evaluation.mean.majority_accuracy;
    let log = text(&fixtures::report(Some(&evaluation), 0));
    assert!(log.contains("Warning: its accuracy is hardly higher"), "{log}");
}

#[test]
fn lists_the_metrics_of_each_class() {
    let log = text(&fixtures::report(Some(&fixtures::evaluation(3, 2)), 0));
    let table: Vec<_> = log.lines().skip_while(|l| *l != "Classes").skip(3).take(3).collect();
    for (label, line) in ["0", "1", "2"].iter().zip(table) {
        let cells: Vec<_> = line.split_whitespace().collect();
        assert_eq!((cells.len(), cells[0], cells[1]), (6, *label, "381"), "{line}");
    }
}

#[test]
fn assesses_the_probabilities_in_words_and_in_ten_groups() {
    let log = text(&fixtures::report(Some(&fixtures::evaluation(2, 10)), 0));
    assert!(log.contains("Are the probabilities reliable?\n"), "{log}");
    let words = log.replace('\n', " ");
    assert!(words.contains("93.0 % predicted on average, 90.0 % observed"), "{log}");
    let table = log.lines().skip_while(|l| !l.contains("predicted    observed")).skip(1);
    assert_eq!(table.take_while(|l| l.contains('%')).count(), 10, "{log}");
}

#[test]
fn warns_of_a_high_accuracy_that_hides_a_low_recall() {
    let mut evaluation = fixtures::evaluation(2, 2);
    evaluation.mean.accuracy = 0.9;
    evaluation.mean.balanced_accuracy = 0.6;
    evaluation.per_class[1].recall = 0.21;
    let log = text(&fixtures::report(Some(&evaluation), 0)).replace('\n', " ");
    assert!(log.contains("of class 1 only 21.0 % were found") && log.contains("is 60.0 %."), "{log}");
    evaluation.mean.balanced_accuracy = 0.88;
    assert!(!text(&fixtures::report(Some(&evaluation), 0)).contains("were found, and the"));
}

#[test]
fn reports_fewer_iterations_than_requested() {
    let mut evaluation = fixtures::evaluation(2, 3);
    evaluation.requested_iterations = 10;
    let log = text(&fixtures::report(Some(&evaluation), 0)).replace('\n', " ");
    assert!(log.contains("10 iterations were requested") && log.contains("reached after 3."), "{log}");
}
