//! `/dashboard/models/{uniqueid}/{dirhash}/rollback`: asks before an earlier generation becomes the current one, and does it.
//!
//! Must not know how a rollback works.

use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, Resource, web};
use maud::html;

use crate::backend;
use crate::http::dashboard::layout::{Section, moment, page};
use crate::http::dashboard::routing::{form, protected};
use crate::http::dashboard::texts::count;
use crate::http::dashboard::visit::Visit;
use crate::http::error::HttpError;
use crate::http::extract::account::Access;
use crate::http::extract::caller::Caller;
use crate::http::routes::models::path::Named;
use crate::http::routes::models::rollback::{generation, perform};
use crate::http::state::AppState;

pub(in crate::http::dashboard) fn service() -> Resource {
    let path = "/models/{uniqueid}/{dirhash}/rollback";
    form(path, protected(Access::Change, ask), protected(Access::Change, roll_back))
}

async fn ask(
    state: web::Data<AppState>,
    visit: Visit,
    request: HttpRequest,
) -> Result<HttpResponse, HttpError> {
    let named = Named::of(&request, &state)?;
    let number = generation(visit.query.value("generation").unwrap_or_default())?;
    let (store, key) = (state.store.clone(), named.key.clone());
    let detail = state.jobs.quick.run(move || backend::detail(&store, &key)).await??;
    let detail = detail.ok_or(HttpError::NoSuchModel)?;
    let chosen = detail.generations.iter().find(|one| one.number == number);
    let chosen = chosen.ok_or(HttpError::NoSuchModel)?;
    let name = Visit::model_name(&named);
    let (texts, text) = (visit.texts, number.to_string());
    let title = texts.text_with("rollback-title", &[("number", count(number))]);
    let action = visit.addresses.model_with(&name, "/rollback", &[("generation", &text)]);
    let content = html! {
        div class="middle" {
            h1 { (title) }
            form class="card" method="post" action=(action) {
                p { (texts.text("rollback-what")) }
                dl class="facts" {
                    dt { (texts.text("column-published")) } dd { (moment(texts, &chosen.created_at)) }
                    dt { (texts.text("column-samples")) } dd { (chosen.sample_count().map_or_else(|| "–".to_owned(), |count| texts.whole(count))) }
                }
                p { (texts.text("rollback-undo")) }
                div class="actions" {
                    button type="submit" { (texts.text("rollback-do")) }
                    a class="button quiet" href=(visit.addresses.model(&name, "")) { (texts.text("cancel")) }
                }
            }
        }
    };
    Ok(page(&visit, Section::Models, &title, &content))
}

async fn roll_back(
    state: web::Data<AppState>,
    visit: Visit,
    caller: Caller,
    request: HttpRequest,
) -> Result<HttpResponse, HttpError> {
    let named = Named::of(&request, &state)?;
    let number = generation(visit.query.value("generation").unwrap_or_default())?;
    perform(&state, caller, named.key.clone(), Some(number)).await?;
    let address = visit.addresses.model_with(&Visit::model_name(&named), "", &[("done", "rollback")]);
    Ok(HttpResponse::SeeOther().insert_header((LOCATION, address)).finish())
}
