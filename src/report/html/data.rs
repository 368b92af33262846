//! The dataset: classes, what is missing or repeated, and the confusion matrix.
//!
//! Owns the sentences about data. Must not know how the facts were counted.

use maud::{Markup, html};

use super::super::RunReport;
use super::super::format::{count, percent};
use super::figure::scrolling;
use super::names::Names;
use super::words::words;
use crate::dataset::DataQuality;
use crate::learning::Evaluation;

/// With more classes, a matrix would not fit a page.
const MAX_CLASSES_IN_MATRIX: usize = 12;

/// Samples, classes and quality.
pub(super) fn section(report: &RunReport<'_>) -> Markup {
    let data = &report.dataset;
    let all = data.class_counts.iter().fold(0_usize, |sum, (_, samples)| sum.saturating_add(*samples)).max(1);
    html! {
        section id="data" {
            h2 { "The data" }
            p {
                (count(data.samples, "sample", "samples")) " with " (count(data.features, "feature", "features")) "; "
                (data.features - data.varying_features.min(data.features)) " of them have the same value in all samples and say nothing."
            }
            @if !data.class_counts.is_empty() {
                (scrolling(&html! { table class="bars" {
                    thead { tr { th scope="col" { "Class" } th scope="col" { "Share" } th scope="col" { "Samples" } } }
                    tbody { @for (label, samples) in &data.class_counts {
                        @let share = *samples as f64 / all as f64;
                        tr {
                            th scope="row" { (Names::class(label)) }
                            td {
                                svg class="meter" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true" {
                                    rect class="bar c0" x="0" y="0" width=(format!("{:.1}", share * 100.0)) height="10" {}
                                }
                                span { (percent(share)) }
                            }
                            td { (samples) }
                        }
                    } }
                } }))
            }
            @if let Some(quality) = report.quality {
                ul { @for sentence in sentences(quality, report) { li { (sentence) } } }
            }
        }
    }
}

fn sentences(quality: &DataQuality, report: &RunReport<'_>) -> Vec<String> {
    let cells = report.dataset.samples.saturating_mul(report.dataset.features).max(1);
    let mut sentences = vec![match quality.missing_cells {
        0 => "No value is missing.".to_owned(),
        missing => format!(
            "{} of the values are missing, in {}. The model learns what a missing value says.",
            percent(missing as f64 / cells as f64),
            count(quality.columns_with_missing, "feature", "features")
        ),
    }];
    if let Some((copy, original)) = quality.duplicate_columns.first() {
        let more = quality.duplicate_columns.len() - 1;
        let others = if more > 0 { format!(", and {more} more") } else { String::new() };
        sentences.push(format!(
            "Features with the same values: {} is {}{others}.",
            words(copy),
            words(original)
        ));
    }
    if quality.repeated_rows > 0 {
        sentences.push(format!(
            "{} have the same features as an earlier one.",
            count(quality.repeated_rows, "sample", "samples")
        ));
    }
    if quality.contradicting_rows > 0 {
        sentences.push(format!(
            "{} contradict others with the same features: no model that sees these features can be right for more than {}.",
            count(quality.contradicting_rows, "sample", "samples"),
            percent(quality.best_accuracy)
        ));
    }
    if let Some(grouped) = report.evaluation.and_then(|evaluation| evaluation.grouped_score) {
        sentences.push(format!(
            "The score is flattered by equal samples: with equal samples kept on one side of each split, it is {grouped:.3}."
        ));
    }
    sentences
}

/// The confusion matrix, summed over the iterations.
pub(super) fn confusion(evaluation: &Evaluation, names: &Names) -> Option<Markup> {
    let classes = names.classes.len();
    if classes == 0 || classes > MAX_CLASSES_IN_MATRIX || evaluation.iterations.is_empty() {
        return None;
    }
    let cell = |actual: usize, predicted: usize| {
        let matrices = evaluation.iterations.iter().map(|iteration| &iteration.confusion);
        let cells = matrices.filter_map(|matrix| matrix.get(actual)?.get(predicted).copied());
        cells.fold(0, usize::saturating_add)
    };
    let row_sum =
        |actual: usize| (0..classes).map(|predicted| cell(actual, predicted)).fold(0, usize::saturating_add);
    let share =
        |actual: usize, predicted: usize| cell(actual, predicted) as f64 / row_sum(actual).max(1) as f64;
    Some(html! {
        section id="confusion" {
            h2 { "Which class is taken for which" }
            (scrolling(&html! { table class="matrix" {
                caption { "All test samples of all iterations; rows are the true classes." }
                thead { tr {
                    td {}
                    @for name in &names.classes { th scope="col" { "predicted " (name) } }
                } }
                tbody { @for actual in 0..classes {
                    tr {
                        th scope="row" { "truly " (names.classes[actual]) }
                        @for predicted in 0..classes {
                            @let share = share(actual, predicted);
                            td class={"heat" ((share * 5.0).round() as u8) @if actual == predicted { " right" }} {
                                (cell(actual, predicted)) br; span class="small" { (percent(share)) }
                            }
                        }
                    }
                } }
            } }))
        }
    })
}
