//! The first paragraph of `info.log`: what the figures mean, and what to do next.

use super::RunReport;
use super::format::{one_line, percent, spread};
use crate::learning::{Evaluation, Figures};

/// When balanced accuracy is lower than accuracy by this much, something is hidden.
const HIDDEN: f64 = 0.1;

/// What the figures mean for the administrator, and what to do next.
pub(super) fn of(report: &RunReport<'_>) -> String {
    let Some(evaluation) = report.evaluation else { return unmeasured(report.status).to_owned() };
    let subject =
        if report.rated_trained_model { "The trained model" } else { "A model trained on this data" };
    let score =
        spread(evaluation.mean.f1, (!report.rated_trained_model).then_some(evaluation.score_deviation));
    let (low, unsteady) = (report.status & 4 != 0, report.status & 8 != 0);
    let mut verdict = match (low, unsteady) {
        (false, false) => format!(
            "GOOD ENOUGH. {subject} scored {score}; at least {} was asked for. It can be enabled.",
            report.min_score
        ),
        (true, false) => format!(
            "NOT GOOD ENOUGH. {subject} scored {score}, below the {} that was asked for: the indicators say too \
             little about the target. Choose other indicators, or wait until more courses have finished.",
            report.min_score
        ),
        (false, true) => format!(
            "NOT SURE. {subject} scored {score}, but the result varied by more than the {} that was accepted: \
             with more samples it would be steadier.",
            report.max_deviation
        ),
        (true, true) => format!(
            "NOT GOOD ENOUGH, AND NOT SURE. {subject} scored {score}, below the {} that was asked for, and the \
             result varied by more than the accepted {}. More samples or other indicators are needed.",
            report.min_score, report.max_deviation
        ),
    };
    if !low && is_no_better_than_guessing(&evaluation.mean) {
        verdict.push_str(
            " Beware: it is hardly more often right than always guessing the most frequent class; see the \
             balanced accuracy below.",
        );
    }
    if let Some(missed) = rare_classes_are_missed(evaluation) {
        verdict.push(' ');
        verdict.push_str(&missed);
    }
    verdict
}

/// A good accuracy can hide that a rare class is hardly ever found.
fn rare_classes_are_missed(evaluation: &Evaluation) -> Option<String> {
    let mean = &evaluation.mean;
    if mean.accuracy - mean.balanced_accuracy < HIDDEN {
        return None;
    }
    let rated = evaluation.classes.iter().zip(&evaluation.per_class).filter(|(_, own)| own.support > 0);
    let (label, worst) = rated.min_by(|a, b| a.1.recall.total_cmp(&b.1.recall))?;
    Some(format!(
        "The accuracy of {} is mostly that of frequent classes: of class {} only {} were found, and the balanced \
         accuracy, in which each class counts the same, is {}.",
        percent(mean.accuracy),
        one_line(label, 40),
        percent(worst.recall),
        percent(mean.balanced_accuracy)
    ))
}

fn unmeasured(status: u8) -> &'static str {
    if status & 8 != 0 {
        "NOTHING WAS MEASURED: there are too few samples. Each class needs enough of them to train on some and to \
         rate on others. Wait until more courses have finished, or choose a time splitting method that gives more \
         samples."
    } else if status & 2 != 0 {
        "NOTHING WAS MEASURED: the trained model that should be rated is not on this server. Train it first."
    } else if status & 1 != 0 {
        "NOTHING WAS MEASURED: the dataset contradicts itself. The classes that its samples have are not the ones \
         that its header announces. Look at the target in Moodle, clear the model's predictions and evaluate again."
    } else {
        "NOTHING WAS MEASURED. The sentence below says why."
    }
}

fn is_no_better_than_guessing(mean: &Figures) -> bool {
    mean.accuracy <= mean.majority_accuracy + 0.005 && mean.majority_accuracy < 1.0
}
