//! Bounded job queues: CPU-bound work runs on blocking threads, never on an async worker.
//!
//! Owns four queues, each with its own capacity, so that neither a training nor a large imported model delays the predictions
//! of other models, and one lock per model. Trainings are not refused for their number, because Moodle repeats a refused
//! training only when there is newer data: what limits them is the size of their uploads. `work` lists the long ones, with
//! their progress. The users of the server share the capacity of a queue: `fair` chooses the next job, `admission` how much
//! may wait.
//! Must not know what the jobs do.

mod admission;
mod fair;
mod ticket;
mod work;

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};
use tokio::task::{JoinError, spawn_blocking};

use admission::{Admissions, Admitted, Share};
use fair::{Capacity, Permit};

pub(crate) use ticket::Ticket;
pub(crate) use work::{Phase, Reporter, Work, WorkList};

use crate::telemetry::metrics::{Queue, QueueState, Refusal, metrics};
use crate::telemetry::request_id::CurrentRequest;

/// Why a job did not run to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JobError {
    /// The queue is full; `limit` names the setting.
    #[error("{waiting} requests are already queued ({limit})")]
    Full { waiting: usize, limit: &'static str },
    /// The uploads of queued and running trainings are too large together.
    #[error("the uploads of queued trainings take {limit} bytes already")]
    TooManyBytes { limit: u64 },
    /// The job waited for the queue timeout.
    #[error("the job did not start within {0:?}")]
    TimedOut(Duration),
    /// The job was cancelled before it started.
    #[error("the job was cancelled")]
    Cancelled,
    /// With the message of the panic.
    #[error("a panic ended a job: {0}")]
    Panicked(String),
}

/// The minimum of concurrent quick jobs; they are short and mostly wait for the disk.
const QUICK_CAPACITY: usize = 4;
const QUICK_QUEUE_LENGTH: usize = 512;
/// The minimum of concurrent imports, predictions of imported models and explanations: they may be large.
const IMPORTED_CAPACITY: usize = 2;
const IMPORTED_QUEUE_LENGTH: usize = 512;
/// Concurrent password checks: each takes 19 MiB, and clients need no account to cause one.
const PASSWORD_CAPACITY: usize = 2;
const PASSWORD_QUEUE_LENGTH: usize = 64;

/// The job queues; `K` identifies a model.
pub(crate) struct JobQueues<K> {
    /// Trainings and evaluations.
    pub(crate) heavy: JobQueue,
    pub(crate) quick: JobQueue,
    /// Imports, predictions of imported models, which may take much longer than those of others, and explanations.
    pub(crate) imported: JobQueue,
    /// Checks of passwords.
    pub(crate) passwords: JobQueue,
    model_locks: Mutex<HashMap<K, ModelLock>>,
    /// The trainings that are queued or run, by the bytes of their uploads.
    trainings: Arc<Admissions>,
}

/// The limits of the queues.
#[derive(Debug, Clone, Copy)]
pub(crate) struct QueueLimits {
    /// Trainings and evaluations that run concurrently.
    pub(crate) jobs: usize,
    /// Those of one user among them.
    pub(crate) jobs_per_user: usize,
    /// The evaluations of a user that may wait.
    pub(crate) length: usize,
    /// The bytes that the uploads of queued and running trainings may have together.
    pub(crate) bytes: u64,
    /// How long a job waits at most.
    pub(crate) timeout: Duration,
}

/// Held by the job that changes the model.
type ModelLock = Arc<AsyncMutex<()>>;

impl<K: Eq + Hash> JobQueues<K> {
    pub(crate) fn new(limits: QueueLimits) -> Self {
        let QueueLimits { jobs, jobs_per_user, length, bytes, timeout } = limits;
        let fixed = "a fixed limit";
        let queue = |name, capacity, length, limit| {
            JobQueue::new(name, (capacity, usize::MAX), length, limit, timeout)
        };
        Self {
            heavy: JobQueue::new(
                Queue::Heavy,
                (jobs, jobs_per_user),
                length,
                "MOODLE_MLBACKEND_QUEUE_LENGTH",
                timeout,
            ),
            quick: queue(Queue::Quick, QUICK_CAPACITY.max(2 * jobs), QUICK_QUEUE_LENGTH, fixed),
            imported: queue(Queue::Imported, IMPORTED_CAPACITY.max(jobs), IMPORTED_QUEUE_LENGTH, fixed),
            passwords: queue(Queue::Passwords, PASSWORD_CAPACITY, PASSWORD_QUEUE_LENGTH, fixed),
            model_locks: Mutex::default(),
            trainings: Admissions::new(Share::OfAll, bytes),
        }
    }

    /// Whether no job runs or waits. Jobs of clients that have disconnected count.
    pub(crate) fn is_idle(&self) -> bool {
        self.is_idle_of_long_work() && self.quick.is_idle() && self.imported.is_idle()
    }

    /// Whether no training or evaluation runs or waits.
    pub(crate) fn is_idle_of_long_work(&self) -> bool {
        self.heavy.is_idle() && self.trainings.is_empty()
    }

    /// The running and waiting jobs of each queue.
    pub(crate) fn states(&self) -> Vec<(Queue, QueueState)> {
        let queues = [&self.heavy, &self.quick, &self.imported, &self.passwords];
        queues.into_iter().map(|queue| (queue.name, queue.state())).collect()
    }

    /// Runs a training on an upload of `bytes`, one of a model at a time.
    pub(crate) async fn train<T: Send + 'static>(
        &self,
        model: K,
        bytes: u64,
        ticket: &Ticket,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JobError> {
        let Some(admitted) = admit(&self.trainings, ticket, bytes) else {
            metrics().job_refused(self.heavy.name, Refusal::Bytes);
            return Err(JobError::TooManyBytes { limit: self.trainings.limit() });
        };
        self.heavy.run_admitted(admitted, Some(self.lock_of(model)), ticket, job).await
    }

    /// Counts a training on an upload of `bytes`, or an evaluation, that another process performs, until the result is dropped: the
    /// limits are the same.
    pub(crate) fn reserve(&self, bytes: Option<u64>, ticket: &Ticket) -> Result<Reserved, JobError> {
        let (admissions, weight) = bytes.map_or((&self.heavy.accepted, 1), |bytes| (&self.trainings, bytes));
        let Some(admitted) = admit(admissions, ticket, weight) else {
            let reason = if bytes.is_some() { Refusal::Bytes } else { Refusal::Full };
            metrics().job_refused(self.heavy.name, reason);
            return Err(match bytes {
                Some(_) => JobError::TooManyBytes { limit: self.trainings.limit() },
                None => JobError::Full { waiting: self.heavy.length, limit: self.heavy.limit },
            });
        };
        Ok(Reserved { _admitted: admitted })
    }

    /// Runs an import, not during a training of its model.
    pub(crate) async fn replace<T: Send + 'static>(
        &self,
        model: K,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JobError> {
        self.imported.run_locked(Some(self.lock_of(model)), &Ticket::shared(), job).await
    }

    fn lock_of(&self, model: K) -> ModelLock {
        let mut locks = self.model_locks.lock().unwrap_or_else(PoisonError::into_inner);
        // A lock that only the map references is unused.
        locks.retain(|_, lock| Arc::strong_count(lock) > 1);
        Arc::clone(locks.entry(model).or_default())
    }
}

/// Work that another process performs.
pub(crate) struct Reserved {
    _admitted: Admitted,
}

pub(crate) struct JobQueue {
    /// Its name in the metrics.
    name: Queue,
    running: Arc<Capacity>,
    /// The jobs that run or wait.
    accepted: Arc<Admissions>,
    /// The number of jobs that wait.
    waiting: AtomicUsize,
    length: usize,
    /// The name of the setting that limits the length.
    limit: &'static str,
    queue_timeout: Duration,
}

impl JobQueue {
    /// `length` jobs of each user may wait, besides those that can run.
    fn new(
        name: Queue,
        (capacity, per_user): (usize, usize),
        length: usize,
        limit: &'static str,
        queue_timeout: Duration,
    ) -> Self {
        Self {
            name,
            running: Capacity::new(capacity, per_user),
            accepted: Admissions::new(Share::OfEach, capacity.saturating_add(length) as u64),
            waiting: AtomicUsize::new(0),
            length,
            limit,
            queue_timeout,
        }
    }

    fn is_idle(&self) -> bool {
        self.accepted.is_empty()
    }

    fn state(&self) -> QueueState {
        QueueState { running: self.running.running(), waiting: self.waiting.load(Ordering::Relaxed) }
    }

    /// Waits for the lock of the model, then for capacity.
    async fn wait(&self, lock: Option<ModelLock>, user: &Arc<str>) -> (Option<OwnedMutexGuard<()>>, Permit) {
        // Dropped with this future, also when the client disconnects.
        let _waiting = Waiting::begin(&self.waiting);
        let lock = match lock {
            Some(lock) => Some(lock.lock_owned().await),
            None => None,
        };
        (lock, self.running.acquire(user).await)
    }

    /// Runs a job of no user in particular.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JobError> {
        self.run_locked(None, &Ticket::shared(), job).await
    }

    /// Runs a job of a user.
    pub(crate) async fn run_for<T: Send + 'static>(
        &self,
        ticket: &Ticket,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JobError> {
        self.run_locked(None, ticket, job).await
    }

    /// Runs a job that changes a model: one at a time per lock. It takes no capacity while it waits for the lock.
    async fn run_locked<T: Send + 'static>(
        &self,
        lock: Option<ModelLock>,
        ticket: &Ticket,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JobError> {
        let Some(accepted) = admit(&self.accepted, ticket, 1) else {
            metrics().job_refused(self.name, Refusal::Full);
            return Err(JobError::Full { waiting: self.length, limit: self.limit });
        };
        self.run_admitted(accepted, lock, ticket, job).await
    }

    /// Runs a job that holds `admitted` until its end.
    async fn run_admitted<T: Send + 'static>(
        &self,
        admitted: impl Send + 'static,
        lock: Option<ModelLock>,
        ticket: &Ticket,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JobError> {
        let queued = Instant::now();
        let (lock, running) = tokio::select! {
            biased;
            () = ticket.cancelled() => return Err(JobError::Cancelled),
            waited = self.wait(lock, ticket.user()) => waited,
            () = tokio::time::sleep(self.queue_timeout), if !ticket.is_patient() => {
                metrics().job_refused(self.name, Refusal::Timeout);
                return Err(JobError::TimedOut(self.queue_timeout));
            }
        };
        metrics().job_started(self.name, queued.elapsed());
        let request = CurrentRequest::get();
        let guarded = move || {
            // Held by the job, not by the request: the job continues when the client disconnects.
            let _held = (admitted, lock, running);
            request.in_scope(job)
        };
        // Tokio catches a panic of the job.
        spawn_blocking(guarded).await.map_err(|error| JobError::Panicked(message(error)))
    }
}

/// Admits a job. One that no client waits for is always admitted: it was accepted when it was stored.
fn admit(admissions: &Arc<Admissions>, ticket: &Ticket, weight: u64) -> Option<Admitted> {
    if ticket.is_patient() {
        return Some(admissions.add(ticket.user(), weight));
    }
    admissions.admit(ticket.user(), weight)
}

/// A job that waits.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn begin(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn message(error: JoinError) -> String {
    let Ok(panic) = error.try_into_panic() else { return "it was cancelled".to_owned() };
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use tokio::sync::oneshot;

    const LONG: Duration = Duration::from_hours(1);

    /// Queues for `jobs` trainings and evaluations, and 10 bytes of uploads.
    fn queues(jobs: usize, length: usize) -> JobQueues<&'static str> {
        JobQueues::new(QueueLimits { jobs, jobs_per_user: usize::MAX, length, bytes: 10, timeout: LONG })
    }

    /// A job that waits until its sender is used or dropped, and the receiver of its start.
    fn waiting_job() -> (impl FnOnce() + Send, oneshot::Receiver<()>, mpsc::Sender<()>) {
        let (release, released) = mpsc::channel();
        let (start, started) = oneshot::channel();
        let job = move || {
            let _ = start.send(());
            let _ = released.recv();
        };
        (job, started, release)
    }

    #[tokio::test]
    async fn a_panic_in_a_job_is_contained_and_frees_its_capacity() {
        let queues = queues(1, 0);
        for _ in 0..3 {
            let result = queues.heavy.run(|| panic!("on purpose")).await;
            assert!(matches!(result, Err::<(), _>(JobError::Panicked(message)) if message == "on purpose"));
        }
        assert!(matches!(queues.heavy.run(|| 7).await, Ok(7)));
    }

    #[tokio::test]
    async fn a_full_queue_refuses_jobs_while_quick_jobs_run() {
        let queues = Arc::new(queues(1, 0));
        let (job, started, release) = waiting_job();
        let busy = Arc::clone(&queues);
        let running = tokio::spawn(async move { busy.heavy.run(job).await });
        started.await.expect("the job starts");
        assert!(matches!(queues.heavy.run(|| ()).await, Err(JobError::Full { .. })));
        assert!(matches!(queues.quick.run(|| 7).await, Ok(7)));
        drop(release);
        assert!(running.await.expect("no panic").is_ok());
        assert!(queues.heavy.run(|| ()).await.is_ok());
    }

    #[tokio::test]
    async fn trainings_wait_in_a_full_queue_until_their_uploads_are_too_large_together() {
        let queues = Arc::new(queues(1, 0));
        let (job, started, release) = waiting_job();
        let busy = Arc::clone(&queues);
        // The only training is admitted, however large it is.
        let running = tokio::spawn(async move { busy.train("a", 4, &Ticket::shared(), job).await });
        started.await.expect("the job starts");
        let waiting = |model: &'static str, bytes| {
            let queues = Arc::clone(&queues);
            tokio::spawn(async move { queues.train(model, bytes, &Ticket::shared(), || ()).await })
        };
        let second = waiting("b", 6);
        tokio::task::yield_now().await;
        let refused = queues.train("c", 1, &Ticket::shared(), || ()).await;
        assert!(matches!(refused, Err(JobError::TooManyBytes { limit: 10 })));
        assert!(!queues.is_idle());
        drop(release);
        assert!(running.await.expect("no panic").is_ok() && second.await.expect("no panic").is_ok());
        assert!(queues.is_idle() && queues.train("c", 99, &Ticket::shared(), || ()).await.is_ok());
    }

    #[tokio::test]
    async fn an_aborted_request_keeps_its_capacity_until_the_job_ends() {
        let queues = Arc::new(queues(1, 0));
        let (job, started, _release) = waiting_job();
        let busy = Arc::clone(&queues);
        let request = tokio::spawn(async move { busy.heavy.run(job).await });
        started.await.expect("the job starts");
        request.abort();
        assert!(request.await.expect_err("it was aborted").is_cancelled());
        assert!(matches!(queues.heavy.run(|| ()).await, Err(JobError::Full { .. })));
    }

    #[tokio::test]
    async fn trainings_of_one_model_run_one_at_a_time_and_leave_capacity_to_others() {
        let queues = Arc::new(queues(2, 8));
        let (job, started, release) = waiting_job();
        let done = Arc::new(AtomicUsize::new(0));
        let train = |job: Box<dyn FnOnce() + Send>| {
            let (queues, done) = (Arc::clone(&queues), Arc::clone(&done));
            let counted = move || {
                job();
                done.fetch_add(1, Ordering::SeqCst)
            };
            tokio::spawn(async move { queues.train("a", 1, &Ticket::shared(), counted).await })
        };
        let first = train(Box::new(job));
        started.await.expect("the first starts");
        let second = train(Box::new(|| ()));
        // The second training of model a waits; model b gets the free capacity at once.
        assert!(queues.train("b", 1, &Ticket::shared(), || ()).await.is_ok());
        assert_eq!(done.load(Ordering::SeqCst), 0);
        drop(release);
        assert!(matches!(first.await.expect("no panic"), Ok(0)));
        assert!(matches!(second.await.expect("no panic"), Ok(1)));
    }

    #[tokio::test]
    async fn a_job_that_is_cancelled_while_it_waits_never_starts() {
        let (queues, work) = (Arc::new(queues(1, 8)), WorkList::<&str>::default());
        let (job, started, release) = waiting_job();
        let busy = Arc::clone(&queues);
        let running = tokio::spawn(async move { busy.heavy.run(job).await });
        started.await.expect("the job starts");
        let reporter = work.begin(crate::telemetry::metrics::Operation::Training, &"b", "ann");
        let (waiting, ticket) = (Arc::clone(&queues), Ticket::new("ann", &reporter).patient());
        let waiting = tokio::spawn(async move { waiting.train("b", 1, &ticket, || ()).await });
        tokio::task::yield_now().await;
        assert!(reporter.cancel(), "it has not started");
        assert!(matches!(waiting.await.expect("no panic"), Err(JobError::Cancelled)));
        drop(release);
        assert!(running.await.expect("no panic").is_ok() && queues.is_idle());
    }
}
