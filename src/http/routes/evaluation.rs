//! `POST /evaluation`: how good would a model be?

use std::time::Instant;

use actix_web::{HttpRequest, HttpResponse, web};

use super::{json, sent};
use crate::backend;
use crate::http::error::HttpError;
use crate::http::form::FilePart;
use crate::http::params::{self, Model};
use crate::http::state::AppState;

pub(super) async fn evaluate(
    request: HttpRequest,
    state: web::Data<AppState>,
    payload: web::Payload,
) -> Result<HttpResponse, HttpError> {
    // `trainedmodeldirhash` comes behind the file: the whole body is read before anything is checked.
    let form = sent(&request, payload, &state, Some(FilePart::dataset(&state.uploads))).await?;
    let model = Model::of(&form)?;
    let wanted = params::evaluation(&form, state.max_iterations)?;
    let trained = params::trained_dir(&form)?.map(|dir| state.backend.home(&model.id, &dir));
    let dataset = form.into_file()?;
    let home = state.backend.home(&model.id, &model.dir);
    let limits = state.dataset;
    let job = move || {
        let started = Instant::now();
        let reply = backend::evaluate(&home, trained.as_ref(), dataset.path(), &wanted, &limits);
        tracing::info!(seconds = started.elapsed().as_secs_f64(), done = reply.is_ok(), "evaluation ended");
        reply
    };
    json(&state.pool.evaluate(job).await??)
}
