//! The generations of a model, each of which can become the current one again.
//!
//! Must not know how generations are stored.

use maud::{Markup, html};

use crate::backend::Detail;
use crate::http::dashboard::addresses::ModelName;
use crate::http::dashboard::layout::{moment, scrolling};
use crate::http::dashboard::texts::{Texts, count};
use crate::http::dashboard::visit::Visit;
use crate::store::GenerationInfo;

/// The table; nothing for a model without generations.
pub(super) fn section(visit: &Visit, name: &ModelName, detail: &Detail) -> Markup {
    if detail.generations.is_empty() {
        return html! {};
    }
    let texts = visit.texts;
    let current = detail.summary.current.as_ref().map(|current| current.number);
    let table = html! {
        table {
            thead { tr {
                th scope="col" { (texts.text("column-generation")) }
                th scope="col" { (texts.text("column-published")) }
                th scope="col" class="number" { (texts.text("column-samples")) }
                th scope="col" class="number" { (texts.text("column-log-loss")) }
                th scope="col" class="number" { (texts.text("column-size")) }
                @if visit.may_change() { th scope="col" { span class="unseen" { (texts.text("column-action")) } } }
            } }
            tbody { @for generation in &detail.generations {
                @let is_current = current == Some(generation.number);
                tr {
                    th scope="row" { (texts.whole(generation.number)) " " (marks(texts, generation, is_current)) }
                    td class="keep" { (moment(texts, &generation.created_at)) }
                    td class="number" { (generation.sample_count().map_or_else(|| "–".to_owned(), |count| texts.whole(count))) }
                    td class="number" { (generation.log_loss().map_or_else(|| "–".to_owned(), |loss| texts.number(loss, 4))) }
                    td class="number" { (texts.size(generation.bytes())) }
                    @if visit.may_change() { td class="number" { @if !is_current { (roll_back(visit, name, generation.number)) } } }
                }
            } }
        }
    };
    html! {
        section class="card" {
            h2 { (texts.text("model-generations")) }
            (scrolling(&texts.text("model-generations"), &table))
        }
    }
}

fn marks(texts: Texts, generation: &GenerationInfo, is_current: bool) -> Markup {
    html! {
        @if is_current { span class="badge good" { (texts.text("generation-current")) } " " }
        @if let Some(of) = generation.restored_from() {
            span class="badge" { (texts.text_with("generation-copy", &[("number", count(of))])) }
        } @else if generation.is_imported() {
            span class="badge" { (texts.text("origin-imported")) }
        }
    }
}

fn roll_back(visit: &Visit, name: &ModelName, number: u64) -> Markup {
    let address = visit.addresses.model_with(name, "/rollback", &[("generation", &number.to_string())]);
    let label = visit.texts.text_with("rollback-title", &[("number", count(number))]);
    html! { a class="button quiet small" href=(address) aria-label=(label) { (visit.texts.text("rollback-do")) } }
}
