use rstest::rstest;

use super::*;
use crate::report::fixtures;

fn page_of(classes: usize, iterations: usize) -> String {
    let evaluation = fixtures::evaluation(classes, iterations);
    page(&fixtures::report(Some(&evaluation), 0))
}

#[test]
fn the_page_begins_with_the_verdict_and_has_every_section_of_two_classes() {
    let page = page_of(2, 10);
    let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text}: {page}"));
    let order = [
        "<h1>Evaluation of \u{201c}course dropout\u{201d}",
        "class=\"verdict ",
        "class=\"tiles\"",
        "id=\"thresholds\"",
        "id=\"importance\"",
        "id=\"probabilities\"",
        "id=\"calibration\"",
        "id=\"confusion\"",
        "id=\"iterations\"",
        "id=\"roc\"",
        "id=\"precision-recall\"",
        "id=\"data\"",
        "id=\"card\"",
    ];
    let places: Vec<usize> = order.into_iter().map(at).collect();
    assert!(places.is_sorted(), "{places:?}");
}

/// Of the fixture's samples with at least 60 %, 20 of 25 are of class 1; there are 30 of class 1.
#[test]
fn the_threshold_of_moodle_is_explained_with_its_figures() {
    let page = page_of(2, 3);
    assert!(page.contains("Of 100 samples that it reports, about 80 are class 1"), "{page}");
    assert!(page.contains("of 100 samples that are class 1, it finds about 67"), "{page}");
}

#[rstest]
#[case::three_classes(3)]
#[case::many_classes(30)]
fn more_classes_have_no_threshold_but_all_other_sections(#[case] classes: usize) {
    let page = page_of(classes, 2);
    assert!(!page.contains("id=\"thresholds\"") && !page.contains("id=\"precision-recall\""));
    assert!(page.contains("id=\"roc\"") && page.contains("predicted rightly"), "{page}");
}

#[test]
fn a_run_without_a_result_says_why() {
    let page = page(&fixtures::report(None, 8));
    assert!(page.contains("No result") && page.contains(fixtures::INFO), "{page}");
    assert!(!page.contains("id=\"roc\"") && page.contains("id=\"data\""));
}

#[test]
fn every_picture_has_a_description_and_a_table() {
    let page = page_of(2, 10);
    let figures = page.matches("<figure>").count();
    assert!(figures >= 6, "{figures}");
    assert_eq!(page.matches("role=\"img\" aria-label=\"").count(), figures);
    assert_eq!(page.matches("<summary>The numbers</summary>").count(), figures);
}

#[test]
fn the_page_loads_nothing_and_runs_nothing() {
    let page = page_of(2, 10);
    for forbidden in ["<script", "http://", "https://", "src=", "@import", "url(", "javascript:"] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
}

#[test]
fn names_of_a_dataset_are_text() {
    let mut evaluation = fixtures::evaluation(2, 2);
    let hostile = "</style><script>alert(1)</script>\"'";
    evaluation.classes = vec![hostile.to_owned(), hostile.to_owned()];
    evaluation.importance[0].feature = hostile.to_owned();
    evaluation.iterations[0].decisions = vec![hostile.to_owned()];
    let mut report = fixtures::report(Some(&evaluation), 4);
    report.dataset.target = Some(hostile.to_owned());
    report.dataset.time_splitting = Some(hostile.to_owned());
    report.dataset.class_counts = vec![(hostile.to_owned(), 3)];
    report.run = hostile.to_owned();
    let page = page(&report);
    assert!(!page.contains("<script"), "{page}");
    assert_eq!(page.matches("</style>").count(), 1);
}

#[test]
fn a_comparison_with_the_previous_run_says_which_is_better() {
    let evaluation = fixtures::evaluation(2, 2);
    let mut report = fixtures::report(Some(&evaluation), 0);
    let started = report.started;
    for (score, expected) in [(0.5, "better than"), (0.99, "worse than"), (0.85, "about the same as")] {
        let previous =
            crate::report::PreviousRun { started, score, score_deviation: 0.01, auc: None, samples: 7 };
        let mut report = report.clone();
        report.previous = Some(&previous);
        assert!(page(&report).contains(&format!("<strong>{expected}</strong>")), "{expected}");
    }
    report.previous = None;
    assert!(!page(&report).contains("id=\"previous\""));
}
