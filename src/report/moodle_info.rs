//! The sentences about a good result that Moodle shows to its administrator: after the evaluation, under *Info > View*
//! of its log, and on the command line.
//!
//! Owns their wording. Moodle puts them into its page as HTML, so they hold only our own words, numbers, and labels of
//! classes as [`Untrusted::quoted`] makes them inert. Must not know the format of the reply.

use super::format::{percent, short};
use super::{RunReport, summary};
use crate::learning::Evaluation;
use crate::text::Untrusted;

/// The verdict and the figures beside guessing, for a result with status 0. Empty for any other result, which has sentences
/// of its own.
#[must_use]
pub fn result_sentences(report: &RunReport<'_>) -> Vec<String> {
    let Some(evaluation) = report.evaluation.filter(|_| report.status == 0) else { return Vec::new() };
    vec![verdict(report, evaluation), figures(evaluation)]
}

/// The same sentences and where the report is, as Moodle shows them.
#[must_use]
pub fn moodle_info(report: &RunReport<'_>) -> Vec<String> {
    let mut sentences = result_sentences(report);
    if !sentences.is_empty() {
        sentences.push(
            "The report with all figures and charts (report.html, a page for your browser) is in the directory \
             that Moodle names below."
                .to_owned(),
        );
    }
    sentences
}

fn verdict(report: &RunReport<'_>, evaluation: &Evaluation) -> String {
    let model = if report.rated_trained_model { "the trained model" } else { "a model trained on this data" };
    let score =
        format!("{model} scored {}, and the minimum is {}", short(evaluation.mean.f1), report.min_score);
    if summary::is_no_better_than_guessing(&evaluation.mean) {
        return format!(
            "Use with care: {score}, but always guessing the most frequent class is right about as often."
        );
    }
    if summary::hardly_ranks(&evaluation.mean) {
        return format!("Use with care: {score}, but it hardly ranks the samples better than guessing.");
    }
    format!("Good enough to use: {score}.")
}

fn figures(evaluation: &Evaluation) -> String {
    let mean = &evaluation.mean;
    let guessing = percent(mean.majority_accuracy);
    let ([_, label], Some(auc)) = (&evaluation.classes[..], mean.auc) else {
        return format!(
            "{} of its predictions are right; always guessing the most frequent class is right for {guessing}.",
            percent(mean.accuracy)
        );
    };
    let class = Untrusted(label).quoted(16);
    let auc = format!("Its AUC is {} (0.5 is guessing, 1 is perfect)", short(auc));
    match flagged_rightly(evaluation) {
        Some(right) => format!(
            "{auc}; of 100 samples that it flags as class {class}, about {right} are flagged rightly, and of 100 \
             samples picked by chance {} would be.",
            out_of_100(prevalence(evaluation))
        ),
        None => format!("{auc}; it flags no sample as class {class}."),
    }
}

/// Of 100 samples that were predicted to be of the second class, the number that are.
fn flagged_rightly(evaluation: &Evaluation) -> Option<u32> {
    let flagged = cells(evaluation, |_, predicted| predicted == 1);
    let right = cells(evaluation, |actual, predicted| actual == 1 && predicted == 1);
    (flagged > 0.0).then(|| out_of_100(right / flagged))
}

/// The share of the second class in the test samples.
fn prevalence(evaluation: &Evaluation) -> f64 {
    cells(evaluation, |actual, _| actual == 1) / cells(evaluation, |_, _| true).max(1.0)
}

/// The number of test samples in some cells of the confusion matrices, which have the true and the predicted class.
fn cells(evaluation: &Evaluation, counts: impl Fn(usize, usize) -> bool) -> f64 {
    let matrices = evaluation.iterations.iter().map(|iteration| &iteration.confusion);
    let mut sum = 0.0;
    for (actual, row) in matrices.flat_map(|matrix| matrix.iter().enumerate()) {
        let counted = row.iter().enumerate().filter(|(predicted, _)| counts(actual, *predicted));
        sum += counted.map(|(_, &samples)| samples as f64).sum::<f64>();
    }
    sum
}

/// A share as a number of 100; 0 and 100 only when it is exactly that.
fn out_of_100(share: f64) -> u32 {
    let rounded = (share * 100.0).round() as u32;
    if share <= 0.0 || share >= 1.0 { rounded } else { rounded.clamp(1, 99) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures;

    #[test]
    fn a_good_result_has_a_verdict_figures_beside_guessing_and_the_place_of_the_report() {
        let mut evaluation = fixtures::evaluation(2, 2);
        evaluation.mean.accuracy = 0.9;
        let info = moodle_info(&fixtures::report(Some(&evaluation), 0));
        assert_eq!(info.len(), 3);
        assert_eq!(
            info[0],
            "Good enough to use: a model trained on this data scored 0.850, and the minimum is 0.7."
        );
        assert!(info[1].contains("Its AUC is 0.") && info[1].contains("0.5 is guessing"), "{}", info[1]);
        // 100 of 107 in each of the two matrices.
        assert!(info[1].contains("of 100 samples that it flags as class \"1\", about 93 are"), "{}", info[1]);
        assert!(info[1].contains("picked by chance 50 would"), "{}", info[1]);
        assert!(info[2].contains("report.html") && info[2].contains("Moodle names below"), "{}", info[2]);
    }

    #[test]
    fn a_result_no_better_than_guessing_is_not_called_good_enough() {
        let evaluation = fixtures::evaluation(2, 1);
        let info = moodle_info(&fixtures::report(Some(&evaluation), 0));
        assert!(info[0].starts_with("Use with care: "), "{}", info[0]);
    }

    #[test]
    fn a_result_that_hardly_ranks_better_than_guessing_is_not_called_good_enough() {
        let mut evaluation = fixtures::evaluation(2, 2);
        (evaluation.mean.accuracy, evaluation.mean.auc) = (0.9, Some(0.509));
        let info = moodle_info(&fixtures::report(Some(&evaluation), 0));
        assert!(info[0].starts_with("Use with care: ") && info[0].ends_with("than guessing."), "{}", info[0]);
    }

    #[test]
    fn a_model_that_flags_no_sample_is_reported_as_such() {
        let mut evaluation = fixtures::evaluation(2, 1);
        evaluation.iterations[0].confusion = vec![vec![10, 0], vec![3, 0]];
        let info = moodle_info(&fixtures::report(Some(&evaluation), 0));
        assert!(info[1].ends_with("it flags no sample as class \"1\"."), "{}", info[1]);
    }

    #[test]
    fn more_than_two_classes_have_the_share_of_right_predictions() {
        let evaluation = fixtures::evaluation(3, 1);
        let info = moodle_info(&fixtures::report(Some(&evaluation), 0));
        assert!(info[1].starts_with("86.0 % of its predictions are right; always guessing"), "{}", info[1]);
    }

    #[test]
    fn other_results_have_no_further_sentences() {
        let evaluation = fixtures::evaluation(2, 1);
        assert!(
            [1, 4, 8, 12]
                .iter()
                .all(|&status| { moodle_info(&fixtures::report(Some(&evaluation), status)).is_empty() })
        );
        assert!(moodle_info(&fixtures::report(None, 0)).is_empty());
    }

    #[test]
    fn a_hostile_label_is_inert_in_a_page() {
        let mut evaluation = fixtures::evaluation(2, 1);
        evaluation.classes[1] = "<script>".to_owned();
        let info = moodle_info(&fixtures::report(Some(&evaluation), 0)).concat();
        assert!(info.contains("?script?") && !info.contains(['<', '>', '&']), "{info}");
    }

    #[test]
    fn a_rounded_share_never_claims_to_be_everything_or_nothing() {
        assert_eq!([0.0, 0.001, 0.5, 0.999, 1.0].map(out_of_100), [0, 1, 50, 99, 100]);
    }
}
