//! `GET /jobs/{id}`: the state of an asynchronous job and its result; `DELETE /jobs/{id}` cancels it, or removes its result.
//!
//! Owns how long a client waits for the end of a job.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::ContentType;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, Resource, web};
use tokio::time::{Instant, sleep, timeout};

use super::view::{JobView, sees};
use crate::audit::Operation;
use crate::backend::BackendError;
use crate::http::async_jobs::{self, APPLIED, JobId, Preferences, Record};
use crate::http::audit::recorded;
use crate::http::error::HttpError;
use crate::http::extract::account::{Access, Account, Role};
use crate::http::extract::caller::Caller;
use crate::http::openapi::forms::{JobPath, Waiting};
use crate::http::routes::models::list::Names;
use crate::http::routes::resource::{get_and_delete, protected_for};
use crate::http::state::AppState;
use crate::store::{DirHash, ModelId};

/// The longest that a client can wait: proxies close a connection on which nothing arrives for a minute.
const MAX_WAIT: Duration = Duration::from_mins(1);
/// A shutdown is not delayed by clients that wait.
const INTERVAL: Duration = Duration::from_millis(200);

pub(in crate::http::routes) fn service() -> Resource {
    get_and_delete("/jobs/{id}", protected_for(Access::Everyone, job), protected_for(Access::Change, cancel))
}

/// One asynchronous job
///
/// Its state and, when it is done, its result. Users see their own jobs; admins and viewers see those of all users, and viewers see
/// no results.
#[utoipa::path(get, path = "/jobs/{id}", tag = "Jobs", params(JobPath, Waiting), responses(
    (status = 200, description = "The job.", body = JobView,
                   headers(("Preference-Applied" = String, description = "`wait=N`, with the seconds that count."))),
    (status = 404, description = "There is no such job, it is a job of another user, or its time is over."),
))]
pub(in crate::http) async fn job(
    state: web::Data<AppState>,
    request: HttpRequest,
) -> Result<HttpResponse, HttpError> {
    let account = Account::of(&request)?;
    let id = id_of(&request)?;
    let wait = Preferences::of(&request).wait.map(|wait| wait.min(MAX_WAIT));
    let record = find(&state, &id, &account).await?;
    if let Some(wait) = wait.filter(|_| record.end.is_none()) {
        wait_for_end(&state, &id, wait).await;
    }
    let view = view(&state, id, &account).await?;
    let mut response = HttpResponse::Ok();
    if let Some(wait) = wait {
        response.insert_header((APPLIED, format!("wait={}", wait.as_secs())));
    }
    respond(response, view)
}

/// Cancels an asynchronous job
///
/// A job that waits never starts, and a running one ends soon; a cancelled training changes nothing. A job that has ended is
/// removed with its result.
#[utoipa::path(delete, path = "/jobs/{id}", tag = "Jobs", params(JobPath), responses(
    (status = 202, description = "The job is cancelled, or will be soon.", body = JobView),
    (status = 204, description = "The job had ended, and is removed."),
    (status = 404, description = "There is no such job, it is a job of another user, or its time is over."),
    (status = 409, description = "Another process of the server has the job."),
))]
pub(in crate::http) async fn cancel(
    state: web::Data<AppState>,
    caller: Caller,
    request: HttpRequest,
) -> Result<HttpResponse, HttpError> {
    let account = Account::of(&request)?;
    let id = id_of(&request)?;
    let record = find(&state, &id, &account).await?;
    let key = (ModelId::new(&record.uniqueid)?, DirHash::new("dirhash", &record.dirhash)?);
    let subject = caller.operation(Operation::JobDeletion).with_model(&key.0, &key.1);
    if record.end.is_some() {
        let (shared, removed) = (state.clone(), id);
        let remove = move || {
            let recording = recorded(&shared.trail, subject, || Ok::<_, BackendError>(()));
            shared.async_jobs.shelf.remove(&removed).and_then(|()| recording())
        };
        state.jobs.quick.run(remove).await??;
        return Ok(HttpResponse::NoContent().finish());
    }
    if !async_jobs::cancel(&state, &id).await? {
        return Err(HttpError::JobElsewhere);
    }
    state.jobs.quick.run(recorded(&state.trail, subject, || Ok::<_, BackendError>(()))).await??;
    let view = view(&state, id, &account).await?;
    respond(HttpResponse::build(StatusCode::ACCEPTED), view)
}

fn respond(mut response: HttpResponseBuilder, view: JobView) -> Result<HttpResponse, HttpError> {
    let json = view.into_json().map_err(|error| HttpError::internal("writing a job", error))?;
    Ok(response.content_type(ContentType::json()).body(json))
}

fn id_of(request: &HttpRequest) -> Result<JobId, HttpError> {
    request.match_info().get("id").and_then(JobId::parse).ok_or(HttpError::NoSuchJob)
}

/// A job that the user sees.
async fn find(state: &web::Data<AppState>, id: &JobId, account: &Account) -> Result<Record, HttpError> {
    let (shared, id) = (state.clone(), id.clone());
    let record = state.jobs.quick.run(move || shared.async_jobs.shelf.record(&id)).await??;
    record.filter(|record| sees(account, record)).ok_or(HttpError::NoSuchJob)
}

/// The job as it is now.
async fn view(state: &web::Data<AppState>, id: JobId, account: &Account) -> Result<JobView, HttpError> {
    let names = Names::of_account(state, account)?;
    // Before its description, so that a job that ends in between is not one without a process.
    let progress = async_jobs::progress(state, &id).await;
    let record = find(state, &id, account).await?;
    let has_result = record.end.is_some() && account.role() != Role::Viewer;
    let view = JobView::new(&id, record, progress, account, &names);
    if !has_result {
        return Ok(view);
    }
    let shared = state.clone();
    let read = move || shared.async_jobs.shelf.result(&id);
    Ok(view.with_result(state.jobs.quick.run(read).await??))
}

/// Waits until the job ends, the time is over or the server stops.
async fn wait_for_end(state: &web::Data<AppState>, id: &JobId, wait: Duration) {
    let until = Instant::now() + wait;
    let mut end = state.async_jobs.running.end_of(id);
    while !state.shutdown.is_requested() && Instant::now() < until {
        let step = INTERVAL.min(until.saturating_duration_since(Instant::now()));
        if let Some(end) = &mut end {
            if timeout(step, end.wait_for(|has_ended| *has_ended)).await.is_ok() {
                return;
            }
            continue;
        }
        sleep(step).await;
        if async_jobs::has_ended(state, id).await {
            return;
        }
    }
}
