//! `GET /dashboard/models/{uniqueid}/{dirhash}`: everything about one model, and what can be done with it.
//!
//! Owns the order of the parts. Must not know how a model is stored.

mod evaluations;
mod generations;
mod parts;

use actix_web::{HttpRequest, HttpResponse, Resource, web};
use maud::{Markup, html};

use super::models::{origin, title};
use crate::backend::{self, Detail};
use crate::http::dashboard::activity::{Entry, of_model, table};
use crate::http::dashboard::addresses::ModelName;
use crate::http::dashboard::layout::{Section, copyable, foreign, moment, page, tile};
use crate::http::dashboard::routing::{page as route, protected};
use crate::http::dashboard::texts::count;
use crate::http::dashboard::visit::Visit;
use crate::http::error::HttpError;
use crate::http::extract::account::Access;
use crate::http::routes::models::path::Named;
use crate::http::state::AppState;
use crate::report::words;
use crate::store::GenerationInfo;

pub(in crate::http::dashboard) fn service() -> Resource {
    route("/models/{uniqueid}/{dirhash}", protected(Access::Everyone, model))
}

async fn model(
    state: web::Data<AppState>,
    visit: Visit,
    request: HttpRequest,
) -> Result<HttpResponse, HttpError> {
    let named = Named::of(&request, &state)?;
    let (store, key) = (state.store.clone(), named.key.clone());
    let read = move || {
        let detail = backend::detail(&store, &key)?.ok_or(HttpError::NoSuchModel)?;
        Ok::<_, HttpError>((detail, of_model(&store, &key)?))
    };
    let (detail, entries) = state.jobs.quick.run(read).await??;
    let name = Visit::model_name(&named);
    let content = content(&visit, &name, &detail, &entries);
    Ok(page(&visit, Section::Models, &title(&detail.summary, &name), &content))
}

fn content(visit: &Visit, name: &ModelName, detail: &Detail, entries: &[Entry]) -> Markup {
    let texts = visit.texts;
    html! {
        p class="crumbs" { a href=(visit.addresses.of("/dashboard/models")) { (texts.text("nav-models")) } }
        div class="head" {
            div {
                h1 { (foreign(&title(&detail.summary, name))) " " (origin(texts, &detail.summary)) }
                p class="id" { code { (name.id) "/" (name.dir) } }
            }
            (parts::downloads(visit, name, detail))
        }
        @if let Some(problem) = detail.summary.problem { p class="notice bad" lang="en" { (problem) } }
        (tiles(visit, detail))
        div class="columns" {
            (evaluations::scores(visit, name, detail))
            (parts::indicators(visit, detail))
        }
        (evaluations::table(visit, name, detail))
        (generations::section(visit, name, detail))
        div class="columns" {
            (parts::batches(visit, detail))
            (facts(visit, name, detail))
        }
        section class="card" {
            h2 { (texts.text("model-trail")) }
            @if entries.is_empty() { p class="empty" { (texts.text("model-trail-empty")) } }
            @else { (table(visit, &texts.text("model-trail"), entries)) }
        }
        @if visit.may_change() { (parts::dangerous(visit, name)) }
    }
}

fn tiles(visit: &Visit, detail: &Detail) -> Markup {
    let texts = visit.texts;
    let current = detail.summary.current.as_ref();
    let dash = || html! { "–" };
    let trained = current.map_or_else(dash, |current| moment(texts, &current.created_at));
    let samples = current.and_then(GenerationInfo::sample_count);
    let loss = current.and_then(GenerationInfo::log_loss);
    let evaluation = detail.evaluations.iter().find_map(|one| one.result.as_ref());
    let score = evaluation.and_then(|result| result.score);
    html! {
        dl class="tiles" {
            (tile(&texts.text("tile-score"), &score.map_or_else(dash, |score| html! { (texts.number(score, 3)) }),
                  &evaluation.map_or_else(|| html! {}, |result| evaluations::verdict(texts, result))))
            (tile(&texts.text("column-samples"), &samples.map_or_else(dash, |count| html! { (texts.whole(count)) }), &html! {}))
            (tile(&texts.text("column-log-loss"), &loss.map_or_else(dash, |loss| html! { (texts.number(loss, 4)) }),
                  &html! { (texts.text("tile-log-loss-hint")) }))
            (tile(&texts.text("column-trained"), &trained, &html! {
                @if let Some(current) = current { (texts.text_with("tile-generation", &[("number", count(current.number))])) }
            }))
            (tile(&texts.text("column-size"), &html! { (texts.size(detail.summary.bytes)) }, &html! {}))
        }
    }
}

fn facts(visit: &Visit, name: &ModelName, detail: &Detail) -> Markup {
    let texts = visit.texts;
    let current = detail.summary.current.as_ref();
    let fact = |fact| current.and_then(|current| current.text(fact));
    let classes = current.map(GenerationInfo::classes).unwrap_or_default();
    let counts = current.map(GenerationInfo::class_counts).unwrap_or_default();
    html! {
        section class="card" {
            h2 { (texts.text("model-facts")) }
            dl class="facts" {
                @if let Some(user) = name.user.as_deref().filter(|user| !user.is_empty()) {
                    dt { (texts.text("column-user")) } dd { (foreign(user)) }
                }
                @if let Some(target) = fact("target") {
                    dt { (texts.text("fact-target")) } dd { (foreign(&words(target))) span class="id stack" { code { (foreign(target)) } } }
                }
                @if let Some(splitting) = fact("time_splitting") {
                    dt { (texts.text("fact-splitting")) } dd { (foreign(&words(splitting))) span class="id stack" { code { (foreign(splitting)) } } }
                }
                @if !classes.is_empty() {
                    dt { (texts.text("fact-classes")) }
                    dd { ul class="plain" { @for (at, class) in classes.iter().enumerate() { li {
                        code { (foreign(class.as_str().map_or_else(|| class.to_string(), str::to_owned).as_str())) }
                        @if let Some(samples) = counts.get(at) { ": " (texts.text_with("samples-count", &[("count", count(*samples))])) }
                    } } } }
                }
                dt { "uniqueid" } dd { (copyable(&name.id)) }
                dt { "dirhash" } dd { (copyable(&name.dir)) }
            }
        }
    }
}
