//! The evaluations of a model: their scores over time, and their reports.
//!
//! Must not know how an evaluation is computed.

use jiff::Timestamp;
use maud::{Markup, html};

use crate::backend::{Detail, EvaluationResult, StoredEvaluation};
use crate::http::dashboard::addresses::ModelName;
use crate::http::dashboard::chart::{self, Point};
use crate::http::dashboard::layout::{at, moment, scrolling};
use crate::http::dashboard::texts::{Texts, count};
use crate::http::dashboard::visit::Visit;

/// The picture.
pub(super) fn scores(visit: &Visit, name: &ModelName, detail: &Detail) -> Markup {
    let texts = visit.texts;
    let points: Vec<Point> = detail.evaluations.iter().rev().filter_map(point).collect();
    let title = texts.text("model-scores");
    let newest = detail
        .evaluations
        .iter()
        .find(|one| one.result.as_ref().is_some_and(|result| result.score.is_some()));
    html! {
        section class="card" {
            h2 { (title) }
            @match chart::scores(texts, &title, &points) {
                Some(picture) => (picture),
                None if points.is_empty() => p class="empty" { (texts.text("model-no-evaluation")) },
                None => p class="empty" { (texts.text("model-one-evaluation")) },
            }
            @if let Some(newest) = newest {
                p { a href=(address(visit, name, newest)) { (texts.text("model-newest-report")) } }
            }
        }
    }
}

fn point(evaluation: &StoredEvaluation) -> Option<Point> {
    let result = evaluation.result.as_ref()?;
    let time = result.finished.parse::<Timestamp>().ok()?;
    Some(Point { time, score: result.score?, is_good: result.status == 0 })
}

/// The list, newest first; nothing without evaluations.
pub(super) fn table(visit: &Visit, name: &ModelName, detail: &Detail) -> Markup {
    if detail.evaluations.is_empty() {
        return html! {};
    }
    let texts = visit.texts;
    let table = html! {
        table {
            thead { tr {
                th scope="col" { (texts.text("column-time")) }
                th scope="col" class="number" { (texts.text("column-score")) }
                th scope="col" { (texts.text("column-result")) }
                th scope="col" class="number" { (texts.text("column-samples")) }
                th scope="col" { (texts.text("column-report")) }
            } }
            tbody { @for evaluation in &detail.evaluations {
                @let result = evaluation.result.as_ref();
                tr {
                    td class="keep" { (time(texts, evaluation)) }
                    td class="number" { (result.and_then(|result| result.score).map_or_else(|| "–".to_owned(), |score| texts.number(score, 3))) }
                    td { @if let Some(result) = result { (verdict(texts, result)) @if result.rated_trained_model { " " span class="small" { (texts.text("evaluation-of-trained")) } } } @else { "–" } }
                    td class="number" { (result.and_then(|result| result.samples).map_or_else(|| "–".to_owned(), |count| texts.whole(count))) }
                    td { a href=(address(visit, name, evaluation)) { (texts.text("report-open")) } }
                }
            } }
        }
    };
    html! {
        section class="card" {
            h2 { (texts.text_with("model-evaluations", &[("count", count(detail.evaluations.len()))])) }
            (scrolling(&texts.text("column-report"), &table))
        }
    }
}

fn time(texts: Texts, evaluation: &StoredEvaluation) -> Markup {
    if let Some(result) = &evaluation.result {
        return moment(texts, &result.finished);
    }
    let began = i64::try_from(evaluation.run.0).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    html! { @if let Some(began) = began { (at(texts, began)) } }
}

/// What Moodle makes of the result.
pub(super) fn verdict(texts: Texts, result: &EvaluationResult) -> Markup {
    let (class, key) = match result.status {
        0 => ("good", "verdict-good"),
        status if status & 8 != 0 => ("care", "verdict-varies"),
        status if status & 4 != 0 => ("care", "verdict-low"),
        _ => ("bad", "verdict-none"),
    };
    html! { span class={"badge " (class)} { (texts.text(key)) } }
}

fn address(visit: &Visit, name: &ModelName, evaluation: &StoredEvaluation) -> String {
    let run = ModelName { dir: evaluation.dir.as_str().to_owned(), ..name.clone() };
    visit.addresses.model_with(&run, &format!("/runs/{}", evaluation.run), &[("back", &name.dir)])
}
