//! How far jobs are, and their cancellation, wherever they are performed.
//!
//! Must not know who may see them.

use actix_web::web;

use super::record::{End, JobId, Record};
use super::running::Progress;
use super::shelf::Take;
use crate::http::error::{HttpError, chain};
use crate::http::state::AppState;
use crate::jobs::Phase;
use crate::queue::{Cancelled, Seen};

/// How far a job is; `None` if it has ended, or no process that this one knows has it.
pub(in crate::http) async fn progress(state: &AppState, id: &JobId) -> Option<Progress> {
    if let Some(own) = state.async_jobs.running.progress(id) {
        return Some(own);
    }
    let queue = state.async_jobs.queue.as_ref()?;
    let (seen, _) = queue.look(&[id.as_str()]).await.ok()?;
    seen.into_iter().next().flatten().map(of)
}

/// The same for several jobs.
pub(in crate::http) async fn progress_of_all(
    state: &AppState,
    jobs: &[(JobId, Record)],
) -> Vec<Option<Progress>> {
    let own = |id: &JobId| state.async_jobs.running.progress(id);
    let Some(queue) = &state.async_jobs.queue else { return jobs.iter().map(|(id, _)| own(id)).collect() };
    let open = |(_, record): &&(JobId, Record)| record.end.is_none();
    let ids: Vec<&str> = jobs.iter().filter(open).map(|(id, _)| id.as_str()).collect();
    let seen = match queue.look(&ids).await {
        Ok((seen, _)) => seen,
        Err(error) => {
            tracing::debug!(error = chain(&error), "the progress of jobs is not known");
            Vec::new()
        }
    };
    let mut seen = seen.into_iter();
    let progress = |job: &(JobId, Record)| {
        let elsewhere = if open(&job) { seen.next().flatten().map(of) } else { None };
        own(&job.0).or(elsewhere)
    };
    jobs.iter().map(progress).collect()
}

/// Whether a job of another process has ended, or was removed. An error is left to the next look.
pub(in crate::http) async fn has_ended(state: &web::Data<AppState>, id: &JobId) -> bool {
    if let Some(queue) = &state.async_jobs.queue
        && matches!(queue.look(&[id.as_str()]).await, Ok((seen, _)) if seen.iter().any(Option::is_some))
    {
        return false;
    }
    let (shared, id) = (state.clone(), id.clone());
    let record = state.jobs.quick.run(move || shared.async_jobs.shelf.record(&id)).await;
    let Ok(Ok(record)) = record else { return false };
    record.is_none_or(|record| record.end.is_some())
}

/// Cancels a job that has not ended. False if another process has it that cannot be asked.
pub(in crate::http) async fn cancel(state: &web::Data<AppState>, id: &JobId) -> Result<bool, HttpError> {
    if state.async_jobs.running.cancel(id) {
        return Ok(true);
    }
    let Some(queue) = &state.async_jobs.queue else { return Ok(false) };
    match queue.cancel(id.as_str()).await {
        Ok(Cancelled::Running) => return Ok(true),
        // One that the queue does not know can be cancelled if no process has it.
        Ok(Cancelled::Waiting | Cancelled::Unknown) => {}
        Err(error) => {
            tracing::warn!(error = chain(&error), "the queue cannot be used: a job was not cancelled");
            return Err(HttpError::QueueAway);
        }
    }
    let (state_of_job, id) = (state.clone(), id.clone());
    let end = move || {
        let shelf = &state_of_job.async_jobs.shelf;
        match shelf.take(&id)? {
            Take::Taken(_lease) => shelf.end(&id, End::of(&HttpError::Cancelled, ""), None).map(|()| true),
            Take::Ended => Ok(true),
            Take::Held => Ok(false),
        }
    };
    state.jobs.quick.run(end).await?
}

fn of(Seen { is_running, phase, done, is_cancelled }: Seen) -> Progress {
    // A worker that has it prepares it.
    let phase = if is_running { Phase::of_name(&phase).max(Phase::Reading) } else { Phase::Waiting };
    Progress { phase, fraction: done, is_cancelled }
}
