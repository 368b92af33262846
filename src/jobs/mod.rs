//! Where computing happens: never on an async worker.
//!
//! Three lanes, each with its own slots and its own bounded queue, so that a
//! training never delays a prediction. Must not know what the jobs do.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, spawn_blocking};

/// Why a job did not run to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JobError {
    #[error("as many wait as may, {waiting} ({limit})")]
    Full { waiting: usize, limit: &'static str },
    #[error("nothing was free for {0:?}")]
    Waited(Duration),
    #[error("a job gave up: {0}")]
    Panicked(String),
}

/// Slots for quick jobs per slot for trainings; they are short, and mostly wait for the disk.
const QUICK_SLOTS: usize = 4;
const QUICK_QUEUE: usize = 512;
/// Password checks at once: each takes 19 MiB, and strangers can ask for them.
const PASSWORD_SLOTS: usize = 2;
const PASSWORD_QUEUE: usize = 64;

/// Where computing happens.
pub(crate) struct JobQueues<K> {
    heavy: JobQueue,
    quick: JobQueue,
    passwords: JobQueue,
    turns: Mutex<HashMap<K, Turn>>,
}

/// Whoever holds it may change one model.
type Turn = Arc<AsyncMutex<()>>;

impl<K: Eq + Hash> JobQueues<K> {
    /// `jobs` trainings and evaluations at once; `queue` more may wait, each so long.
    pub(crate) fn new(jobs: usize, queue: usize, patience: Duration) -> Self {
        let fixed = "a fixed limit";
        let lane = |slots, queue, limit| JobQueue::new(slots, queue, limit, patience);
        Self {
            heavy: lane(jobs, queue, "MOODLE_MLBACKEND_QUEUE_LENGTH"),
            quick: lane(QUICK_SLOTS.max(2 * jobs), QUICK_QUEUE, fixed),
            passwords: lane(PASSWORD_SLOTS, PASSWORD_QUEUE, fixed),
            turns: Mutex::default(),
        }
    }

    /// Runs a training: one at a time per model, and without taking a slot while it waits for its turn.
    pub(crate) async fn train<T: Send + 'static>(
        &self,
        model: K,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JobError> {
        self.heavy.run(Some(self.turn(model)), job).await
    }

    /// Runs an evaluation.
    pub(crate) async fn evaluate<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JobError> {
        self.heavy.run(None, job).await
    }

    /// Runs something short that changes a model.
    pub(crate) async fn replace<T: Send + 'static>(
        &self,
        model: K,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JobError> {
        self.quick.run(Some(self.turn(model)), job).await
    }

    /// Runs something short.
    pub(crate) async fn quick<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JobError> {
        self.quick.run(None, job).await
    }

    /// Checks a password.
    pub(crate) async fn check_password(
        &self,
        job: impl FnOnce() -> bool + Send + 'static,
    ) -> Result<bool, JobError> {
        self.passwords.run(None, job).await
    }

    /// Whether nothing runs or waits, also for clients that have gone away.
    pub(crate) fn is_idle(&self) -> bool {
        self.heavy.is_idle() && self.quick.is_idle()
    }

    fn turn(&self, model: K) -> Turn {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        // What only the map holds, nobody waits for.
        turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        Arc::clone(turns.entry(model).or_default())
    }
}

struct JobQueue {
    /// One for each job that runs.
    slots: Arc<Semaphore>,
    /// One for each job that runs or waits.
    places: Arc<Semaphore>,
    most: usize,
    queue: usize,
    /// What sets the length of the queue.
    limit: &'static str,
    /// How long a job may wait.
    patience: Duration,
}

impl JobQueue {
    fn new(slots: usize, queue: usize, limit: &'static str, patience: Duration) -> Self {
        let places = slots.saturating_add(queue).min(Semaphore::MAX_PERMITS);
        Self {
            slots: Arc::new(Semaphore::new(slots)),
            places: Arc::new(Semaphore::new(places)),
            most: places,
            queue,
            limit,
            patience,
        }
    }

    fn is_idle(&self) -> bool {
        self.places.available_permits() == self.most
    }

    /// Waits for the model's turn and then for a slot.
    async fn wait(&self, turn: Option<Turn>) -> (Option<OwnedMutexGuard<()>>, Option<OwnedSemaphorePermit>) {
        let turn = match turn {
            Some(turn) => Some(turn.lock_owned().await),
            None => None,
        };
        // A semaphore that nobody closes always gives a permit.
        (turn, Arc::clone(&self.slots).acquire_owned().await.ok())
    }

    async fn run<T: Send + 'static>(
        &self,
        turn: Option<Turn>,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JobError> {
        let full = JobError::Full { waiting: self.queue, limit: self.limit };
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else { return Err(full) };
        let waited = tokio::time::timeout(self.patience, self.wait(turn)).await;
        let (turn, slot) = waited.map_err(|_| JobError::Waited(self.patience))?;
        let span = tracing::Span::current();
        let guarded = move || {
            // Held by the job, not by the request: a client that goes away does not end the computing.
            let _held = (place, turn, slot);
            span.in_scope(job)
        };
        // Tokio catches a panic of the job.
        spawn_blocking(guarded).await.map_err(|error| JobError::Panicked(message(error)))
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

    const LONG: Duration = Duration::from_hours(1);

    fn run(test: impl Future<Output = ()>) {
        actix_web::rt::System::new().block_on(test);
    }

    #[test]
    fn a_panic_in_a_job_is_contained_and_frees_its_slot() {
        run(async {
            let pool = JobQueues::new(1, 0, LONG);
            for _ in 0..3 {
                let result = pool.train("a", || panic!("on purpose")).await;
                assert!(matches!(result, Err::<(), _>(JobError::Panicked(why)) if why == "on purpose"));
            }
            assert!(matches!(pool.train("a", || 7).await, Ok(7)));
        });
    }

    #[test]
    fn a_full_queue_refuses_and_quick_jobs_go_on() {
        run(async {
            let pool = Arc::new(JobQueues::<&str>::new(1, 0, LONG));
            let (release, wait) = mpsc::channel::<()>();
            let (tell, started) = tokio::sync::oneshot::channel();
            let busy = Arc::clone(&pool);
            let running = actix_web::rt::spawn(async move {
                busy.evaluate(move || {
                    let _ = tell.send(());
                    let _ = wait.recv();
                })
                .await
            });
            started.await.expect("the job starts");
            assert!(matches!(pool.evaluate(|| ()).await, Err(JobError::Full { .. })));
            assert!(matches!(pool.quick(|| 7).await, Ok(7)));
            release.send(()).expect("the job waits");
            assert!(running.await.expect("no panic").is_ok());
            assert!(pool.evaluate(|| ()).await.is_ok());
        });
    }

    #[test]
    fn a_request_that_goes_away_does_not_free_its_slot_early() {
        run(async {
            let pool = Arc::new(JobQueues::<&str>::new(1, 0, LONG));
            let (release, wait) = mpsc::channel::<()>();
            let (tell, started) = tokio::sync::oneshot::channel();
            let busy = Arc::clone(&pool);
            let request = actix_web::rt::spawn(async move {
                busy.evaluate(move || {
                    let _ = tell.send(());
                    let _ = wait.recv();
                })
                .await
            });
            started.await.expect("the job starts");
            request.abort();
            assert!(request.await.expect_err("it was cut off").is_cancelled());
            assert!(matches!(pool.evaluate(|| ()).await, Err(JobError::Full { .. })));
            release.send(()).expect("the job waits");
        });
    }

    #[test]
    fn two_trainings_of_one_model_take_turns_and_leave_a_slot_to_others() {
        run(async {
            let pool = Arc::new(JobQueues::<&str>::new(2, 8, LONG));
            let (release, wait) = mpsc::channel::<()>();
            let (tell, started) = tokio::sync::oneshot::channel();
            let (first, second) = (Arc::clone(&pool), Arc::clone(&pool));
            let done = Arc::new(AtomicUsize::new(0));
            let (a, b) = (Arc::clone(&done), Arc::clone(&done));
            let first = actix_web::rt::spawn(async move {
                first
                    .train("a", move || {
                        let _ = tell.send(());
                        let _ = wait.recv();
                        a.fetch_add(1, Ordering::SeqCst)
                    })
                    .await
            });
            started.await.expect("the first starts");
            let second = actix_web::rt::spawn(async move {
                second.train("a", move || b.fetch_add(1, Ordering::SeqCst)).await
            });
            // The second of model a waits; model b gets the free slot at once.
            assert!(pool.train("b", || ()).await.is_ok());
            assert_eq!(done.load(Ordering::SeqCst), 0);
            release.send(()).expect("the first waits");
            assert!(matches!(first.await.expect("no panic"), Ok(0)));
            assert!(matches!(second.await.expect("no panic"), Ok(1)));
        });
    }
}
