//! Graceful shutdown: new work is refused, running jobs get some time to finish, and what belongs to finished work is
//! still answered.
//!
//! Owns the signals and the phases of a shutdown. The port stays open until the end, so that clients get a 503 with
//! Retry-After instead of a refused connection. Moodle requests the log of an evaluation right after its reply, and without
//! the log the result is lost: the server waits for that request. Must not know how a request is handled.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use actix_web::dev::ServerHandle;
use actix_web::web;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::state::AppState;
use crate::store::{ModelKey, RunId};

/// How often to check whether all work is done.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// How long the server waits for the request that follows an evaluation.
const FOLLOW_UP_TIME: Duration = Duration::from_secs(5);
/// A prediction with a larger body is refused during a shutdown, because it is not quick.
const MAX_QUICK_BODY: u64 = 32 << 20;
/// How long the server waits until the responses that have begun end with an error.
const LAST_RESPONSES_TIME: Duration = Duration::from_secs(1);

/// How far a shutdown is. Requests that began in a later phase do not prolong an earlier one: otherwise a steady stream of
/// predictions would delay the end until the timeout.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    #[default]
    Serving,
    /// New work is refused; quick requests are served while work is unfinished or a log is expected.
    Draining,
    /// All work is finished: quick requests are refused too, and those in progress end.
    Closing,
}

/// The requests in progress and those that will follow, and whether the server is stopping.
#[derive(Default)]
pub(super) struct Shutdown {
    state: Arc<Mutex<State>>,
    /// Whether unfinished jobs are discarded.
    discarded: watch::Sender<bool>,
}

#[derive(Default)]
struct State {
    phase: Phase,
    /// The requests in progress that began in each phase.
    requests: [usize; 3],
    /// The evaluations whose log was not requested yet, and until when it is expected.
    follow_ups: Vec<(ModelKey, RunId, Instant)>,
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shutdown {
    /// Counts a request until the guard is dropped.
    pub(super) fn begin(&self) -> RequestGuard {
        let mut state = lock(&self.state);
        let phase = state.phase;
        state.requests[phase as usize] += 1;
        RequestGuard { state: Arc::clone(&self.state), phase }
    }

    /// An evaluation was answered: its log will be requested.
    pub(super) fn expect_follow_up(&self, model: ModelKey, run: RunId) {
        let now = Instant::now();
        let follow_ups = &mut lock(&self.state).follow_ups;
        follow_ups.retain(|(_, _, until)| *until > now);
        follow_ups.push((model, run, now + FOLLOW_UP_TIME));
    }

    /// The log of an evaluation was requested.
    pub(super) fn followed_up(&self, model: &ModelKey, run: RunId) {
        lock(&self.state).follow_ups.retain(|(expected, id, _)| expected != model || *id != run);
    }

    /// Becomes true when unfinished jobs are discarded. A response that has begun holds this until its end.
    pub(super) fn discarded(&self) -> watch::Receiver<bool> {
        self.discarded.subscribe()
    }

    fn enter(&self, phase: Phase) {
        lock(&self.state).phase = phase;
    }

    /// Whether no request is in progress that began in this phase or before it.
    fn is_done(&self, phase: Phase) -> bool {
        lock(&self.state).requests[..=phase as usize].iter().all(|requests| *requests == 0)
    }

    fn expects_follow_up(&self) -> bool {
        let now = Instant::now();
        lock(&self.state).follow_ups.iter().any(|(_, _, until)| *until > now)
    }
}

/// A request in progress.
pub(super) struct RequestGuard {
    state: Arc<Mutex<State>>,
    phase: Phase,
}

impl RequestGuard {
    /// Whether the request, of this path and with a body of this length, is refused.
    pub(super) fn refuses(&self, path: &str, body: Option<u64>) -> bool {
        match (self.phase, path) {
            (Phase::Serving, _) | (_, "/version") | (Phase::Draining, "/evaluationlog" | "/export") => false,
            (Phase::Draining, "/prediction") => body.is_none_or(|bytes| bytes > MAX_QUICK_BODY),
            _ => true,
        }
    }
}

impl Drop for RequestGuard {
    fn drop(&mut self) {
        lock(&self.state).requests[self.phase as usize] -= 1;
    }
}

/// Stops the server: on SIGTERM when all requests and jobs are done or the configured time is over, on SIGINT at once.
pub(super) async fn stop_on_signal(state: web::Data<AppState>, server: ServerHandle) {
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        // Then the signals keep their default action, which is to end the process.
        return tracing::warn!(
            "cannot handle signals: SIGTERM will stop the server without a graceful shutdown"
        );
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => return server.stop(false).await,
    }
    let (shutdown, timeout) = (&state.shutdown, state.config.stop_time);
    shutdown.enter(Phase::Draining);
    tracing::info!(
        seconds = timeout.as_secs(),
        "shutting down: new work is refused, running jobs may finish"
    );
    let finished = async {
        wait_until(|| {
            state.jobs.is_idle_of_long_work()
                && shutdown.is_done(Phase::Serving)
                && !shutdown.expects_follow_up()
        })
        .await;
        shutdown.enter(Phase::Closing);
        wait_until(|| state.jobs.is_idle() && shutdown.is_done(Phase::Draining)).await;
    };
    let is_finished = tokio::select! {
        biased;
        () = finished => true,
        () = tokio::time::sleep(timeout) => false,
        _ = interrupt.recv() => false,
    };
    if !is_finished {
        shutdown.discarded.send_replace(true);
        let responses_have_ended = wait_until(|| shutdown.discarded.receiver_count() == 0);
        let _ = tokio::time::timeout(LAST_RESPONSES_TIME, responses_have_ended).await;
    }
    server.stop(is_finished).await;
}

async fn wait_until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}
