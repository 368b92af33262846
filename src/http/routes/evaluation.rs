//! `POST /evaluation`: how good would a model be?

use std::time::Instant;

use actix_web::{HttpRequest, HttpResponse, web};

use super::{begin, json, sent};
use crate::backend::{self, TimeBudget};
use crate::http::error::HttpError;
use crate::http::extract::form::FilePart;
use crate::http::extract::params;
use crate::http::extract::tenant::Tenant;
use crate::http::state::AppState;

pub(super) async fn evaluate(
    request: HttpRequest,
    tenant: Tenant,
    state: web::Data<AppState>,
    payload: web::Payload,
) -> Result<HttpResponse, HttpError> {
    // `trainedmodeldirhash` comes behind the file: the whole body is read before anything is checked.
    let form = sent(&request, &tenant, payload, &state, Some(FilePart::dataset(&state.uploads))).await?;
    let model = params::model_key(&form, &tenant)?;
    let wanted = params::evaluation(&form, state.max_iterations)?;
    let trained = params::trained_dir(&form)?.map(|dir| state.backend.home(&model.id, &dir));
    let dataset = form.into_file()?;
    let home = begin(&state, &model).await?;
    let limits = state.dataset;
    let time = state.evaluation_time;
    let job = move || {
        let started = Instant::now();
        let budget = TimeBudget::new(time, progress_lines());
        let reply = backend::evaluate(&home, trained.as_ref(), dataset.path(), &wanted, &limits, &budget);
        tracing::info!(seconds = started.elapsed().as_secs_f64(), done = reply.is_ok(), "evaluation ended");
        reply
    };
    json(&state.jobs.evaluate(job).await??)
}

/// A log line for each tenth of the iterations, under the request's id although other threads write it.
fn progress_lines() -> impl Fn(usize, usize) + Sync {
    let request = tracing::Span::current();
    move |done, asked| {
        let tenth = |done: usize| done * 10 / asked.max(1);
        if tenth(done) > tenth(done.saturating_sub(1)) {
            request.in_scope(|| tracing::info!(done, asked, "evaluation: iterations done"));
        }
    }
}
