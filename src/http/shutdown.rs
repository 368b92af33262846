//! Graceful shutdown: new requests are refused, running jobs get some time to finish.
//!
//! Owns the signals. The port stays open until the end, so that clients get a 503 with Retry-After instead of a
//! refused connection.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use actix_web::dev::ServerHandle;
use actix_web::web;
use tokio::signal::unix::{SignalKind, signal};

use super::state::AppState;

/// How often to check whether all work is done.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// The requests in progress, and whether the server is stopping.
#[derive(Default)]
pub(super) struct Shutdown {
    requested: AtomicBool,
    requests: AtomicUsize,
}

impl Shutdown {
    /// Counts a request until the guard is dropped; `None` if the server is stopping.
    pub(super) fn begin(&self) -> Option<RequestGuard<'_>> {
        // Counted before the flag is read: either the shutdown waits for this request or this request sees the flag.
        let guard = RequestGuard(self);
        self.requests.fetch_add(1, Ordering::SeqCst);
        (!self.requested.load(Ordering::SeqCst)).then_some(guard)
    }
}

/// A request in progress.
pub(super) struct RequestGuard<'a>(&'a Shutdown);

impl Drop for RequestGuard<'_> {
    fn drop(&mut self) {
        self.0.requests.fetch_sub(1, Ordering::SeqCst);
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
    shutdown.requested.store(true, Ordering::SeqCst);
    tracing::info!(
        seconds = timeout.as_secs(),
        "shutting down: new requests are refused, running jobs may finish"
    );
    let deadline = Instant::now() + timeout;
    let is_done = || shutdown.requests.load(Ordering::SeqCst) == 0 && state.jobs.is_idle();
    while !is_done() && Instant::now() < deadline {
        tokio::select! {
            () = tokio::time::sleep(POLL_INTERVAL) => {}
            _ = interrupt.recv() => break,
        }
    }
    server.stop(is_done()).await;
}
