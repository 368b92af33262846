//! Asynchronous jobs: a client that sends `Prefer: respond-async` gets the address of the job at once, and its result there.
//!
//! Owns the life of a job from its request to its end, also across a restart: it is stored before the response, so the next
//! server takes those that have not ended. A job that was done but whose end was not stored is done again, which counts no
//! sample twice, as for a request of Moodle that is repeated. Must not know what a job does.

mod answer;
mod prefer;
mod record;
mod running;
mod shelf;
mod stored;

pub(in crate::http) use answer::answer;
pub(in crate::http) use prefer::{APPLIED, Preferences};
pub(in crate::http) use record::{End, Ending, JobId, Record};
pub(in crate::http) use running::Progress;
pub(in crate::http) use stored::AsyncJobs;

use actix_web::{rt, web};
use tracing::Instrument as _;

use super::error::{HttpError, chain};
use super::operations::{Job, perform, ticket};
use super::state::AppState;
use crate::config::KEEP_JOBS;
use running::Live;
use shelf::Lease;

/// Stores a job and starts it. Returns its id.
async fn start(state: &web::Data<AppState>, job: Job) -> Result<JobId, HttpError> {
    let add = {
        let state = state.clone();
        move || {
            let added = state.async_jobs.shelf.add(job)?;
            let (id, lease) = added
                .ok_or(HttpError::QueueFull { waiting: state.config.shares.keep_jobs, limit: KEEP_JOBS })?;
            let job = state.async_jobs.shelf.job(&id)?.ok_or(HttpError::NoSuchJob)?;
            Ok::<_, HttpError>((id, job, lease))
        }
    };
    let (id, job, lease) = state.jobs.quick.run(add).await??;
    spawn(state, id.clone(), job, lease);
    Ok(id)
}

/// Performs a job, whether a client waits for its end or not.
fn spawn(state: &web::Data<AppState>, id: JobId, job: Job, lease: Lease) {
    let ticket = ticket(state, &job).patient();
    let live = state.async_jobs.running.begin(&id, ticket.reporter());
    let request = job.actor.request().unwrap_or_default().to_owned();
    let state = state.clone();
    let work = async move {
        let result = perform(state.clone(), job, ticket).await;
        if let Err(error) =
            end(state, id, &request, result.map(|reply| serde_json::to_vec(&reply)), live, lease).await
        {
            tracing::error!(id = request, cause = chain(&error), "the end of a job could not be stored");
        }
    };
    rt::spawn(work.in_current_span());
}

async fn end(
    state: web::Data<AppState>,
    id: JobId,
    request: &str,
    result: Result<serde_json::Result<Vec<u8>>, HttpError>,
    live: Live,
    lease: Lease,
) -> Result<(), HttpError> {
    let result = result.and_then(|json| json.map_err(|error| HttpError::internal("writing a reply", error)));
    // Its model was not changed: the next server does it again.
    let is_left = result.is_err() && (live.is_withdrawn() || state.shutdown.is_discarded());
    if is_left {
        return Ok(());
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
        drop((live, lease));
        stored
    });
    stored.await.map_err(|error| HttpError::internal("storing the end of a job", error))?
}

/// Takes the jobs that other processes have left, again and again, and removes those whose time is over.
pub(in crate::http) async fn keep(state: web::Data<AppState>) {
    loop {
        if let Err(error) = take(&state).await {
            tracing::warn!(error = chain(&error), "stored jobs could not be looked for");
        }
        tokio::time::sleep(state.async_jobs.shelf.interval()).await;
    }
}

async fn take(state: &web::Data<AppState>) -> Result<(), HttpError> {
    if state.shutdown.is_requested() {
        return Ok(());
    }
    let look = {
        let state = state.clone();
        move || {
            let shelf = &state.async_jobs.shelf;
            shelf.tidy()?;
            let mut jobs = Vec::new();
            for (id, lease) in shelf.take_orphans()? {
                // It was removed in between.
                let Some(job) = shelf.job(&id)? else { continue };
                jobs.push((id, job, lease));
            }
            Ok::<_, HttpError>(jobs)
        }
    };
    for (id, job, lease) in state.jobs.quick.run(look).await?? {
        let request = job.actor.request().unwrap_or_default().to_owned();
        tracing::info!(id = request, "a job that has not ended is done again");
        let span = tracing::info_span!("request", id = request);
        span.in_scope(|| spawn(state, id, job, lease));
    }
    Ok(())
}
