//! What the service manager (systemd) is told: ready, reloading, stopping, and alive (sd_notify(3)). Elsewhere nothing is
//! sent.
//!
//! Must not know what the server does.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use actix_web::rt;
use sd_notify::NotifyState;

/// How often a worker shows that it is alive.
const BEAT: Duration = Duration::from_secs(1);

/// The server listens.
pub(super) fn ready() {
    send(&[NotifyState::Ready]);
}

/// The settings are read again; [`ready`] ends this.
pub(super) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => send(&[NotifyState::Reloading, now]),
        // Without the time, systemd would end the service.
        Err(error) => tracing::debug!(%error, "the service manager was not told about the reload"),
    }
}

/// The server stops.
pub(super) fn stopping() {
    send(&[NotifyState::Stopping]);
}

fn send(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "cannot notify the service manager (NOTIFY_SOCKET)");
    }
}

/// The times at which each worker was last alive; clones share them. A worker that is blocked has an old time, one that has
/// ended has none.
#[derive(Clone)]
pub(crate) struct Heartbeats {
    last: Arc<Mutex<Vec<Weak<Mutex<Instant>>>>>,
    /// How old they may become; `None` without a watchdog.
    max_age: Option<Duration>,
}

impl Heartbeats {
    /// Asks the environment whether the service manager expects signs of life.
    pub(crate) fn new() -> Self {
        Self::with_max_age(sd_notify::watchdog_enabled())
    }

    fn with_max_age(max_age: Option<Duration>) -> Self {
        Self { last: Arc::default(), max_age }
    }

    /// Starts the heartbeat of the worker that calls this.
    pub(crate) fn start(&self) {
        if self.max_age.is_none() {
            return;
        }
        let beat = Arc::new(Mutex::new(Instant::now()));
        self.last.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(&beat));
        rt::spawn(async move {
            loop {
                tokio::time::sleep(BEAT).await;
                *beat.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
            }
        });
    }

    /// Whether no worker is blocked.
    fn are_recent(&self, max_age: Duration) -> bool {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.retain(|beat| beat.strong_count() > 0);
        last.iter()
            .filter_map(Weak::upgrade)
            .all(|beat| beat.lock().unwrap_or_else(PoisonError::into_inner).elapsed() <= max_age)
    }

    /// Tells the service manager again and again that the server is alive, as long as no worker is blocked. Ends at once
    /// without a watchdog.
    pub(crate) async fn report(self) {
        let Some(max_age) = self.max_age else { return };
        loop {
            if self.are_recent(max_age) {
                send(&[NotifyState::Watchdog]);
            } else {
                tracing::error!("a worker is blocked: the service manager may restart the server");
            }
            // Half of its interval, as sd_watchdog_enabled(3) recommends.
            tokio::time::sleep(max_age / 2).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_is_blocked_is_noticed_and_one_that_has_ended_is_forgotten() {
        rt::System::new().block_on(async {
            let heartbeats = Heartbeats::with_max_age(Some(Duration::from_mins(1)));
            heartbeats.start();
            assert!(heartbeats.are_recent(Duration::from_mins(1)));
            std::thread::sleep(Duration::from_millis(20));
            assert!(!heartbeats.are_recent(Duration::from_millis(10)));
            let ended = Arc::new(Mutex::new(Instant::now()));
            heartbeats.last.lock().expect("no panic").push(Arc::downgrade(&ended));
            drop(ended);
            assert!(heartbeats.are_recent(Duration::from_mins(1)));
            assert_eq!(heartbeats.last.lock().expect("no panic").len(), 1);
        });
    }
}
