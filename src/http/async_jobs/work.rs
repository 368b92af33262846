//! A stored job that this process performs.
//!
//! Owns that its end is stored. Must not know whether a client waits for it.

use actix_web::{rt, web};

use super::record::{End, JobId};
use super::running::Live;
use super::shelf::Lease;
use crate::http::error::{HttpError, chain};
use crate::http::operations::{Job, perform, ticket};
use crate::http::state::AppState;
use crate::jobs::Ticket;
use crate::telemetry::request_id::CurrentRequest;

/// What became of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Its end is stored.
    Ended,
    /// It was not done, and is left to another process.
    Left,
    /// Its end could not be stored.
    Failed,
}

/// Performs a job in the background.
pub(super) fn spawn(state: &web::Data<AppState>, id: JobId, job: Job, lease: Lease) {
    let ticket = ticket(state, &job);
    let request = CurrentRequest::named(job.actor.request());
    rt::spawn(request.scope(work(state.clone(), id, job, lease, ticket)));
}

/// Performs a job, whether a client waits for its end or not.
pub(super) async fn work(
    state: web::Data<AppState>,
    id: JobId,
    job: Job,
    lease: Lease,
    ticket: Ticket,
) -> Outcome {
    let ticket = ticket.patient();
    let live = state.async_jobs.running.begin(&id, ticket.reporter());
    let request = job.actor.request().unwrap_or_default().to_owned();
    let result = perform(state.clone(), job, ticket).await;
    let reply = result.map(|reply| serde_json::to_vec(&reply));
    match end(state, id, &request, reply, live, lease).await {
        Ok(outcome) => outcome,
        Err(error) => {
            tracing::error!(id = request, cause = chain(&error), "the end of a job could not be stored");
            Outcome::Failed
        }
    }
}

async fn end(
    state: web::Data<AppState>,
    id: JobId,
    request: &str,
    result: Result<serde_json::Result<Vec<u8>>, HttpError>,
    live: Live,
    lease: Lease,
) -> Result<Outcome, HttpError> {
    let result = result.and_then(|json| json.map_err(|error| HttpError::internal("writing a reply", error)));
    // Its model was not changed: the next server does it again.
    let is_left = result.is_err() && (live.is_withdrawn() || state.shutdown.is_discarded());
    if is_left {
        return Ok(Outcome::Left);
    }
    let (end, reply) = match result {
        Ok(reply) => (End::done(), Some(reply)),
        Err(error) => {
            error.log(request);
            (End::of(&error, request), None)
        }
    };
    let stored = web::block(move || {
        let stored = state.async_jobs.shelf.end(&id, end, reply.as_deref());
        lease.give_back();
        drop(live);
        stored
    });
    let stored = stored.await.map_err(|error| HttpError::internal("storing the end of a job", error))?;
    stored.map(|()| Outcome::Ended)
}
