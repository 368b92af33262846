//! `/dashboard/models/{uniqueid}/{dirhash}/predictions`: what a model predicts for the samples of a file: how the probabilities
//! are distributed, which samples have the highest ones, and why.
//!
//! The file is read as one of `POST /prediction`, and nothing of it is kept. Must not know how a model predicts or explains.

mod result;

use std::io::Seek as _;

use actix_web::{HttpRequest, HttpResponse, Resource, web};
use maud::{Markup, html};

use crate::audit::Operation;
use crate::backend::{self, BackendError, Detail, Explanation, ExplanationRequest, Upload};
use crate::http::audit::recorded;
use crate::http::dashboard::layout::{Section, page};
use crate::http::dashboard::routing::{form, protected};
use crate::http::dashboard::visit::Visit;
use crate::http::error::HttpError;
use crate::http::extract::account::Access;
use crate::http::extract::caller::Caller;
use crate::http::extract::typed_request::{DatasetUpload, Parsed};
use crate::http::operations;
use crate::http::routes::models::path::Named;
use crate::http::state::AppState;
use crate::jobs::{Reporter, Ticket};
use crate::store::{GenerationInfo, ModelKey};

/// The contributions that are shown of a sample.
const MAX_REASONS: usize = 4;
/// A file with more samples is not explained, because all of its samples would be.
const MAX_EXPLAINED: usize = 2_000;

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
    let again = dataset.try_clone().map_err(|error| HttpError::internal("reading an upload again", error))?;
    let subject = caller.clone().operation(Operation::Prediction).with_key(&key);
    let subject = subject.with_upload(Some(bytes), dataset.sha256());
    let ticket = Ticket::new(caller.user(), &Reporter::unlisted());
    let prediction = operations::predict(state.clone(), subject, key.clone(), dataset, ticket).await?;
    let samples = prediction.predictions.as_ref().map_or(0, Vec::len);
    let explanation = if (1..=MAX_EXPLAINED).contains(&samples) {
        explained(&state, caller, key, again, bytes).await
    } else {
        None
    };
    let classes = classes(&stored(&state, &named.key).await?);
    let result = result::of(visit.texts, &classes, &prediction, explanation.as_ref());
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

/// The explanations, if there are any: the predictions are shown without them, too.
async fn explained(
    state: &web::Data<AppState>,
    caller: Caller,
    key: ModelKey,
    mut dataset: Upload,
    bytes: u64,
) -> Option<Explanation> {
    let subject = caller.operation(Operation::Explanation).with_key(&key);
    let subject = subject.with_upload(Some(bytes), dataset.sha256());
    let (model, limits) = (state.model(&key), state.config.live().dataset.into());
    let how = ExplanationRequest { background: None, top: Some(MAX_REASONS) };
    let explain = move || {
        // The prediction has read the same file to its end.
        dataset.rewind().map_err(BackendError::UnopenableUpload)?;
        backend::explain(&model, dataset, how, &limits)
    };
    let explained = state.jobs.imported.run(recorded(&state.trail, subject, explain)).await;
    match explained.map_err(HttpError::from).flatten() {
        Ok(explanation) => Some(explanation),
        Err(error) => {
            tracing::info!(%error, "the predictions of a page have no explanations");
            None
        }
    }
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
