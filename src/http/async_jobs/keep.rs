//! The start of asynchronous jobs, and those that other processes have left.
//!
//! Owns that a stored job finds a process: this one, or through the queue a worker. Must not know how a job is performed.

use std::time::Duration;

use actix_web::web;
use tokio::time::{Instant, sleep};

use super::queued::{entry, is_for_workers};
use super::record::JobId;
use super::shelf::Take;
use super::work::spawn;
use crate::config::KEEP_JOBS;
use crate::http::error::{HttpError, StartError, chain};
use crate::http::operations::Job;
use crate::http::state::AppState;
use crate::queue::{Queue, QueueError};

/// How often a server looks whether the queue was emptied.
const QUEUE_INTERVAL: Duration = Duration::from_secs(1);

/// Connects to the queue, if there is one. One that cannot be reached yet is waited for later.
///
/// # Errors
/// When it must not be used.
pub(in crate::http) async fn connect(state: &AppState) -> Result<(), StartError> {
    let Some(queue) = &state.async_jobs.queue else { return Ok(()) };
    match queue.connect().await {
        Ok(()) => Ok(()),
        Err(error @ (QueueError::Open | QueueError::Address)) => Err(StartError::Queue(error)),
        Err(error) => {
            tracing::warn!(error = chain(&error), "the queue cannot be used yet");
            Ok(())
        }
    }
}

/// Stores a job and starts it. Returns its id.
pub(super) async fn start(state: &web::Data<AppState>, job: Job) -> Result<JobId, HttpError> {
    let queue = state.async_jobs.queue.as_ref().filter(|_| is_for_workers(&job.task));
    if let Some(queue) = queue {
        queue.connect().await.map_err(|error| away(&error))?;
    }
    let has_queue = queue.is_some();
    let add = {
        let state = state.clone();
        move || {
            let shelf = &state.async_jobs.shelf;
            let added = shelf.add(job)?;
            let (id, lease) = added
                .ok_or(HttpError::QueueFull { waiting: state.config.shares.keep_jobs, limit: KEEP_JOBS })?;
            let record = shelf.record(&id)?.ok_or(HttpError::NoSuchJob)?;
            if has_queue {
                lease.give_back();
                return Ok((id, record, None));
            }
            let job = shelf.job(&id)?.ok_or(HttpError::NoSuchJob)?;
            Ok::<_, HttpError>((id, record, Some((job, lease))))
        }
    };
    let (id, record, own) = state.jobs.quick.run(add).await??;
    if let Some((job, lease)) = own {
        spawn(state, id.clone(), job, lease);
    }
    let Some(queue) = queue else { return Ok(id) };
    if let Err(error) = queue.enqueue(&entry(&id, &record)).await {
        let (state_of_job, removed) = (state.clone(), id);
        state.jobs.quick.run(move || state_of_job.async_jobs.shelf.remove(&removed)).await??;
        return Err(away(&error));
    }
    Ok(id)
}

fn away(error: &QueueError) -> HttpError {
    tracing::warn!(error = chain(error), "the queue cannot be used: new asynchronous requests are refused");
    HttpError::QueueAway
}

/// Takes the jobs that other processes have left, again and again, and removes those whose time is over.
pub(in crate::http) async fn keep(state: web::Data<AppState>) {
    loop {
        if let Err(error) = take(&state).await {
            tracing::warn!(error = chain(&error), "stored jobs could not be looked for");
        }
        let interval = state.async_jobs.shelf.interval();
        let next = Instant::now() + interval;
        match &state.async_jobs.queue {
            None => sleep(interval).await,
            Some(queue) => until_emptied(queue, next).await,
        }
    }
}

/// Returns at this time, or when the queue has lost its jobs.
async fn until_emptied(queue: &Queue, until: Instant) {
    while Instant::now() < until {
        sleep(QUEUE_INTERVAL).await;
        if matches!(queue.status().await, Ok(status) if !status.is_complete) {
            return;
        }
    }
}

async fn take(state: &web::Data<AppState>) -> Result<(), HttpError> {
    if state.shutdown.is_requested() {
        return Ok(());
    }
    let has_queue = state.async_jobs.queue.is_some();
    let look = {
        let state = state.clone();
        move || {
            let shelf = &state.async_jobs.shelf;
            shelf.tidy()?;
            let (mut jobs, mut queued) = (Vec::new(), Vec::new());
            for (id, record) in shelf.list()?.into_iter().filter(|(_, record)| record.end.is_none()) {
                if has_queue && is_for_workers(&record.task) {
                    queued.push(entry(&id, &record));
                } else if let Take::Taken(lease) = shelf.take(&id)? {
                    // Otherwise it was removed in between.
                    jobs.extend(shelf.job(&id)?.map(|job| (id, job, lease)));
                }
            }
            Ok::<_, HttpError>((jobs, queued))
        }
    };
    let (jobs, queued) = state.jobs.quick.run(look).await??;
    for (id, job, lease) in jobs {
        tracing::info!(id = job.actor.request(), "a job that has not ended is done again");
        spawn(state, id, job, lease);
    }
    let Some(queue) = &state.async_jobs.queue else { return Ok(()) };
    let refill = async {
        let mut added = 0;
        for entry in &queued {
            added += usize::from(queue.enqueue(entry).await?);
        }
        queue.set_complete().await.map(|()| added)
    };
    match refill.await {
        Ok(0) => {}
        Ok(jobs) => tracing::info!(jobs, "jobs that the queue did not have were added to it"),
        Err(error) => tracing::warn!(error = chain(&error), "the queue cannot be used"),
    }
    Ok(())
}
