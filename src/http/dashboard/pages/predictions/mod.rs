//! `/dashboard/models/{uniqueid}/{dirhash}/predictions`: what a model predicts for the samples of a file: how the probabilities
//! are distributed, and which samples have the highest ones.
//!
//! The file is read as one of `POST /prediction`, and nothing of it is kept. Must not know how a model predicts.

mod result;

use actix_web::{HttpRequest, HttpResponse, Resource, web};
use maud::{Markup, html};

use crate::audit::Operation;
use crate::backend::{self, Detail};
use crate::http::dashboard::layout::{Section, page};
use crate::http::dashboard::routing::{form, protected};
use crate::http::dashboard::visit::Visit;
use crate::http::error::HttpError;
use crate::http::extract::account::Access;
use crate::http::extract::caller::Caller;
use crate::http::extract::typed_request::{DatasetUpload, Parsed};
use crate::http::routes::models::path::Named;
use crate::http::routes::prediction::predicted;
use crate::http::state::AppState;
use crate::store::{GenerationInfo, ModelKey};

pub(in crate::http::dashboard) fn service() -> Resource {
    let path = "/models/{uniqueid}/{dirhash}/predictions";
    form(path, protected(Access::Moodle, ask), protected(Access::Moodle, predict))
}

async fn ask(
    state: web::Data<AppState>,
    visit: Visit,
    request: HttpRequest,
) -> Result<HttpResponse, HttpError> {
    let named = Named::of(&request, &state)?;
    stored(&state, &named.key).await?;
    Ok(answer(&visit, &named, &html! {}))
}

async fn predict(
    state: web::Data<AppState>,
    visit: Visit,
    caller: Caller,
    request: HttpRequest,
    Parsed(upload): Parsed<DatasetUpload>,
) -> Result<HttpResponse, HttpError> {
    let named = Named::of(&request, &state)?;
    // The address names the model, not the form.
    let DatasetUpload { dataset, bytes, .. } = upload;
    let key = named.key.clone();
    let subject = caller.operation(Operation::Prediction).with_key(&key);
    let subject = subject.with_upload(Some(bytes), dataset.sha256());
    let prediction = predicted(state.clone(), subject, key, dataset).await?;
    let classes = classes(&stored(&state, &named.key).await?);
    let result = result::of(visit.texts, &classes, &prediction);
    Ok(answer(&visit, &named, &result))
}

async fn stored(state: &web::Data<AppState>, key: &ModelKey) -> Result<Detail, HttpError> {
    let (store, key) = (state.store.clone(), key.clone());
    let read = move || backend::detail(&store, &key)?.ok_or(HttpError::NoSuchModel);
    state.jobs.quick.run(read).await?
}

/// The labels of the classes of the current model; none if it is a file of another server.
fn classes(detail: &Detail) -> Vec<String> {
    let classes = detail.summary.current.as_ref().map(GenerationInfo::classes).unwrap_or_default();
    classes.iter().map(|class| class.as_str().map_or_else(|| class.to_string(), str::to_owned)).collect()
}

fn answer(visit: &Visit, named: &Named, result: &Markup) -> HttpResponse {
    let (texts, name) = (visit.texts, Visit::model_name(named));
    let title = texts.text("predictions-title");
    let content = html! {
        p class="crumbs" {
            a href=(visit.addresses.of("/dashboard/models")) { (texts.text("nav-models")) } " › "
            a href=(visit.addresses.model(&name, "")) { (texts.text("back-to-model")) }
        }
        h1 { (title) }
        p class="lead" { (texts.text("predictions-lead")) }
        (result)
        form class="card" method="post" enctype="multipart/form-data" action=(visit.addresses.model(&name, "/predictions")) {
            input type="hidden" name="uniqueid" value=(name.id);
            input type="hidden" name="dirhash" value=(name.dir);
            div class="drop" {
                label for="dataset" { (texts.text("predictions-file")) }
                input type="file" id="dataset" name="dataset" accept=".csv,text/csv" required;
                p class="hint" { (texts.text("predictions-file-hint")) }
            }
            div class="actions" { button type="submit" { (texts.text("predictions-do")) } }
        }
    };
    page(visit, Section::Models, &title, &content)
}
