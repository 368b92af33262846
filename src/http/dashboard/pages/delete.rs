//! `/dashboard/models/{uniqueid}/{dirhash}/delete`: deletes everything under an id, after the reader has typed it.
//!
//! Must not know how a deletion works.

use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, Resource, web};
use maud::{Markup, html};

use crate::backend;
use crate::http::dashboard::layout::{Section, foreign, page, page_with};
use crate::http::dashboard::routing::{form, protected};
use crate::http::dashboard::visit::Visit;
use crate::http::error::HttpError;
use crate::http::extract::account::Access;
use crate::http::extract::caller::Caller;
use crate::http::extract::form::Form;
use crate::http::routes::delete::perform;
use crate::http::routes::models::path::Named;
use crate::http::state::AppState;

pub(in crate::http::dashboard) fn service() -> Resource {
    let path = "/models/{uniqueid}/{dirhash}/delete";
    form(path, protected(Access::Change, ask), protected(Access::Change, delete))
}

async fn ask(
    state: web::Data<AppState>,
    visit: Visit,
    request: HttpRequest,
) -> Result<HttpResponse, HttpError> {
    let named = existing(&state, &request).await?;
    let content = content(&visit, &named, false);
    Ok(page(&visit, Section::Models, &visit.texts.text("delete-title"), &content))
}

async fn delete(
    state: web::Data<AppState>,
    visit: Visit,
    caller: Caller,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, HttpError> {
    let named = existing(&state, &request).await?;
    let body_rate = state.config.connections.body_rate;
    let sent = Form::read(&request, payload.into_inner(), &state.uploads, body_rate, None).await?;
    if sent.value("confirm").map(str::trim) != Some(Visit::model_name(&named).id.as_str()) {
        let content = content(&visit, &named, true);
        let title = visit.texts.text("delete-title");
        return Ok(page_with(StatusCode::UNPROCESSABLE_ENTITY, &visit, Section::Models, &title, &content));
    }
    perform(&state, caller, named.key.id).await?;
    let address = visit.addresses.with_query("/dashboard/models", &[("done", "delete")]);
    Ok(HttpResponse::SeeOther().insert_header((LOCATION, address)).finish())
}

async fn existing(state: &web::Data<AppState>, request: &HttpRequest) -> Result<Named, HttpError> {
    let named = Named::of(request, state)?;
    let (store, key) = (state.store.clone(), named.key.clone());
    let exists = state.jobs.quick.run(move || backend::is_stored(&store, &key)).await??;
    if exists { Ok(named) } else { Err(HttpError::NoSuchModel) }
}

fn content(visit: &Visit, named: &Named, was_wrong: bool) -> Markup {
    let (texts, name) = (visit.texts, Visit::model_name(named));
    html! {
        div class="middle" {
            h1 { (texts.text("delete-title")) }
            form class="card" method="post" action=(visit.addresses.model(&name, "/delete")) autocomplete="off" {
                @if was_wrong { p class="notice bad" role="alert" id="wrong" { (texts.text("delete-wrong")) } }
                p { (texts.text("delete-what")) }
                p { code { (foreign_id(&name.id)) } }
                label for="confirm" { (texts.text("delete-type")) }
                input type="text" id="confirm" name="confirm" required autocapitalize="none" spellcheck="false"
                      aria-invalid=[was_wrong.then_some("true")] aria-describedby=[was_wrong.then_some("wrong")];
                div class="actions" {
                    button class="danger" type="submit" { (texts.text("delete-do")) }
                    a class="button quiet" href=(visit.addresses.model(&name, "")) { (texts.text("cancel")) }
                }
            }
        }
    }
}

/// An id as a whole: it has at most 200 characters.
fn foreign_id(id: &str) -> Markup {
    if id.len() > 100 {
        html! { (id) }
    } else {
        foreign(id)
    }
}
