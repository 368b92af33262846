//! The verdict of an evaluation, for people who decide whether a model is used and know no statistics.
//!
//! Owns the wording and the level. The sentences that Moodle shows are in `moodle_info`, those of the log in `summary`.

use super::super::format::{percent, short};
use super::super::{RunReport, summary};
use crate::learning::Evaluation;

/// From this area under the ROC curve on, a model ranks well (Hosmer, Lemeshow and Sturdivant 2013 call it acceptable).
const RANKS_WELL: f64 = 0.7;

/// How good the result is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Good,
    Care,
    Bad,
}

impl Level {
    /// The class in the style sheet.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Care => "care",
            Self::Bad => "bad",
        }
    }

    /// A sign that distinguishes the levels without colours.
    pub(super) fn sign(self) -> &'static str {
        match self {
            Self::Good => "✓",
            Self::Care => "!",
            Self::Bad => "✕",
        }
    }
}

/// The verdict, why, and what to do next.
pub(super) struct Verdict {
    pub(super) level: Level,
    pub(super) headline: &'static str,
    pub(super) reason: String,
    pub(super) next: &'static str,
}

/// The verdict on a run.
pub(super) fn of(report: &RunReport<'_>) -> Verdict {
    let Some(evaluation) = report.evaluation else { return without_result(report) };
    let score = short(evaluation.mean.f1);
    let required = format!("The score is {score}; at least {} is required.", report.min_score);
    match (report.status & 4 != 0, report.status & 8 != 0) {
        (true, false) => Verdict {
            level: Level::Bad,
            headline: "Not good enough to use",
            reason: format!("{required} The indicators do not predict the target well enough."),
            next: "Do not enable the model. Choose other indicators, or wait until more courses have finished.",
        },
        (true, true) => Verdict {
            level: Level::Bad,
            headline: "Not good enough to use, and unstable",
            reason: format!("{required} It also varies too much between the test rounds."),
            next: "Do not enable the model. Collect more samples, or choose other indicators.",
        },
        (false, true) => Verdict {
            level: Level::Care,
            headline: "Too few samples to be sure",
            reason: format!(
                "The score is {score} on average, but varies by {} between the test rounds; at most {} is accepted.",
                short(evaluation.score_deviation),
                report.max_deviation
            ),
            next: "Wait until more courses have finished, and evaluate again.",
        },
        (false, false) => enough(report, evaluation, &required),
    }
}

/// The score is high enough. That alone says little where one class is rare.
fn enough(report: &RunReport<'_>, evaluation: &Evaluation, required: &str) -> Verdict {
    let guessing = percent(evaluation.mean.majority_accuracy);
    if summary::is_no_better_than_guessing(&evaluation.mean) {
        if let Some(auc) = evaluation.mean.auc.filter(|auc| *auc >= RANKS_WELL) {
            return Verdict {
                level: Level::Care,
                headline: "Use with care: it ranks well, but seldom flags",
                reason: format!(
                    "{required} It ranks the samples well (AUC {}), but as it decides it is right hardly more often than \
                     always guessing the most frequent class ({guessing}).",
                    short(auc)
                ),
                next: "Look below at what a threshold does: use the model if what it finds helps you.",
            };
        }
        return Verdict {
            level: Level::Care,
            headline: "Use with care: hardly better than guessing",
            reason: format!(
                "{required} But always guessing the most frequent class is right for {guessing}, too."
            ),
            next: "Look at the thresholds below: use the model only if they help you.",
        };
    }
    if summary::hardly_ranks(&evaluation.mean) {
        return Verdict {
            level: Level::Care,
            headline: "Use with care: it hardly ranks better than chance",
            reason: format!(
                "{required} But the samples that it flags are hardly more often affected than others."
            ),
            next: "Choose other indicators before you rely on it.",
        };
    }
    let model = if report.rated_trained_model { "The model" } else { "A model of this data" };
    Verdict {
        level: Level::Good,
        headline: "Good enough to use",
        reason: format!(
            "{required} {model} predicts {} of the samples rightly; always guessing the most frequent class, {guessing}.",
            percent(evaluation.mean.accuracy)
        ),
        next: "You can enable the model. A prediction is a reason to look, not a decision: a person decides what follows.",
    }
}

fn without_result(report: &RunReport<'_>) -> Verdict {
    let reason = report.info.join(" ");
    let next = match report.status {
        2 => "Train the model first.",
        8 => "Wait until more courses have finished, and evaluate again.",
        _ => "Read the reason above; the server's log has more about it.",
    };
    Verdict { level: Level::Bad, headline: "No result", reason, next }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures;
    use rstest::rstest;

    #[rstest]
    #[case::good(0, 0.9, Level::Good, "Good enough to use")]
    #[case::no_better_than_guessing(0, 0.857, Level::Care, "Use with care: it ranks well, but seldom flags")]
    #[case::low(4, 0.9, Level::Bad, "Not good enough to use")]
    #[case::unstable(8, 0.9, Level::Care, "Too few samples to be sure")]
    #[case::both(12, 0.9, Level::Bad, "Not good enough to use, and unstable")]
    fn the_status_decides(
        #[case] status: u8,
        #[case] accuracy: f64,
        #[case] level: Level,
        #[case] headline: &str,
    ) {
        let mut evaluation = fixtures::evaluation(2, 2);
        evaluation.mean.accuracy = accuracy;
        let verdict = of(&fixtures::report(Some(&evaluation), status));
        assert_eq!((verdict.level, verdict.headline), (level, headline));
    }

    #[test]
    fn a_run_without_a_result_has_its_reason_and_a_next_step() {
        let verdict = of(&fixtures::report(None, 8));
        assert_eq!((verdict.level, verdict.reason.as_str()), (Level::Bad, fixtures::INFO));
        assert!(verdict.next.starts_with("Wait"), "{}", verdict.next);
    }

    #[test]
    fn a_model_that_hardly_ranks_is_not_called_good() {
        let mut evaluation = fixtures::evaluation(2, 2);
        (evaluation.mean.accuracy, evaluation.mean.auc) = (0.9, Some(0.52));
        let ranks = of(&fixtures::report(Some(&evaluation), 0));
        evaluation.mean.accuracy = evaluation.mean.majority_accuracy;
        let guesses = of(&fixtures::report(Some(&evaluation), 0));
        assert_eq!((ranks.level, guesses.level), (Level::Care, Level::Care));
        assert!(ranks.headline.ends_with("ranks better than chance"), "{}", ranks.headline);
        assert!(guesses.headline.ends_with("better than guessing"), "{}", guesses.headline);
    }
}
