//! What an administrator finds in `info.log`.

use rstest::rstest;

use super::text;
use crate::report::fixtures;

#[test]
fn a_good_model_is_told_with_its_data_its_figures_and_what_they_mean() {
    let evaluation = fixtures::two_classes(10);
    let log = text(&fixtures::report(Some(&evaluation), 0));
    for expected in [
        "evaluation run 1795231887123",
        "2026-11-21 06:14:03 UTC",
        "after 2.1 s",
        "GOOD ENOUGH. A model trained on this data scored",
        "course_dropout",
        "365, of which 60 vary",
        "1632 samples (85.7 %)",
        "Always guessing class 0 would be right for 85.7 %",
        "10 times: shuffle the samples",
        "0.5 is guessing, 1 perfect",
        "- Penalty 0.3, chosen by 5-fold cross-validated log-loss.\n",
    ] {
        assert!(log.contains(expected), "missing {expected:?} in\n{log}");
    }
    assert!(log.contains(&format!("{:.4} ± 0.0123", evaluation.mean.f1)), "{log}");
}

#[rstest]
#[case::low_score(4, "NOT GOOD ENOUGH.")]
#[case::unsteady(8, "NOT SURE.")]
#[case::both(12, "NOT GOOD ENOUGH, AND NOT SURE.")]
fn a_refused_model_is_told_why(#[case] status: u8, #[case] verdict: &str) {
    let evaluation = fixtures::two_classes(3);
    let log = text(&fixtures::report(Some(&evaluation), status));
    assert!(log.contains(verdict), "{log}");
    assert!(log.contains(&format!("Moodle was told: {}", fixtures::INFO)), "{log}");
}

#[rstest]
#[case::labels_do_not_match(1, "the dataset contradicts itself")]
#[case::no_model(2, "is not on this server")]
#[case::too_few_samples(8, "too few samples")]
fn a_run_that_measured_nothing_says_why(#[case] status: u8, #[case] why: &str) {
    let log = text(&fixtures::report(None, status));
    assert!(log.contains("NOTHING WAS MEASURED") && log.contains(why), "{log}");
    assert!(log.contains(fixtures::INFO) && !log.contains("Averages"), "{log}");
}

#[test]
fn every_iteration_has_a_line_with_its_figures() {
    let evaluation = fixtures::three_classes(4);
    let log = text(&fixtures::report(Some(&evaluation), 0));
    let table: Vec<_> = log.lines().skip_while(|l| *l != "Each iteration").skip(3).take(4).collect();
    for (n, (line, iteration)) in (1..).zip(table.into_iter().zip(&evaluation.iterations)) {
        assert!(line.trim_start().starts_with(&format!("{n} ")), "{line}");
        assert!(line.contains(&format!("{:.4}", iteration.figures.f1)), "{line}");
    }
}

#[test]
fn the_first_iterations_decisions_stand_for_all() {
    let mut evaluation = fixtures::two_classes(4);
    for (n, iteration) in evaluation.iterations.iter_mut().enumerate() {
        iteration.decisions = vec![format!("Took recipe {n}.")];
    }
    let log = text(&fixtures::report(Some(&evaluation), 0));
    assert!(log.contains("- Took recipe 0.") && !log.contains("Took recipe 1"), "{log}");
    assert!(log.contains("report.json tells of each"), "{log}");
}

#[test]
fn mix_ups_are_added_up_over_the_iterations() {
    let log = text(&fixtures::report(Some(&fixtures::two_classes(3)), 0));
    let row = log.lines().find(|l| l.starts_with("was 1")).expect("a row for class 1");
    assert_eq!(row.split_whitespace().collect::<Vec<_>>(), ["was", "1", "21", "300"]);
}

#[test]
fn the_rated_trained_model_is_not_told_as_new_ones() {
    let evaluation = fixtures::two_classes(1);
    let report = super::RunReport { rated_trained_model: true, ..fixtures::report(Some(&evaluation), 0) };
    let log = text(&report);
    assert!(log.contains("The trained model scored") && !log.contains("shuffle"), "{log}");
    assert!(!log.contains('±'), "one rating has no deviation:\n{log}");
}

#[test]
fn a_model_that_only_guesses_is_called_so() {
    let mut evaluation = fixtures::two_classes(2);
    evaluation.mean.accuracy = evaluation.mean.majority_accuracy;
    let log = text(&fixtures::report(Some(&evaluation), 0));
    assert!(log.contains("Beware"), "{log}");
}

#[test]
fn lines_of_the_run_are_included_and_cannot_forge_others() {
    let lines = ["read 1904 samples\nGOOD ENOUGH".to_owned()];
    let log = text(&super::RunReport { log: &lines, ..fixtures::report(None, 1) });
    assert!(log.ends_with("read 1904 samples GOOD ENOUGH\n"), "{log}");
}

#[test]
fn each_class_is_told_with_its_figures() {
    let log = text(&fixtures::report(Some(&fixtures::three_classes(2)), 0));
    let table: Vec<_> = log.lines().skip_while(|l| *l != "Each class").skip(3).take(3).collect();
    for (label, line) in ["0", "1", "2"].iter().zip(table) {
        let cells: Vec<_> = line.split_whitespace().collect();
        assert_eq!((cells.len(), cells[0], cells[1]), (6, *label, "381"), "{line}");
    }
}

#[test]
fn the_probabilities_are_judged_in_words_and_in_ten_parts() {
    let log = text(&fixtures::report(Some(&fixtures::two_classes(10)), 0));
    assert!(log.contains("Can the probabilities be believed?\n"), "{log}");
    assert!(log.contains("it said 93.0 %, and was right 90.0 % of the time"), "{log}");
    let table = log.lines().skip_while(|l| !l.contains("it said   it was so")).skip(1);
    assert_eq!(table.take_while(|l| l.contains('%')).count(), 10, "{log}");
}

#[test]
fn a_good_accuracy_that_hides_a_missed_class_is_called_so() {
    let mut evaluation = fixtures::two_classes(2);
    evaluation.mean.accuracy = 0.9;
    evaluation.mean.balanced_accuracy = 0.6;
    evaluation.per_class[1].recall = 0.21;
    let log = text(&fixtures::report(Some(&evaluation), 0)).replace('\n', " ");
    assert!(log.contains("of class 1 only 21.0 % were found") && log.contains("is 60.0 %."), "{log}");
    evaluation.mean.balanced_accuracy = 0.88;
    assert!(!text(&fixtures::report(Some(&evaluation), 0)).contains("were found, and"));
}

#[test]
fn fewer_iterations_than_were_asked_for_are_told() {
    let mut evaluation = fixtures::two_classes(3);
    evaluation.asked = 10;
    let log = text(&fixtures::report(Some(&evaluation), 0)).replace('\n', " ");
    assert!(log.contains("10 times were asked for") && log.contains("was up after 3."), "{log}");
}
