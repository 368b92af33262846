//! `GET /dashboard/models/{uniqueid}/{dirhash}/runs/{run}`: the report of an evaluation in place.
//!
//! The report is a page of its own, which older versions may have written: it is shown in a frame without any right. Must not know
//! what a report says.

use std::io;

use actix_web::http::header::{CONTENT_SECURITY_POLICY, ContentType, X_FRAME_OPTIONS};
use actix_web::{HttpRequest, HttpResponse, Resource, web};
use maud::html;

use super::downloads::run as run_of;
use crate::backend::BackendError;
use crate::http::dashboard::addresses::ModelName;
use crate::http::dashboard::layout::{Section, at, page};
use crate::http::dashboard::routing::{page as route, protected};
use crate::http::dashboard::visit::Visit;
use crate::http::error::HttpError;
use crate::http::extract::account::Access;
use crate::http::routes::models::path::Named;
use crate::http::state::AppState;
use crate::report::REPORT_HTML;
use crate::store::{ModelId, RunId};

/// The report has its own style and pictures and nothing else; the dashboard alone may show it in a frame.
const REPORT_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox; base-uri 'none'; \
                             form-action 'none'; frame-ancestors 'self'";

pub(in crate::http::dashboard) fn service() -> Resource {
    route("/models/{uniqueid}/{dirhash}/runs/{run}", protected(Access::Everyone, show))
}

/// `GET …/runs/{run}/report.html`: the file alone.
pub(in crate::http::dashboard) fn report_service() -> Resource {
    route("/models/{uniqueid}/{dirhash}/runs/{run}/report.html", protected(Access::Everyone, report))
}

async fn show(
    state: web::Data<AppState>,
    visit: Visit,
    request: HttpRequest,
) -> Result<HttpResponse, HttpError> {
    let named = Named::of(&request, &state)?;
    let run = run_of(&request)?;
    read(&state, &named, run).await?;
    let (texts, name) = (visit.texts, Visit::model_name(&named));
    // An evaluation is stored under another dirhash than the model that the reader comes from.
    let back = visit.query.value("back").filter(|dir| ModelId::new(dir).is_ok_and(|id| id.as_str() == *dir));
    let model = ModelName { dir: back.unwrap_or(&name.dir).to_owned(), ..name.clone() };
    let below = |file: &str| visit.addresses.model(&name, &format!("/runs/{run}{file}"));
    let began = i64::try_from(run.0).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    let title = texts.text("run-title");
    let content = html! {
        p class="crumbs" { a href=(visit.addresses.model(&model, "")) { (texts.text("back-to-model")) } }
        div class="head" {
            div { h1 { (title) } p class="small" { @if let Some(began) = began { (at(texts, began)) } } }
            div class="actions" {
                a class="button quiet small" href=(below("/report.html")) { (texts.text("run-alone")) }
                a class="button quiet small" href=(below("/report.zip")) download { (texts.text("run-download")) }
            }
        }
        iframe class="report" src=(below("/report.html")) title=(title) sandbox="allow-popups" {}
    };
    Ok(page(&visit, Section::Models, &title, &content))
}

async fn report(state: web::Data<AppState>, request: HttpRequest) -> Result<HttpResponse, HttpError> {
    let named = Named::of(&request, &state)?;
    let bytes = read(&state, &named, run_of(&request)?).await?;
    Ok(HttpResponse::Ok()
        .content_type(ContentType::html())
        .insert_header((CONTENT_SECURITY_POLICY, REPORT_POLICY))
        .insert_header((X_FRAME_OPTIONS, "SAMEORIGIN"))
        // Browsers refuse a document that is sandboxed and has its own group of windows.
        .insert_header(("cross-origin-opener-policy", "unsafe-none"))
        .body(bytes))
}

async fn read(state: &web::Data<AppState>, named: &Named, run: RunId) -> Result<Vec<u8>, HttpError> {
    let model = state.model(&named.key);
    let read = move || {
        let Some(run) = model.run(run).map_err(BackendError::from)? else { return Ok(None) };
        match run.read(REPORT_HTML) {
            // It was deleted in between, or an early version wrote no such file.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            read => read.map(Some).map_err(|error| HttpError::internal("reading a report", error)),
        }
    };
    state.jobs.quick.run(read).await??.ok_or(HttpError::NoSuchModel)
}
