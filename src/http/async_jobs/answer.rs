//! The response to a request for long work: its result, or the address of its job.
//!
//! Must not know what the work does.

use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, web};

use super::keep::start;
use super::prefer::{APPLIED, Preferences, RESPOND_ASYNC};
use super::queued::is_for_workers_at_once;
use super::wait::perform_by_worker;
use crate::http::disk_quota;
use crate::http::error::HttpError;
use crate::http::long_reply::{self, FailedRun};
use crate::http::operations::{Job, Task, failed_run, perform, ticket};
use crate::http::state::AppState;

/// Performs a job, and responds with its reply or, if the client prefers that, with its address.
///
/// # Errors
/// Those of the job, or the refusal of it.
pub(in crate::http) async fn answer(
    request: &HttpRequest,
    state: &web::Data<AppState>,
    job: Job,
) -> Result<HttpResponse, HttpError> {
    if job.task.stores() {
        disk_quota::check(state, &job.key.id, job.actor.user(), job.bytes).await?;
    }
    if Preferences::of(request).respond_async {
        let id = start(state, job).await?;
        let address = format!("{}/jobs/{id}", state.config.listen.url_prefix.as_str());
        return Ok(HttpResponse::Accepted()
            .insert_header((LOCATION, address.clone()))
            .insert_header((APPLIED, RESPOND_ASYNC))
            .json(serde_json::json!({ "id": id.as_str(), "job": address })));
    }
    let failed_run: FailedRun = match job.task {
        Task::Evaluation { .. } => Box::pin(failed_run(state.clone(), job.key.clone())),
        _ => Box::pin(async { None }),
    };
    let ticket = ticket(state, &job);
    if state.async_jobs.queue.is_some() && is_for_workers_at_once(&job.task) {
        let work = perform_by_worker(state.clone(), job, ticket);
        return long_reply::json_with_run(request, state, work, failed_run).await;
    }
    long_reply::json_with_run(request, state, perform(state.clone(), job, ticket), failed_run).await
}
