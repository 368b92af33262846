//! Graceful shutdown: new work is refused, running jobs get some time to finish, and what belongs to finished work is
//! still answered.
//!
//! Owns the signals and the phases of a shutdown. A port of this process stays open until the end, so that clients get a 503
//! with Retry-After instead of a refused connection. Sockets of the service manager are handed over: the next process accepts
//! what is queued there, so this one accepts nothing more and refuses nothing that it has accepted. Moodle requests the log
//! of an evaluation right after its reply, and without the log the result is lost: the server waits for that request. Must
//! not know how a request is handled.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use actix_web::dev::ServerHandle;
use actix_web::web;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use super::connection::new_connections::NewConnections;
use super::service_manager;
use super::state::AppState;
use crate::store::{ModelKey, RunId};

/// How often to check whether all work is done.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// After this time, connections that were accepted just before the server stopped accepting have reached a worker.
const ACCEPTED_TIME: Duration = Duration::from_millis(200);
/// How long the server waits for the first request of a connection. Most clients send it with the connection; some connect
/// in advance.
const FIRST_REQUEST_TIME: Duration = Duration::from_secs(2);
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
    /// Another process accepts the connections of the same sockets: nothing is refused.
    HandingOver,
}

/// The requests in progress and those that will follow, and whether the server is stopping.
#[derive(Default)]
pub(super) struct Shutdown {
    state: Arc<Mutex<State>>,
    pub(super) new_connections: NewConnections,
    /// Whether unfinished jobs are discarded.
    discarded: watch::Sender<bool>,
}

#[derive(Default)]
struct State {
    phase: Phase,
    /// Whether another process will accept the connections of the same sockets.
    hands_over: bool,
    /// The requests in progress that began in each phase.
    requests: [usize; 4],
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

    /// The sockets belong to the service manager, which passes them to the next process.
    pub(super) fn set_hands_over(&self) {
        lock(&self.state).hands_over = true;
    }

    /// Whether the server is stopping.
    pub(super) fn is_requested(&self) -> bool {
        lock(&self.state).phase != Phase::Serving
    }

    /// The number of requests that are being answered.
    pub(super) fn requests_in_progress(&self) -> usize {
        lock(&self.state).requests.iter().sum()
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

    /// Whether unfinished jobs are discarded.
    pub(super) fn is_discarded(&self) -> bool {
        *self.discarded.borrow()
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
            // Monitoring sees that the server is stopping.
            (Phase::Serving | Phase::HandingOver, _)
            | (_, "/version" | "/metrics" | "/healthz" | "/ready")
            | (Phase::Draining, "/evaluationlog" | "/export") => false,
            // The results of asynchronous jobs that end during the shutdown.
            (Phase::Draining, path) if path == "/jobs" || path.starts_with("/jobs/") => false,
            (_, path) if path.starts_with("/health/") || path.starts_with("/v2/health/") => false,
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

/// The signals that stop the server.
pub(super) struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    /// Handles the signals from now on; before, and on an error, they end the process at once.
    pub(super) fn new() -> Option<Self> {
        let signals = signal(SignalKind::terminate()).and_then(|terminate| {
            signal(SignalKind::interrupt()).map(|interrupt| Self { terminate, interrupt })
        });
        let warn = |error: &io::Error| {
            tracing::warn!(%error, "cannot handle signals: SIGTERM will stop the server without a graceful shutdown");
        };
        signals.inspect_err(warn).ok()
    }
}

/// Stops the server: on SIGTERM when all requests and jobs are done or the configured time is over, on SIGINT at once.
pub(super) async fn stop_on_signal(state: web::Data<AppState>, server: ServerHandle, signals: StopSignals) {
    let StopSignals { mut terminate, mut interrupt } = signals;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {
            service_manager::stopping();
            return server.stop(false).await;
        }
    }
    service_manager::stopping();
    let (shutdown, timeout) = (&state.shutdown, state.config.stop_time);
    let hands_over = lock(&shutdown.state).hands_over;
    let seconds = timeout.as_secs();
    if hands_over {
        shutdown.enter(Phase::HandingOver);
        tracing::info!(
            seconds,
            "shutting down: new connections wait for the next process, running jobs may finish"
        );
        state.async_jobs.running.withdraw_waiting();
        server.pause().await;
    } else {
        shutdown.enter(Phase::Draining);
        state.async_jobs.running.withdraw_waiting();
        tracing::info!(seconds, "shutting down: new work is refused, running jobs may finish");
    }
    let finished = async { if hands_over { handed_over(&state).await } else { drained(&state).await } };
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

/// Waits for all work and what follows it, then for the quick requests in progress.
async fn drained(state: &AppState) {
    let shutdown = &state.shutdown;
    wait_until(|| {
        state.jobs.is_idle_of_long_work()
            && state.async_jobs.running.is_empty()
            && shutdown.is_done(Phase::Serving)
            && !shutdown.expects_follow_up()
    })
    .await;
    shutdown.enter(Phase::Closing);
    wait_until(|| state.jobs.is_idle() && shutdown.is_done(Phase::Draining)).await;
}

/// Waits for all requests of the connections that this process has accepted. The next process answers those that follow.
async fn handed_over(state: &AppState) {
    let (shutdown, begun) = (&state.shutdown, Instant::now());
    let have_begun = || {
        let after = begun.elapsed();
        after >= ACCEPTED_TIME && (shutdown.new_connections.is_empty() || after >= FIRST_REQUEST_TIME)
    };
    let are_done = || state.jobs.is_idle() && state.async_jobs.running.is_empty();
    wait_until(|| have_begun() && are_done() && shutdown.is_done(Phase::HandingOver)).await;
}

/// Stops a worker: on SIGTERM when its jobs are done or the configured time is over, on SIGINT at once. `is_idle` tells whether
/// it has no job.
pub(super) async fn stop_worker_on_signal(
    state: &AppState,
    signals: Option<StopSignals>,
    is_idle: impl Fn() -> bool,
) {
    let Some(StopSignals { mut terminate, mut interrupt }) = signals else {
        return std::future::pending().await;
    };
    let is_interrupted = tokio::select! {
        _ = terminate.recv() => false,
        _ = interrupt.recv() => true,
    };
    service_manager::stopping();
    state.shutdown.enter(Phase::Draining);
    state.async_jobs.running.withdraw_waiting();
    if !is_interrupted {
        let seconds = state.config.stop_time.as_secs();
        tracing::info!(seconds, "stopping: no further jobs are taken, running jobs may finish");
        tokio::select! {
            () = wait_until(is_idle) => {}
            () = tokio::time::sleep(state.config.stop_time) => {}
            _ = interrupt.recv() => {}
        }
    }
    state.shutdown.discarded.send_replace(true);
}

async fn wait_until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}
