//! The end of the server: new work is refused, running work may go on for a while.
//!
//! Owns the signals. The port stays open until then, so that clients are told to come back instead of
//! finding nobody.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use actix_web::dev::ServerHandle;
use actix_web::web;
use tokio::signal::unix::{SignalKind, signal};

use super::state::AppState;

/// How often is looked whether all work is done.
const LOOK: Duration = Duration::from_millis(20);

/// What is going on in the server, and whether it is to end.
#[derive(Default)]
pub(super) struct Shutdown {
    asked: AtomicBool,
    requests: AtomicUsize,
}

impl Shutdown {
    /// Counts a request as long as the answer is held; `None` when no new work is taken.
    pub(super) fn begin(&self) -> Option<Running<'_>> {
        // ConnectionPermit before it is looked: whoever waits for the end of all work sees it or it sees the wish.
        let running = Running(self);
        self.requests.fetch_add(1, Ordering::SeqCst);
        (!self.asked.load(Ordering::SeqCst)).then_some(running)
    }

    fn is_quiet(&self) -> bool {
        self.requests.load(Ordering::SeqCst) == 0
    }
}

/// A request that is being worked on.
pub(super) struct Running<'a>(&'a Shutdown);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.requests.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Ends the server on SIGTERM, when its work is done or its time is up, or on SIGINT at once.
pub(super) async fn end_on_signal(state: web::Data<AppState>, server: ServerHandle, patience: Duration) {
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        // Without them the system ends the process, as it ends any.
        return tracing::warn!("signals cannot be received: running work is cut off at the end");
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => return server.stop(false).await,
    }
    state.stopping.asked.store(true, Ordering::SeqCst);
    tracing::info!(seconds = patience.as_secs(), "ending: new work is refused, running work may go on");
    let until = Instant::now() + patience;
    let done = || state.stopping.is_quiet() && state.jobs.is_idle();
    while !done() && Instant::now() < until {
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            _ = interrupt.recv() => break,
        }
    }
    server.stop(done()).await;
}
