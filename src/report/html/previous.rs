//! The comparison with the previous run of the model.
//!
//! Owns what counts as a change. Must not know where runs are kept.

use maud::{Markup, html};

use super::super::RunReport;
use super::super::format::short;
use super::super::previous_run::PreviousRun;
use super::figure::scrolling;
use crate::learning::Evaluation;

/// The section.
pub(super) fn section(previous: &PreviousRun, report: &RunReport<'_>, evaluation: &Evaluation) -> Markup {
    let (before, now) = (previous.score, evaluation.mean.f1);
    let spread = evaluation.score_deviation.max(previous.score_deviation);
    let change = if (now - before).abs() <= spread.max(0.01) {
        "about the same as"
    } else if now > before {
        "better than"
    } else {
        "worse than"
    };
    html! {
        section id="previous" {
            h2 { "Since the previous evaluation" }
            p { "The result is " strong { (change) } " that of the run before." }
            (scrolling(&html! { table {
                thead { tr { td {} th scope="col" { "Score" } th scope="col" { "±" } th scope="col" { "AUC" } th scope="col" { "Samples" } } }
                tbody {
                    tr {
                        th scope="row" { (previous.date()) }
                        td { (short(before)) } td { (short(previous.score_deviation)) }
                        td { (previous.auc.map_or("-".to_owned(), short)) } td { (previous.samples) }
                    }
                    tr {
                        th scope="row" { "now" }
                        td { (short(now)) } td { (short(evaluation.score_deviation)) }
                        td { (evaluation.mean.auc.map_or("-".to_owned(), short)) } td { (report.dataset.samples) }
                    }
                }
            } }))
        }
    }
}
