//! Whether the server is ready: the data directory can be written to, the disks have room, and the server is not stopping.
//!
//! Owns the checks and how often they run. Anyone may ask, so the result has no detail and is kept for a second; the log
//! says what is wrong, once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use actix_web::web;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::fs::free_bytes;
use crate::http::state::AppState;
use crate::telemetry::metrics::Check;
use crate::units::ByteSize;

/// How long a result is used again.
const KEPT: Duration = Duration::from_secs(1);
/// A disk that does not answer within this time is not ready.
const MAX_WAIT: Duration = Duration::from_secs(5);

/// The last result of the checks.
#[derive(Default)]
pub(crate) struct Readiness {
    /// Locked during a check, so that concurrent requests wait for the same one.
    last: Mutex<Option<(Instant, DiskChecks)>>,
    /// Whether a check still waits for the disk.
    stuck: Arc<AtomicBool>,
}

/// The checks that need the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct DiskChecks {
    store: bool,
    disk: bool,
}

impl Readiness {
    /// Whether the server is ready.
    pub(crate) async fn is_ready(&self, state: &web::Data<AppState>) -> bool {
        self.checks(state).await.iter().all(|(_, passed)| *passed)
    }

    /// Every check, and whether it passed.
    pub(crate) async fn checks(&self, state: &web::Data<AppState>) -> [(Check, bool); 3] {
        let DiskChecks { store, disk } = self.disk_checks(state).await;
        [(Check::Store, store), (Check::Disk, disk), (Check::Running, !state.shutdown.is_requested())]
    }

    async fn disk_checks(&self, state: &web::Data<AppState>) -> DiskChecks {
        let mut last = self.last.lock().await;
        if let Some((at, checks)) = *last
            && at.elapsed() < KEPT
        {
            return checks;
        }
        let checks = self.run(state).await;
        let before = last.replace((Instant::now(), checks)).map(|(_, checks)| checks);
        let passed = |checks: DiskChecks| checks.store && checks.disk;
        if passed(checks) && before.is_some_and(|before| !passed(before)) {
            tracing::info!("ready again: the data directory can be written to and the disks have room");
        }
        checks
    }

    async fn run(&self, state: &web::Data<AppState>) -> DiskChecks {
        // Each check on a disk that hangs would take one more thread.
        if self.stuck.swap(true, Ordering::SeqCst) {
            return DiskChecks::default();
        }
        let check = {
            let (state, stuck) = (state.clone(), Arc::clone(&self.stuck));
            web::block(move || {
                let _stuck = ResetOnDrop(stuck);
                DiskChecks { store: can_write(&state), disk: has_room(&state) }
            })
        };
        if let Ok(Ok(checks)) = timeout(MAX_WAIT, check).await {
            return checks;
        }
        tracing::error!(
            seconds = MAX_WAIT.as_secs(),
            "not ready: the disk of the data directory does not answer"
        );
        DiskChecks::default()
    }
}

/// Resets a flag, also after a panic.
struct ResetOnDrop(Arc<AtomicBool>);

impl Drop for ResetOnDrop {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

fn can_write(state: &AppState) -> bool {
    let checked = state.store.check_writable();
    if let Err(error) = &checked {
        tracing::error!(%error, "not ready: the data directory cannot be written to");
    }
    checked.is_ok()
}

fn has_room(state: &AppState) -> bool {
    let min = state.config.monitoring.min_free_bytes;
    // A bucket has no end.
    let data =
        state.config.bucket().is_none().then_some(("MOODLE_MLBACKEND_PYTHON_DIR", &state.config.data_dir));
    let directories = [data, Some(("MOODLE_MLBACKEND_TEMPDIR", &state.config.temp_dir))];
    let full = directories.into_iter().flatten().find_map(|(variable, directory)| {
        // An unknown free space passes: writing shows whether there is any.
        let free = free_bytes(directory).ok().filter(|free| *free < min)?;
        Some((variable, free))
    });
    if let Some((variable, free)) = full {
        tracing::error!(
            "not ready: the disk of {variable} has {} left, less than {} (MOODLE_MLBACKEND_MIN_FREE_BYTES): free some \
             space",
            ByteSize(free),
            ByteSize(min)
        );
    }
    full.is_none()
}
