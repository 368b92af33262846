//! The first paragraph of `info.log`: the result, and what the administrator can do next.
//!
//! Owns the interpretation of the score. Must not know how the log is laid out.

use super::RunReport;
use super::format::{percent, spread};
use crate::learning::{Evaluation, Metrics};
use crate::text::Untrusted;

/// An accuracy that is higher than the balanced accuracy by this much hides a class with a low recall.
const MAX_ACCURACY_GAP: f64 = 0.1;
/// With an AUC that is less than this above that of guessing, 0.5, a model is of little use whatever its score is.
const MIN_AUC_ABOVE_GUESSING: f64 = 0.05;

/// The result of the run, and what to do next.
pub(super) fn of(report: &RunReport<'_>) -> String {
    let Some(evaluation) = report.evaluation else { return no_result(report.status).to_owned() };
    let low = report.status & 4 != 0;
    let mut summary = result(report, evaluation);
    if !low && is_no_better_than_guessing(&evaluation.mean) {
        summary.push_str(
            " Warning: its accuracy is hardly higher than that of always predicting the most frequent class; see \
             the balanced accuracy below.",
        );
    }
    if let Some(missed) = low_recall(evaluation) {
        summary.push(' ');
        summary.push_str(&missed);
    }
    summary
}

fn result(report: &RunReport<'_>, evaluation: &Evaluation) -> String {
    let (min_score, max_deviation) = (report.min_score, report.max_deviation);
    let model = if report.rated_trained_model { "The trained model" } else { "A model trained on this data" };
    let score =
        spread(evaluation.mean.f1, (!report.rated_trained_model).then_some(evaluation.score_deviation));
    match (report.status & 4 != 0, report.status & 8 != 0) {
        (false, false) => format!(
            "GOOD ENOUGH. {model} scored {score}; the required minimum is {min_score}. The model can be enabled."
        ),
        (true, false) => format!(
            "NOT GOOD ENOUGH. {model} scored {score}, below the required minimum of {min_score}: the indicators do \
             not predict the target well enough. Choose other indicators, or wait until more courses have finished."
        ),
        (false, true) => format!(
            "UNSTABLE. {model} scored {score}, but the score varies between the iterations by more than the \
             accepted deviation of {max_deviation}. More samples give a more stable result."
        ),
        (true, true) => format!(
            "NOT GOOD ENOUGH AND UNSTABLE. {model} scored {score}, below the required minimum of {min_score}, and \
             the score varies between the iterations by more than the accepted deviation of {max_deviation}. More \
             samples or other indicators are needed."
        ),
    }
}

/// A warning when a high accuracy hides a class that is rarely found.
fn low_recall(evaluation: &Evaluation) -> Option<String> {
    let mean = &evaluation.mean;
    if mean.accuracy - mean.balanced_accuracy < MAX_ACCURACY_GAP {
        return None;
    }
    let tested = evaluation.classes.iter().zip(&evaluation.per_class).filter(|(_, class)| class.support > 0);
    let (label, worst) = tested.min_by(|a, b| a.1.recall.total_cmp(&b.1.recall))?;
    Some(format!(
        "The accuracy of {} comes mostly from the frequent classes: of class {} only {} were found, and the \
         balanced accuracy, which weights all classes equally, is {}.",
        percent(mean.accuracy),
        Untrusted(label).line(40),
        percent(worst.recall),
        percent(mean.balanced_accuracy)
    ))
}

fn no_result(status: u8) -> &'static str {
    if status & 8 != 0 {
        "NO RESULT: there are too few samples. Each class needs enough samples for both training and testing. Wait \
         until more courses have finished, or choose a time splitting method that gives more samples."
    } else if status & 2 != 0 {
        "NO RESULT: the trained model to evaluate is not on this server. Train it first."
    } else if status & 1 != 0 {
        "NO RESULT: the dataset is inconsistent. The classes of its samples differ from those in its header. Check \
         the target in Moodle, clear the model's predictions and evaluate again."
    } else {
        "NO RESULT. The message below gives the reason."
    }
}

/// Whether a model ranks the samples hardly better than chance; two classes only.
pub(super) fn hardly_ranks(mean: &Metrics) -> bool {
    mean.auc.is_some_and(|auc| auc - 0.5 < MIN_AUC_ABOVE_GUESSING)
}

/// Whether always guessing the most frequent class is about as accurate.
pub(super) fn is_no_better_than_guessing(mean: &Metrics) -> bool {
    mean.accuracy <= mean.majority_accuracy + 0.005 && mean.majority_accuracy < 1.0
}
