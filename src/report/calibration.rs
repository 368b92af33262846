//! The calibration of an evaluation, in numbers and sentences.
//!
//! Owns their interpretation. Must not know how they are laid out: the chart and `info.log` do that.

use super::RunReport;
use super::format::{count, percent};
use crate::learning::{CalibrationBin, Evaluation};
use crate::text::Untrusted;

/// Up to this error, probabilities count as reliable, however small the error expected by chance.
const SMALL: f64 = 0.015;
/// From this error on, probabilities count as unreliable.
const LARGE: f64 = 0.05;

/// The bins that can be shown, in the order of their probabilities.
pub(super) fn bins(evaluation: &Evaluation) -> Vec<CalibrationBin> {
    let shown = |bin: &&CalibrationBin| {
        let unit = 0.0..=1.0;
        bin.samples > 0 && unit.contains(&bin.predicted) && unit.contains(&bin.observed)
    };
    evaluation.calibration.bins.iter().filter(shown).copied().collect()
}

/// The class of the probabilities: `class 1` of two classes, otherwise the predicted class.
pub(super) fn subject(evaluation: &Evaluation) -> String {
    match &evaluation.classes[..] {
        [_, second] => format!("class {}", Untrusted(second).line(16)),
        _ => "the predicted class".to_owned(),
    }
}

/// Standard error of a bin's observed frequency under perfect calibration. Only distinct samples count:
/// testing the same sample in several iterations adds no information.
pub(super) fn standard_error(bin: &CalibrationBin, report: &RunReport<'_>) -> f64 {
    let predictions =
        report.evaluation.map_or(0.0, |e| e.iterations.iter().map(|i| i.test_samples as f64).sum());
    let distinct = (report.dataset.samples as f64 / predictions.max(1.0)).min(1.0) * bin.samples as f64;
    (bin.predicted * (1.0 - bin.predicted) / distinct.max(1.0)).sqrt()
}

/// The calibration error expected of a perfectly calibrated model on this number of samples: in each bin the
/// mean absolute deviation of a normal distribution, √(2/π) of its standard error.
pub(super) fn by_chance(bins: &[CalibrationBin], report: &RunReport<'_>) -> f64 {
    let total: f64 = bins.iter().map(|bin| bin.samples as f64).sum();
    let each = bins.iter().map(|bin| bin.samples as f64 * standard_error(bin, report));
    each.sum::<f64>() / total.max(1.0) * std::f64::consts::FRAC_2_PI.sqrt()
}

/// How reliable the probabilities are, in a sentence; `None` without any.
pub(super) fn assessment(report: &RunReport<'_>) -> Option<String> {
    let evaluation = report.evaluation?;
    let bins = bins(evaluation);
    let error = evaluation.calibration.error;
    if bins.is_empty() || !error.is_finite() {
        return None;
    }
    let by_chance = by_chance(&bins, report);
    let difference = format!(
        "predicted probabilities and observed frequencies differ by {} percentage points on average; with this \
         number of samples, about {} are expected by chance",
        points(error),
        points(by_chance)
    );
    Some(if error <= SMALL.max(1.5 * by_chance) {
        format!("Yes: {difference}.")
    } else if error < LARGE {
        format!("Mostly: {difference}. The model is slightly {}.", tendency(&bins, evaluation))
    } else {
        format!("Use them with care: {difference}. The model is {}.", tendency(&bins, evaluation))
    })
}

/// One bin as a sentence: the highest probabilities, on which Moodle acts.
pub(super) fn example(evaluation: &Evaluation) -> Option<String> {
    let highest = bins(evaluation).pop()?;
    let (predicted, observed) = (percent(highest.predicted), percent(highest.observed));
    let predictions = count(highest.samples, "prediction", "predictions");
    Some(match &evaluation.classes[..] {
        [_, second] => {
            let class = Untrusted(second).line(16);
            format!(
                "Highest probabilities of class {class} ({predictions}): {predicted} predicted on average, \
                 {observed} observed."
            )
        }
        _ => format!(
            "Highest probabilities ({predictions}): {predicted} predicted on average, {observed} of the \
             predictions were correct."
        ),
    })
}

/// A share as percentage points.
pub(super) fn points(share: f64) -> String {
    format!("{:.1}", share * 100.0)
}

/// Overconfident: likely outcomes occur less often than predicted, and unlikely ones more often.
fn tendency(bins: &[CalibrationBin], evaluation: &Evaluation) -> &'static str {
    let of_two = evaluation.classes.len() == 2;
    let excess = |bin: &CalibrationBin| {
        let towards_middle = if of_two && bin.predicted < 0.5 { -1.0 } else { 1.0 };
        towards_middle * (bin.predicted - bin.observed) * bin.samples as f64
    };
    if bins.iter().map(excess).sum::<f64>() > 0.0 { "overconfident" } else { "underconfident" }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::report::fixtures;

    fn calibrated(pairs: &[(f64, f64)], error: f64) -> Evaluation {
        let mut evaluation = fixtures::evaluation(2, 1);
        evaluation.calibration.bins = pairs
            .iter()
            .map(|&(predicted, observed)| CalibrationBin { predicted, observed, samples: 1_000 })
            .collect();
        evaluation.calibration.error = error;
        evaluation
    }

    #[test]
    fn calls_accurate_probabilities_reliable() {
        let evaluation = calibrated(&[(0.1, 0.11), (0.8, 0.78)], 0.015);
        let assessment = assessment(&fixtures::report(Some(&evaluation), 0)).expect("an assessment");
        assert!(
            assessment.starts_with("Yes") && assessment.contains("differ by 1.5 percentage points"),
            "{assessment}"
        );
        let example = example(&evaluation).expect("an example");
        assert!(example.contains("80.0 % predicted on average, 78.0 % observed"), "{example}");
    }

    #[rstest]
    #[case::too_extreme([(0.02, 0.2), (0.98, 0.8)], "is overconfident")]
    #[case::too_close_to_one_half([(0.3, 0.1), (0.7, 0.9)], "is underconfident")]
    fn names_the_tendency_of_unreliable_probabilities(#[case] bins: [(f64, f64); 2], #[case] tendency: &str) {
        let evaluation = calibrated(&bins, 0.19);
        let assessment = assessment(&fixtures::report(Some(&evaluation), 0)).expect("an assessment");
        assert!(
            assessment.starts_with("Use them with care") && assessment.contains(tendency),
            "{assessment}"
        );
    }

    #[test]
    fn expects_a_larger_error_by_chance_of_fewer_distinct_samples() {
        let mut evaluation = calibrated(&[(0.5, 0.5)], 0.0);
        let error_by_chance = |evaluation: &Evaluation, samples| {
            let mut report = fixtures::report(Some(evaluation), 0);
            report.dataset.samples = samples;
            by_chance(&bins(evaluation), &report)
        };
        evaluation.iterations[0].test_samples = 1_000;
        let once = error_by_chance(&evaluation, 1_000);
        assert!((once - 0.0126).abs() < 1e-4, "{once}");
        assert!((error_by_chance(&evaluation, 250) - 2.0 * once).abs() < 1e-9);
    }

    #[test]
    fn leaves_out_bins_outside_the_unit_interval() {
        let evaluation = calibrated(&[(f64::NAN, 0.5), (0.5, 7.0)], f64::NAN);
        assert!(
            bins(&evaluation).is_empty() && assessment(&fixtures::report(Some(&evaluation), 0)).is_none()
        );
    }
}
