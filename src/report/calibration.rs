//! What the calibration of an evaluation means, in numbers and sentences; the
//! picture of it is the reliability chart's.

use super::RunReport;
use super::format::{count, one_line, percent};
use crate::learning::{CalibrationBin, Evaluation};

/// Up to this error, probabilities count as right whatever chance would do.
const SMALL: f64 = 0.015;
/// From this error on, they are not to be taken at their word.
const LARGE: f64 = 0.05;

/// The bins that can be shown, in the order of their probabilities.
pub(super) fn bins(evaluation: &Evaluation) -> Vec<CalibrationBin> {
    let shown = |bin: &&CalibrationBin| {
        let unit = 0.0..=1.0;
        bin.samples > 0 && unit.contains(&bin.predicted) && unit.contains(&bin.observed)
    };
    evaluation.calibration.bins.iter().filter(shown).copied().collect()
}

/// What the probabilities are of: `class 1` of two classes, else the class that was predicted.
pub(super) fn subject(evaluation: &Evaluation) -> String {
    match &evaluation.classes[..] {
        [_, second] => format!("class {}", one_line(second, 16)),
        _ => "the predicted class".to_owned(),
    }
}

/// Standard error of a bin's observed share, were its probabilities right. Iterations rate the same
/// samples again, which tells nothing new: only different samples count.
pub(super) fn standard_error(bin: &CalibrationBin, report: &RunReport<'_>) -> f64 {
    let ratings = report.evaluation.map_or(0.0, |e| e.iterations.iter().map(|i| i.rated_on as f64).sum());
    let different = (report.dataset.samples as f64 / ratings.max(1.0)).min(1.0) * bin.samples as f64;
    (bin.predicted * (1.0 - bin.predicted) / different.max(1.0)).sqrt()
}

/// The calibration error that right probabilities would have on so few samples: in each bin the mean
/// absolute deviation of a normal distribution, √(2/π) of its standard error.
pub(super) fn by_chance(bins: &[CalibrationBin], report: &RunReport<'_>) -> f64 {
    let all: f64 = bins.iter().map(|bin| bin.samples as f64).sum();
    let each = bins.iter().map(|bin| bin.samples as f64 * standard_error(bin, report));
    each.sum::<f64>() / all.max(1.0) * std::f64::consts::FRAC_2_PI.sqrt()
}

/// Whether the probabilities can be believed; `None` when there are none.
pub(super) fn verdict(report: &RunReport<'_>) -> Option<String> {
    let evaluation = report.evaluation?;
    let bins = bins(evaluation);
    let error = evaluation.calibration.error;
    if bins.is_empty() || !error.is_finite() {
        return None;
    }
    let chance = by_chance(&bins, report);
    let off = format!(
        "on average they are off by {} points; chance alone makes about {} of this many samples",
        points(error),
        points(chance)
    );
    Some(if error <= SMALL.max(1.5 * chance) {
        format!("Yes, as far as these samples can tell: {off}.")
    } else if error < LARGE {
        format!("Roughly: {off}. The model is a little too {}.", temper(&bins, evaluation))
    } else {
        format!("With care only: {off}. The model is too {}.", temper(&bins, evaluation))
    })
}

/// One bin as a sentence: the highest probabilities, on which Moodle acts.
pub(super) fn example(evaluation: &Evaluation) -> Option<String> {
    let highest = bins(evaluation).pop()?;
    let (said, was) = (percent(highest.predicted), percent(highest.observed));
    let ratings = count(highest.samples, "time", "times");
    Some(match &evaluation.classes[..] {
        [_, second] => format!(
            "Where it was surest of class {} ({ratings}), it said {said}, and was right {was} of the time.",
            one_line(second, 16)
        ),
        _ => format!("Where it was surest ({ratings}), it said {said}, and was right {was} of the time."),
    })
}

/// A share as percentage points.
pub(super) fn points(share: f64) -> String {
    format!("{:.1}", share * 100.0)
}

/// Too sure: what it thinks likely happens less often than it says, and what it thinks unlikely more
/// often.
fn temper(bins: &[CalibrationBin], evaluation: &Evaluation) -> &'static str {
    let of_two = evaluation.classes.len() == 2;
    let surplus = |bin: &CalibrationBin| {
        let towards_middle = if of_two && bin.predicted < 0.5 { -1.0 } else { 1.0 };
        towards_middle * (bin.predicted - bin.observed) * bin.samples as f64
    };
    if bins.iter().map(surplus).sum::<f64>() > 0.0 { "sure of itself" } else { "cautious" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures;

    fn said(pairs: &[(f64, f64)], error: f64) -> Evaluation {
        let mut evaluation = fixtures::two_classes(1);
        evaluation.calibration.bins = pairs
            .iter()
            .map(|&(predicted, observed)| CalibrationBin { predicted, observed, samples: 1_000 })
            .collect();
        evaluation.calibration.error = error;
        evaluation
    }

    #[test]
    fn right_probabilities_are_believed() {
        let evaluation = said(&[(0.1, 0.11), (0.8, 0.78)], 0.015);
        let verdict = verdict(&fixtures::report(Some(&evaluation), 0)).expect("a verdict");
        assert!(verdict.starts_with("Yes") && verdict.contains("off by 1.5 points"), "{verdict}");
        let example = example(&evaluation).expect("an example");
        assert!(example.contains("it said 80.0 %, and was right 78.0 % of the time"), "{example}");
    }

    #[test]
    fn a_model_that_is_too_sure_is_called_so_and_one_that_is_too_cautious_too() {
        for (bins, temper) in
            [([(0.02, 0.2), (0.98, 0.8)], "too sure of itself"), ([(0.3, 0.1), (0.7, 0.9)], "too cautious")]
        {
            let evaluation = said(&bins, 0.19);
            let verdict = verdict(&fixtures::report(Some(&evaluation), 0)).expect("a verdict");
            assert!(verdict.starts_with("With care only") && verdict.contains(temper), "{verdict}");
        }
    }

    #[test]
    fn chance_makes_more_of_fewer_samples_and_repeated_ratings_are_not_more_samples() {
        let mut evaluation = said(&[(0.5, 0.5)], 0.0);
        let chance = |evaluation: &Evaluation, samples| {
            let mut report = fixtures::report(Some(evaluation), 0);
            report.dataset.samples = samples;
            by_chance(&bins(evaluation), &report)
        };
        evaluation.iterations[0].rated_on = 1_000;
        let once = chance(&evaluation, 1_000);
        assert!((once - 0.0126).abs() < 1e-4, "{once}");
        assert!((chance(&evaluation, 250) - 2.0 * once).abs() < 1e-9);
    }

    #[test]
    fn bins_that_are_no_shares_are_left_out() {
        let evaluation = said(&[(f64::NAN, 0.5), (0.5, 7.0)], f64::NAN);
        assert!(bins(&evaluation).is_empty() && verdict(&fixtures::report(Some(&evaluation), 0)).is_none());
    }
}
