//! A training or an evaluation that a worker performs while its client waits for the reply.
//!
//! Owns that the client gets its reply whatever happens to the queue and to the workers: this process adds a job that the queue
//! has lost again, and performs it itself if nothing else can. Must not know how the reply reaches the client.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{rt, web};
use serde_json::value::RawValue;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use super::queued::entry;
use super::record::{End, Ending, JobId, Record};
use super::shelf::Take;
use super::work::work;
use crate::http::error::{HttpError, chain};
use crate::http::operations::{Job, Reply, Task, perform};
use crate::http::state::AppState;
use crate::jobs::{Phase, Reserved, Ticket};
use crate::queue::{Cancelled, Entry, Queue, QueueError, Seen};
use crate::store::{ModelKey, RunId};
use crate::telemetry::request_id::CurrentRequest;

/// How often the queue is asked about a job: at first, and at last.
const INTERVALS: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(250));
/// How often the stored job is looked at while the queue has it.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);
/// For how long there may be no queue, or no worker, until this process performs the job.
const MAX_AWAY: Duration = Duration::from_secs(5);

/// Has a worker perform a job, and returns its reply.
pub(super) async fn perform_by_worker(
    state: web::Data<AppState>,
    job: Job,
    ticket: Ticket,
) -> Result<Reply, HttpError> {
    let Some(queue) = &state.async_jobs.queue else { return perform(state, job, ticket).await };
    if let Err(error) = queue.connect().await {
        tracing::warn!(error = chain(&error), "the queue cannot be used: this process does the work");
        return perform(state, job, ticket).await;
    }
    let bytes = matches!(job.task, Task::Training).then_some(job.bytes);
    let reserved = state.jobs.reserve(bytes, &ticket)?;
    let key = job.key.clone();
    let add = {
        let state = state.clone();
        move || {
            let (id, lease) = state.async_jobs.shelf.add_hidden(job)?;
            lease.give_back();
            let record = state.async_jobs.shelf.record(&id)?.ok_or(HttpError::Cancelled)?;
            Ok::<_, HttpError>(entry(&id, &record)).map(|entry| (id, entry))
        }
    };
    let (id, entry) = state.jobs.quick.run(add).await??;
    if let Err(error) = queue.enqueue(&entry).await {
        tracing::warn!(error = chain(&error), "the queue cannot be used");
    }
    let (sender, receiver) = oneshot::channel();
    let waiting = Waiting { state, id, entry, key, ticket, _reserved: reserved };
    // Not a part of the request, whose client can close the connection: running work goes on.
    rt::spawn(CurrentRequest::get().scope(waiting.run(sender)));
    receiver.await.unwrap_or_else(|error| Err(HttpError::internal("waiting for a job", error)))
}

type Answer = Result<Reply, HttpError>;

/// A job that this process waits for.
struct Waiting {
    state: web::Data<AppState>,
    id: JobId,
    entry: Entry,
    key: ModelKey,
    ticket: Ticket,
    _reserved: Reserved,
}

/// What is known about the job.
enum Look {
    InQueue(Seen, u64),
    /// It has ended or was removed.
    Ended(Option<Box<Record>>),
    Unknown,
    Away(QueueError),
}

impl Waiting {
    async fn run(self, mut client: oneshot::Sender<Answer>) {
        let mut discarded = self.state.shutdown.discarded();
        let answer = tokio::select! {
            biased;
            answer = self.answer(&mut client) => answer,
            // The server ends without waiting for jobs.
            _ = discarded.wait_for(|discarded| *discarded) => {
                self.cancel().await;
                Err(HttpError::Stopping)
            }
        };
        // Without a client there is nothing to say.
        let _ = client.send(answer);
    }

    /// Cancels the job, so that no model is changed.
    async fn cancel(&self) {
        let Some(queue) = &self.state.async_jobs.queue else { return };
        if let Ok(Cancelled::Waiting) = queue.cancel(self.id.as_str()).await {
            self.remove().await;
        }
    }

    async fn answer(&self, client: &mut oneshot::Sender<Answer>) -> Answer {
        let Some(queue) = &self.state.async_jobs.queue else { return Err(HttpError::QueueAway) };
        let (begun, mut checked) = (Instant::now(), Instant::now());
        let (mut interval, mut away) = (INTERVALS.0, None);
        loop {
            let is_missed = match self.look(queue).await? {
                Look::Ended(record) => return self.ended(record.map(|record| *record)).await,
                Look::Unknown => {
                    let _ = queue.enqueue(&self.entry).await;
                    false
                }
                Look::Away(error) => {
                    if away.is_none() {
                        tracing::warn!(
                            error = chain(&error),
                            "the queue cannot be used while a client waits"
                        );
                    }
                    true
                }
                Look::InQueue(seen, workers) => {
                    if seen.is_running {
                        let phase = Phase::of_name(&seen.phase);
                        self.ticket.reporter().follows(phase, seen.done);
                        // Its worker can have ended after it stored the end, before it said so.
                        if checked.elapsed() >= CHECK_INTERVAL {
                            checked = Instant::now();
                            let record = self.record().await?;
                            if record.as_ref().is_none_or(|record| record.end.is_some()) {
                                return self.ended(record).await;
                            }
                        }
                    } else if let Some(error) = self.too_long(begun, client)
                        && queue.withdraw(self.id.as_str()).await.is_ok_and(|was| was == Cancelled::Waiting)
                    {
                        self.remove().await;
                        return Err(error);
                    }
                    !seen.is_running && workers == 0
                }
            };
            away = if is_missed { away.or(Some(Instant::now())) } else { None };
            if away.is_some_and(|since| since.elapsed() >= MAX_AWAY) {
                self.perform_here(queue).await?;
            }
            sleep(interval).await;
            interval = INTERVALS.1.min(interval * 2);
        }
    }

    /// Why a job that has not started is no longer waited for.
    fn too_long(&self, begun: Instant, client: &oneshot::Sender<Answer>) -> Option<HttpError> {
        let limit = self.state.config.queue_time;
        if begun.elapsed() >= limit {
            return Some(HttpError::QueueTimeout(limit));
        }
        client.is_closed().then_some(HttpError::Cancelled)
    }

    async fn look(&self, queue: &Queue) -> Result<Look, HttpError> {
        let look = match queue.look(&[self.id.as_str()]).await {
            Ok((seen, workers)) => match seen.into_iter().next().flatten() {
                Some(seen) => return Ok(Look::InQueue(seen, workers)),
                None => Look::Unknown,
            },
            Err(error) => Look::Away(error),
        };
        let record = self.record().await?;
        if record.as_ref().is_none_or(|record| record.end.is_some()) {
            return Ok(Look::Ended(record.map(Box::new)));
        }
        Ok(look)
    }

    async fn record(&self) -> Result<Option<Record>, HttpError> {
        let (state, id) = (self.state.clone(), self.id.clone());
        let read = web::block(move || state.async_jobs.shelf.record(&id));
        read.await.map_err(|error| HttpError::internal("reading a job", error))?
    }

    /// Performs the job, unless a worker has it.
    async fn perform_here(&self, queue: &Queue) -> Result<(), HttpError> {
        let (state, id) = (self.state.clone(), self.id.clone());
        let take = web::block(move || {
            let shelf = &state.async_jobs.shelf;
            match shelf.take(&id)? {
                Take::Taken(lease) => Ok(shelf.job(&id)?.map(|job| (job, lease))),
                Take::Held | Take::Ended => Ok::<_, HttpError>(None),
            }
        });
        let taken = take.await.map_err(|error| HttpError::internal("taking a job", error))??;
        let Some((job, lease)) = taken else { return Ok(()) };
        tracing::warn!("no worker can be reached: this process does the work");
        work(self.state.clone(), self.id.clone(), job, lease, self.ticket.clone()).await;
        let _ = queue.forget(self.id.as_str()).await;
        Ok(())
    }

    /// The reply of a job that has ended.
    async fn ended(&self, record: Option<Record>) -> Answer {
        // It was removed together with its model.
        let Some(End { ending, status, error, .. }) = record.and_then(|record| record.end) else {
            return Err(HttpError::Cancelled);
        };
        match ending {
            Ending::Cancelled => {
                self.remove().await;
                Err(HttpError::Cancelled)
            }
            Ending::Failed => {
                // One that was set aside is kept, for the list of jobs.
                if self.record().await?.is_some_and(|record| record.is_hidden) {
                    self.remove().await;
                }
                let status = status.and_then(|status| StatusCode::from_u16(status).ok());
                let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                Err(HttpError::OfWorker { status, error: error.unwrap_or_default() })
            }
            Ending::Done => {
                let (state, id) = (self.state.clone(), self.id.clone());
                let read = web::block(move || state.async_jobs.shelf.result(&id));
                let result = read.await.map_err(|error| HttpError::internal("reading a result", error))??;
                self.remove().await;
                let json = String::from_utf8(result.unwrap_or_default());
                let json = json.map_err(|error| HttpError::internal("reading a result", error))?;
                self.expect_log(&json);
                let json = RawValue::from_string(json);
                json.map(Reply::Stored).map_err(|error| HttpError::internal("reading a result", error))
            }
        }
    }

    /// Moodle requests the log of an evaluation right after its reply.
    fn expect_log(&self, json: &str) {
        #[derive(serde::Deserialize)]
        struct Run {
            runid: Option<u64>,
        }
        if let Ok(Run { runid: Some(run) }) = serde_json::from_str(json) {
            self.state.shutdown.expect_follow_up(self.key.clone(), RunId(run));
        }
    }

    async fn remove(&self) {
        let (state, id) = (self.state.clone(), self.id.clone());
        let removed = web::block(move || state.async_jobs.shelf.remove(&id)).await;
        if let Err(error) = removed.map_err(|error| HttpError::internal("removing a job", error)).flatten() {
            tracing::warn!(error = chain(&error), "a job that has ended could not be removed");
        }
    }
}
