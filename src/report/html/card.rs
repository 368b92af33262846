//! The model card: intended use, limits, human oversight, and how the result was made.
//!
//! Owns the sentences. Its headings follow what a provider of a high-risk system documents (Regulation (EU) 2024/1689,
//! articles 11 to 14, annex IV) and Mitchell et al. 2019, Model Cards for Model Reporting.

use maud::{Markup, html};

use super::super::RunReport;
use super::super::format::{count, seconds, time};
use super::names::Names;
use crate::learning::Evaluation;
use crate::text::Untrusted;

/// Longer sentences are cut.
const MAX_SENTENCE: usize = 300;

/// The card.
pub(super) fn section(report: &RunReport<'_>, evaluation: &Evaluation, names: &Names) -> Markup {
    let decisions =
        evaluation.iterations.iter().map(|iteration| &iteration.decisions).find(|all| !all.is_empty());
    html! {
        section id="card" {
            h2 { "Model card" }
            dl {
                dt { "Intended use" }
                dd {
                    "Moodle analytics asks for the probability of \u{201c}" (names.target) "\u{201d} to show staff where a look may help. \
                     It is not made to grade, admit, exclude or sanction people, nor to act without a person."
                }
                dt { "Human oversight" }
                dd {
                    "A person who knows the course reads a prediction and decides. Precision above says how \
                     often the model is wrong when it flags a sample; tell those who use it."
                }
                dt { "Limits" }
                dd {
                    "It was tested on samples like those it learnt from: other courses, years or ways of teaching can differ, so evaluate \
                     again when they change. It sees activity in Moodle, not its causes. Groups of people that are rare in the data may be \
                     predicted worse than the average shows."
                }
                dt { "Method" }
                dd {
                    @if report.rated_trained_model { "The stored model was tested on this dataset." }
                    @else {
                        (count(evaluation.iterations.len(), "iteration", "iterations"))
                        " with seeded random splits, so the same dataset gives the same result."
                    }
                    @if let Some(decisions) = decisions {
                        ul { @for sentence in decisions { li { (Untrusted(sentence).line(MAX_SENTENCE)) } } }
                    }
                }
                dt { "Made by" }
                dd {
                    "moodle-mlbackend " (env!("CARGO_PKG_VERSION")) ", run " (Untrusted(&report.run).line(40)) ", "
                    (time(report.started)) ", in " (format!("{:.1} s", seconds(report.started, report.finished))) "."
                }
            }
        }
    }
}
