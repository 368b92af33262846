//! `report.html`: the evaluation as a page for people, from a verdict in a sentence to all curves and a model card.
//!
//! Owns the order of the sections and the style. One file that loads nothing and needs no script; every picture has a table
//! behind it. maud escapes all text, so names from a dataset cannot become markup.

mod card;
mod charts;
mod data;
mod drift;
mod figure;
mod groups;
mod importance;
mod learning_curve;
mod names;
mod plot;
mod previous;
mod thresholds;
mod verdict;
mod words;

pub(super) use charts::{precision_recall_plot, probability_labels, probability_plot};
pub(super) use names::Names;
pub(super) use plot::{Plot, SIZE as PLOT_SIZE};
pub(super) use thresholds::{LINES as THRESHOLD_LINES, plot as threshold_plot};
pub use words::words;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::RunReport;
use super::format::{percent, short, time};
use super::roc;
use crate::learning::Evaluation;

const STYLE: &str = include_str!("page.css");

/// The page.
pub(super) fn page(report: &RunReport<'_>) -> String {
    let names = Names::of(report);
    let title = format!("Evaluation of \u{201c}{}\u{201d}", names.target);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    header {
                        h1 { (title) }
                        p class="small" { (subtitle(report)) }
                    }
                    (verdict_card(report))
                    @if let Some(evaluation) = report.evaluation {
                        (tiles(report, evaluation))
                        @if let Some(previous) = report.previous { (previous::section(previous, report, evaluation)) }
                        (drift::section(report).unwrap_or_default())
                        (thresholds::section(evaluation, &names).unwrap_or_default())
                        (importance::section(evaluation, &names).unwrap_or_default())
                        (charts::probabilities(evaluation, &names))
                        (charts::calibration_curve(report, evaluation).unwrap_or_default())
                        (data::confusion(evaluation, &names).unwrap_or_default())
                        (groups::section(evaluation, &names).unwrap_or_default())
                        (charts::iterations(report, evaluation))
                        (learning_curve::section(evaluation).unwrap_or_default())
                        (charts::roc(evaluation).unwrap_or_default())
                        (charts::precision_recall(evaluation, &names).unwrap_or_default())
                    }
                    (data::section(report))
                    @if let Some(evaluation) = report.evaluation { (card::section(report, evaluation, &names)) }
                    footer class="small" {
                        p { "The same figures for programs: report.json. As text, with an explanation of each: info.log." }
                    }
                }
            }
        }
    }
    .into_string()
}

fn subtitle(report: &RunReport<'_>) -> String {
    let splitting = report.dataset.time_splitting.as_deref();
    let splitting = splitting.map_or(String::new(), |name| format!(", time splitting {}", words(name)));
    format!("{}{splitting}, {} samples", time(report.started), report.dataset.samples)
}

fn verdict_card(report: &RunReport<'_>) -> Markup {
    let verdict = verdict::of(report);
    html! {
        section class={"verdict " (verdict.level.class())} {
            h2 { span class="sign" aria-hidden="true" { (verdict.level.sign()) } (verdict.headline) }
            p { (verdict.reason) }
            p { strong { "What to do: " } (verdict.next) }
        }
    }
}

/// The main figures, each beside what it is compared with.
fn tiles(report: &RunReport<'_>, evaluation: &Evaluation) -> Markup {
    let mean = &evaluation.mean;
    let several = evaluation.iterations.len() > 1;
    html! {
        div class="tiles" {
            (tile("Score", &short(mean.f1), &format!(
                "{}at least {} is required",
                if several { format!("± {}; ", short(evaluation.score_deviation)) } else { String::new() },
                report.min_score
            )))
            @if let Some(auc) = roc::overall_auc(evaluation) {
                (tile("AUC", &short(auc.mean), "0.5 is guessing, 1 is perfect"))
            }
            (tile("Accuracy", &percent(mean.accuracy), &format!("always guessing: {}", percent(mean.majority_accuracy))))
            (tile("Balanced accuracy", &percent(mean.balanced_accuracy), "each class counts the same"))
        }
    }
}

fn tile(name: &str, value: &str, beside: &str) -> Markup {
    html! { div class="tile" { p class="small" { (name) } p class="value" { (value) } p class="small" { (beside) } } }
}

#[cfg(test)]
mod tests;
