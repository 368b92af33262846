//! The predictions of a file as markup: their distribution, and the samples with the highest probability.
//!
//! Must not know where predictions and explanations come from.

use maud::{Markup, html};

use crate::backend::{Explanation, IndicatorContribution, Prediction};
use crate::http::dashboard::chart::meter;
use crate::http::dashboard::layout::{foreign, scrolling};
use crate::http::dashboard::texts::{Texts, count};

/// The ranges of the probability in which samples are counted.
const RANGES: usize = 10;
/// The samples of the table.
const MAX_SHOWN: usize = 20;

/// A sample with its probability of the class that is shown.
#[derive(Debug, PartialEq)]
struct Row<'a> {
    /// Its position in the file.
    at: usize,
    id: &'a str,
    probability: f64,
}

/// The result for a model with these classes; without any, those that were predicted count.
pub(super) fn of(
    texts: Texts,
    classes: &[String],
    prediction: &Prediction,
    explanation: Option<&Explanation>,
) -> Markup {
    let Some(predictions) = prediction.predictions.as_deref().filter(|list| !list.is_empty()) else {
        return html! { p class="notice care" role="status" { (texts.text("predictions-none")) } };
    };
    let classes = if classes.is_empty() { predicted_classes(predictions) } else { classes.to_vec() };
    let shown = classes.last().map(String::as_str).unwrap_or_default();
    let rows = rows(predictions, shown, classes.len() <= 2);
    html! {
        section class="card" {
            h2 { (texts.text("predictions-spread")) }
            p class="small" { (texts.text_with("samples-count", &[("count", count(predictions.len()))])) }
            @if classes.len() <= 2 { (ranges(texts, shown, &rows)) } @else { (by_class(texts, &classes, predictions)) }
        }
        (highest(texts, shown, rows, explanation))
    }
}

fn predicted_classes(predictions: &[(String, String, String)]) -> Vec<String> {
    let mut classes: Vec<String> = predictions.iter().map(|(_, class, _)| class.clone()).collect();
    classes.sort_by(|a, b| number(a).total_cmp(&number(b)));
    classes.dedup();
    classes
}

/// The samples by their probability of a class. Of more than two classes, a reply has only that of the predicted one.
fn rows<'a>(predictions: &'a [(String, String, String)], shown: &str, is_binary: bool) -> Vec<Row<'a>> {
    let row = |(at, (id, class, probability)): (usize, &'a (String, String, String))| {
        let probability = number(probability);
        if class == shown {
            Some(Row { at, id, probability })
        } else {
            is_binary.then_some(Row { at, id, probability: 1.0 - probability })
        }
    };
    predictions.iter().enumerate().filter_map(row).collect()
}

fn number(text: &str) -> f64 {
    text.parse().unwrap_or_default()
}

/// How many samples have a probability of each tenth.
fn ranges(texts: Texts, shown: &str, rows: &[Row<'_>]) -> Markup {
    let mut counts = [0_usize; RANGES];
    for row in rows {
        counts[((row.probability * RANGES as f64) as usize).min(RANGES - 1)] += 1;
    }
    let percent = |at: usize| at * 100 / RANGES;
    let to = |at| texts.text_with("percent", &[("percent", count(percent(at)))]);
    let names = (0..RANGES).map(|at| format!("{}–{}", percent(at), to(at + 1)));
    let head = texts.text_with("predictions-probability", &[("class", shown.to_owned().into())]);
    distribution(texts, &head, &names.zip(counts).collect::<Vec<_>>())
}

/// How many samples each class was predicted for.
fn by_class(texts: Texts, classes: &[String], predictions: &[(String, String, String)]) -> Markup {
    let of = |class: &String| predictions.iter().filter(|(_, predicted, _)| predicted == class).count();
    let counts: Vec<_> = classes.iter().map(|class| (class.clone(), of(class))).collect();
    distribution(texts, &texts.text("column-class"), &counts)
}

/// A bar for each count: a table that shows its numbers, so that it needs no second one.
fn distribution(texts: Texts, head: &str, counts: &[(String, usize)]) -> Markup {
    let largest = counts.iter().map(|(_, count)| *count).max().unwrap_or_default().max(1);
    let table = html! {
        table {
            thead { tr { th scope="col" { (head) } th scope="col" { (texts.text("column-samples")) } } }
            tbody { @for (name, count) in counts { tr {
                th scope="row" class="keep" { (foreign(name)) }
                td class="keep" { (meter(*count as f64 / largest as f64)) (texts.whole(*count as u64)) }
            } } }
        }
    };
    scrolling(&texts.text("predictions-spread"), &table)
}

fn highest(texts: Texts, shown: &str, mut rows: Vec<Row<'_>>, explanation: Option<&Explanation>) -> Markup {
    rows.sort_by(|a, b| b.probability.total_cmp(&a.probability));
    rows.truncate(MAX_SHOWN);
    let class = shown.to_owned();
    let title = texts.text_with("predictions-highest", &[("class", class.into())]);
    let table = html! {
        table {
            thead { tr {
                th scope="col" { (texts.text("column-sample")) }
                th scope="col" class="number" { (texts.text("column-probability")) }
                @if explanation.is_some() { th scope="col" { (texts.text("column-why")) } }
            } }
            tbody { @for row in &rows { tr {
                th scope="row" class="keep" { (foreign(row.id)) }
                td class="number" { (texts.number(row.probability, 3)) }
                @if let Some(explanation) = explanation {
                    td class="keep" { (reasons(texts, contributions(explanation, row.at, shown))) }
                }
            } } }
        }
    };
    html! {
        section class="card" {
            h2 { (title) }
            @if rows.is_empty() { p class="empty" { "–" } } @else { (scrolling(&title, &table)) }
            p class="hint" { (texts.text(if explanation.is_some() { "predictions-why" } else { "predictions-no-why" })) }
        }
    }
}

/// The contributions to the output of a class of one sample.
fn contributions<'a>(explanation: &'a Explanation, at: usize, shown: &str) -> &'a [IndicatorContribution] {
    let sample = explanation.explanations.get(at);
    let output = sample.and_then(|sample| sample.outputs.iter().find(|output| output.class == shown));
    output.map(|output| output.contributions.as_slice()).unwrap_or_default()
}

/// The names of indicators are English, as in reports.
fn reasons(texts: Texts, contributions: &[IndicatorContribution]) -> Markup {
    html! {
        ul class="plain" lang="en" { @for one in contributions { li {
            (foreign(&one.words)) " "
            span class="badge" { @if one.contribution > 0.0 { "+" } (texts.number(one.contribution, 2)) }
        } } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn predictions(list: &[(&str, &str)]) -> Vec<(String, String, String)> {
        let row = |(at, (class, probability)): (usize, &(&str, &str))| {
            (format!("{at}-0"), (*class).to_owned(), (*probability).to_owned())
        };
        list.iter().enumerate().map(row).collect()
    }

    #[test]
    fn of_two_classes_every_sample_has_the_probability_of_the_second() {
        let list = predictions(&[("1", "0.75"), ("0", "0.75")]);
        let shown: Vec<f64> = rows(&list, "1", true).iter().map(|row| row.probability).collect();
        assert_eq!(shown, [0.75, 0.25]);
        assert_eq!(rows(&list, "1", false).len(), 1);
    }

    #[test]
    fn classes_are_in_the_order_of_their_numbers() {
        let list = predictions(&[("10", "0.5"), ("2", "0.5"), ("10", "0.5")]);
        assert_eq!(predicted_classes(&list), ["2", "10"]);
    }
}
