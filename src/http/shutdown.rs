//! Graceful shutdown: new work is refused, running jobs get some time to finish, and what belongs to finished work is
//! still answered.
//!
//! Owns the signals. A port of this process stays open until the end, so that clients get a 503 with Retry-After instead of
//! a refused connection. Sockets of the service manager are handed over: the next process accepts what is queued there, so
//! this one accepts nothing more and refuses nothing that it has accepted. Moodle requests the log of an evaluation right after its reply, and without the log the result is
//! lost: the server waits for that request.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix_web::dev::ServerHandle;
use actix_web::web;
use tokio::signal::unix::{Signal, SignalKind, signal};

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

/// The requests in progress and those that will follow, and whether the server is stopping.
#[derive(Default)]
pub(super) struct Shutdown {
    requested: AtomicBool,
    /// Whether another process will accept the connections of the same sockets.
    hands_over: AtomicBool,
    requests: AtomicUsize,
    pub(super) new_connections: NewConnections,
    /// The evaluations whose log was not requested yet, and until when it is expected.
    follow_ups: Mutex<Vec<(ModelKey, RunId, Instant)>>,
}

impl Shutdown {
    /// Counts a request until the guard is dropped.
    pub(super) fn begin(&self) -> RequestGuard<'_> {
        // Counted before the flag is read: either the shutdown waits for this request or this request sees the flag.
        let guard = RequestGuard(self);
        self.requests.fetch_add(1, Ordering::SeqCst);
        guard
    }

    /// The sockets belong to the service manager, which passes them to the next process.
    pub(super) fn set_hands_over(&self) {
        self.hands_over.store(true, Ordering::SeqCst);
    }

    /// Whether the server is stopping.
    pub(super) fn is_requested(&self) -> bool {
        self.requested.load(Ordering::SeqCst)
    }

    /// Whether a request of this path, with a body of this length, is refused now.
    pub(super) fn refuses(&self, path: &str, body: Option<u64>) -> bool {
        self.is_requested()
            && !self.hands_over.load(Ordering::SeqCst)
            && match path {
                // Monitoring sees that the server is stopping.
                "/metrics" | "/healthz" | "/ready" => false,
                path if path.starts_with("/health/") || path.starts_with("/v2/health/") => false,
                "/version" | "/evaluationlog" | "/export" => false,
                "/prediction" => body.is_none_or(|bytes| bytes > MAX_QUICK_BODY),
                _ => true,
            }
    }

    /// The number of requests that are being answered.
    pub(super) fn requests_in_progress(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    /// An evaluation was answered: its log will be requested.
    pub(super) fn expect_follow_up(&self, model: ModelKey, run: RunId) {
        let now = Instant::now();
        let mut follow_ups = self.follow_ups.lock().unwrap_or_else(PoisonError::into_inner);
        follow_ups.retain(|(_, _, until)| *until > now);
        follow_ups.push((model, run, now + FOLLOW_UP_TIME));
    }

    /// The log of an evaluation was requested.
    pub(super) fn followed_up(&self, model: &ModelKey, run: RunId) {
        let mut follow_ups = self.follow_ups.lock().unwrap_or_else(PoisonError::into_inner);
        follow_ups.retain(|(expected, id, _)| expected != model || *id != run);
    }

    /// Whether all requests are answered, this long after the signal.
    fn is_done(&self, after: Duration) -> bool {
        self.requests.load(Ordering::SeqCst) == 0
            && if self.hands_over.load(Ordering::SeqCst) {
                after >= ACCEPTED_TIME && (self.new_connections.is_empty() || after >= FIRST_REQUEST_TIME)
            } else {
                self.has_no_follow_up()
            }
    }

    /// With handed over sockets, the next process answers the request that follows an evaluation.
    fn has_no_follow_up(&self) -> bool {
        let now = Instant::now();
        let follow_ups = self.follow_ups.lock().unwrap_or_else(PoisonError::into_inner);
        follow_ups.iter().all(|(_, _, until)| *until <= now)
    }
}

/// A request in progress.
pub(super) struct RequestGuard<'a>(&'a Shutdown);

impl Drop for RequestGuard<'_> {
    fn drop(&mut self) {
        self.0.requests.fetch_sub(1, Ordering::SeqCst);
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
        match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
            (Ok(terminate), Ok(interrupt)) => Some(Self { terminate, interrupt }),
            _ => {
                tracing::warn!(
                    "cannot handle signals: SIGTERM will stop the server without a graceful shutdown"
                );
                None
            }
        }
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
    shutdown.requested.store(true, Ordering::SeqCst);
    if shutdown.hands_over.load(Ordering::SeqCst) {
        tracing::info!(
            seconds = timeout.as_secs(),
            "shutting down: new connections wait for the next process, running jobs may finish"
        );
        server.pause().await;
    } else {
        tracing::info!(
            seconds = timeout.as_secs(),
            "shutting down: new work is refused, running jobs may finish"
        );
    }
    let begun = Instant::now();
    let deadline = begun + timeout;
    let is_done = || state.jobs.is_idle() && shutdown.is_done(begun.elapsed());
    while !is_done() && Instant::now() < deadline {
        tokio::select! {
            () = tokio::time::sleep(POLL_INTERVAL) => {}
            _ = interrupt.recv() => break,
        }
    }
    server.stop(is_done()).await;
}
