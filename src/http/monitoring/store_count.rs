//! The number and size of the stored models, counted at most once a minute.
//!
//! Must not know how they are counted: the store does.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use actix_web::web;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::timeout;

use crate::store::{Store, StoreError};
use crate::telemetry::metrics::StoreState;

/// The minimum time from the end of one count to the start of the next.
const INTERVAL: Duration = Duration::from_mins(1);
/// How long a request for the metrics waits for a count, which takes long in a large data directory.
const MAX_WAIT: Duration = Duration::from_secs(2);

#[derive(Default)]
pub(crate) struct StoreCount {
    last: Arc<std::sync::Mutex<Option<StoreState>>>,
    /// When the last count ended; locked during a count.
    counted: Arc<Mutex<Option<Instant>>>,
}

impl StoreCount {
    /// The last count, after a new one if the last is older than a minute. `None` while the first one takes long.
    pub(crate) async fn current(&self, store: &Store) -> Option<StoreState> {
        if let Ok(counted) = Arc::clone(&self.counted).try_lock_owned()
            && counted.is_none_or(|counted| counted.elapsed() >= INTERVAL)
        {
            self.count(store.clone(), counted).await;
        }
        *self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    async fn count(&self, store: Store, mut counted: OwnedMutexGuard<Option<Instant>>) {
        let last = Arc::clone(&self.last);
        let count = web::block(move || {
            match state_of(&store) {
                Ok(state) => *last.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(state),
                Err(error) => tracing::warn!(%error, "the stored models cannot be counted for the metrics"),
            }
            *counted = Some(Instant::now());
        });
        // It goes on in its thread.
        let _ = timeout(MAX_WAIT, count).await;
    }
}

fn state_of(store: &Store) -> Result<StoreState, StoreError> {
    let usage = store.usage()?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    // A bucket has no end.
    let free_bytes = store.free_bytes()?.unwrap_or(i64::MAX as u64);
    Ok(StoreState { models: usage.models, bytes: usage.bytes, free_bytes, counted: now })
}
