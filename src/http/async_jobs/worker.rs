//! A worker: takes jobs from the queue, and performs them.
//!
//! Owns the jobs that this process has, and its signs of life. Must not know what a job does.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix_web::{rt, web};
use tokio::sync::Mutex as AsyncMutex;
use tokio::time::sleep;

use super::queued::entry;
use super::record::{End, JobId, Record};
use super::shelf::{Lease, Take};
use super::work::{Outcome, work};
use crate::http::error::{HttpError, chain};
use crate::http::operations::{Job, ticket};
use crate::http::state::AppState;
use crate::queue::{Entry, HEARTBEAT, Held, MAX_ATTEMPTS, Queue, Taken};
use crate::telemetry::metrics::metrics;
use crate::telemetry::request_id::CurrentRequest;

/// How often the queue is asked for a job.
const POLL: Duration = Duration::from_millis(100);
/// How long a job waits that another process still has.
const HELD_DELAY: Duration = Duration::from_secs(1);
/// How long a job waits whose end could not be stored.
const FAILED_DELAY: Duration = Duration::from_secs(10);

/// A worker.
pub(in crate::http) struct Worker {
    state: web::Data<AppState>,
    queue: Arc<Queue>,
    /// Its name in the queue.
    name: String,
    held: Mutex<HashMap<JobId, Entry>>,
    /// Locked during a sign of life: otherwise it could add a job to the queue again that has just ended.
    beating: AsyncMutex<()>,
}

/// A job that was taken, or why not.
enum Found {
    Job(Box<Job>, Lease),
    Held,
    Ended,
    SetAside(u64),
}

impl Worker {
    /// A worker; `None` without a queue.
    pub(in crate::http) fn new(state: &web::Data<AppState>) -> Result<Option<Arc<Self>>, HttpError> {
        let Some(queue) = state.async_jobs.queue.clone() else { return Ok(None) };
        let name = JobId::new()?.to_string();
        Ok(Some(Arc::new(Self {
            state: state.clone(),
            queue,
            name,
            held: Mutex::default(),
            beating: AsyncMutex::default(),
        })))
    }

    /// Whether it has no job.
    pub(in crate::http) fn is_idle(&self) -> bool {
        self.lock().is_empty()
    }

    /// Takes and performs jobs until the process stops.
    pub(in crate::http) async fn run(self: Arc<Self>) {
        let mut is_away = false;
        while !self.state.shutdown.is_requested() {
            if self.lock().len() >= self.state.config.jobs {
                sleep(POLL).await;
                continue;
            }
            let taken = self.queue.take(&self.name, self.state.config.shares.jobs_on_workers()).await;
            let taken = match taken {
                Ok((taken, again)) => {
                    if again > 0 {
                        metrics().worker_jobs_retried(again);
                        tracing::warn!(jobs = again, "jobs of workers that have ended wait again");
                    }
                    if is_away {
                        tracing::info!("the queue can be used again");
                    }
                    is_away = false;
                    taken
                }
                Err(error) => {
                    if !is_away {
                        tracing::warn!(error = chain(&error), "the queue cannot be used: waiting for it");
                    }
                    is_away = true;
                    None
                }
            };
            match taken.and_then(|Taken { id, attempts }| Some((JobId::parse(&id)?, attempts))) {
                Some((id, attempts)) => self.begin(id, attempts),
                None => sleep(POLL).await,
            }
        }
    }

    /// Gives signs of life, and learns which jobs were cancelled.
    pub(in crate::http) async fn beat(self: Arc<Self>) {
        loop {
            let beating = self.beating.lock().await;
            let running: HashMap<_, _> = self.state.async_jobs.running.now().into_iter().collect();
            let held = |(id, entry): (&JobId, &Entry)| {
                let progress = running.get(id);
                let phase = progress.map_or("waiting", |progress| progress.phase.name());
                Held { entry: entry.clone(), phase, done: progress.map_or(0.0, |progress| progress.fraction) }
            };
            // One without a user is being looked up, which takes no time.
            let held: Vec<Held> =
                self.lock().iter().filter(|(_, entry)| !entry.user.is_empty()).map(held).collect();
            match self.queue.heartbeat(&self.name, &held).await {
                Ok(cancelled) => {
                    for id in cancelled.iter().filter_map(|id| JobId::parse(id)) {
                        if self.state.async_jobs.running.cancel(&id) {
                            tracing::info!(job = id.as_str(), "a job is cancelled");
                        }
                    }
                }
                Err(error) => tracing::debug!(error = chain(&error), "no sign of life could be given"),
            }
            drop(beating);
            sleep(HEARTBEAT).await;
        }
    }

    /// Returns the jobs that this process will not finish.
    pub(in crate::http) async fn give_back_all(&self) {
        let ids: Vec<JobId> = self.lock().keys().cloned().collect();
        for id in ids {
            self.give_back(&id, Duration::ZERO, false).await;
        }
    }

    fn begin(self: &Arc<Self>, id: JobId, attempts: u64) {
        // It counts from now on.
        let entry = Entry { id: id.to_string(), user: String::new(), model: String::new() };
        self.lock().insert(id.clone(), entry);
        let worker = Arc::clone(self);
        rt::spawn(async move {
            let (performing, own) = (Arc::clone(&worker), id.clone());
            let performed = rt::spawn(async move { performing.perform(&own, attempts).await }).await;
            let performed = performed.map_err(|error| HttpError::internal("performing a job", error));
            if let Err(error) = performed.flatten() {
                tracing::error!(job = id.as_str(), cause = chain(&error), "a job could not be performed");
                worker.give_back(&id, FAILED_DELAY, true).await;
            }
        });
    }

    async fn perform(&self, id: &JobId, attempts: u64) -> Result<(), HttpError> {
        match self.find(id, attempts).await? {
            Found::Job(job, lease) => {
                let ticket = ticket(&self.state, &job);
                let request = CurrentRequest::named(job.actor.request());
                let begun = work(self.state.clone(), id.clone(), *job, lease, ticket);
                match request.scope(begun).await {
                    Outcome::Ended => self.forget(id).await,
                    Outcome::Left => self.give_back(id, Duration::ZERO, false).await,
                    Outcome::Failed => self.give_back(id, FAILED_DELAY, true).await,
                }
            }
            Found::Held => self.give_back(id, HELD_DELAY, false).await,
            Found::Ended => self.forget(id).await,
            Found::SetAside(attempts) => {
                metrics().worker_job_set_aside();
                tracing::error!(
                    job = id.as_str(),
                    attempts,
                    "a job was set aside: its workers ended unexpectedly"
                );
                self.forget(id).await;
            }
        }
        Ok(())
    }

    /// Takes the job from the shelf, or ends one that has had all its attempts.
    async fn find(&self, id: &JobId, attempts: u64) -> Result<Found, HttpError> {
        let (state, id) = (self.state.clone(), id.clone());
        let find = web::block(move || {
            let shelf = &state.async_jobs.shelf;
            let lease = match shelf.take(&id)? {
                Take::Taken(lease) => lease,
                Take::Held => return Ok((None, Found::Held)),
                Take::Ended => return Ok((None, Found::Ended)),
            };
            let Some(record) = shelf.record(&id)? else { return Ok((None, Found::Ended)) };
            if attempts > MAX_ATTEMPTS {
                set_aside(&state, &id, &record)?;
                return Ok((None, Found::SetAside(MAX_ATTEMPTS)));
            }
            let job = shelf.job(&id)?;
            let found = job.map_or(Found::Ended, |job| Found::Job(Box::new(job), lease));
            Ok::<_, HttpError>((Some((id.clone(), entry(&id, &record))), found))
        });
        let (known, found) = find.await.map_err(|error| HttpError::internal("taking a job", error))??;
        self.lock().extend(known);
        Ok(found)
    }

    async fn forget(&self, id: &JobId) {
        self.let_go(id).await;
        if let Err(error) = self.queue.forget(id.as_str()).await {
            // The next worker that takes it finds that it has ended.
            tracing::debug!(
                error = chain(&error),
                "a job that has ended could not be removed from the queue"
            );
        }
    }

    async fn give_back(&self, id: &JobId, delay: Duration, counts: bool) {
        self.let_go(id).await;
        if let Err(error) = self.queue.give_back(id.as_str(), &self.name, delay, counts).await {
            tracing::debug!(error = chain(&error), "a job could not be returned: its lease will expire");
        }
    }

    async fn let_go(&self, id: &JobId) {
        let _no_beat = self.beating.lock().await;
        self.lock().remove(id);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<JobId, Entry>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends a job whose workers ended unexpectedly, and shows it in the list of jobs.
fn set_aside(state: &AppState, id: &JobId, record: &Record) -> Result<(), HttpError> {
    let shelf = &state.async_jobs.shelf;
    if record.is_hidden {
        shelf.show(id)?;
    }
    let request = record.actor.request().unwrap_or_default();
    shelf.end(id, End::of(&HttpError::SetAside(MAX_ATTEMPTS), request), None)
}
