//! `POST /training`: teaches a model what is new.

use std::time::Instant;

use actix_web::{HttpRequest, HttpResponse, web};

use super::{begin, json, sent};
use crate::backend;
use crate::http::error::HttpError;
use crate::http::extract::form::FilePart;
use crate::http::extract::params;
use crate::http::extract::tenant::Tenant;
use crate::http::state::AppState;

pub(super) async fn train(
    request: HttpRequest,
    tenant: Tenant,
    state: web::Data<AppState>,
    payload: web::Payload,
) -> Result<HttpResponse, HttpError> {
    let form = sent(&request, &tenant, payload, &state, Some(FilePart::dataset(&state.uploads))).await?;
    let model = params::model_key(&form, &tenant)?;
    let dataset = form.into_file()?;
    let home = begin(&state, &model).await?;
    let limits = state.dataset;
    let job = move || {
        let started = Instant::now();
        let reply = backend::train(&home, dataset.path(), &limits);
        tracing::info!(seconds = started.elapsed().as_secs_f64(), done = reply.is_ok(), "training ended");
        reply
    };
    json(&state.jobs.train(model, job).await??)
}
