//! What all models of one open bucket share in this process.
//!
//! Owns the locks between the threads of this process, and the end of its use. Must not know what a job does.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, RwLock, RwLockReadGuard};

use super::objects::Objects;
use super::outside::now;
use crate::store::error::StoreError;

/// An open bucket.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) objects: Arc<dyn Objects>,
    locked: Mutex<HashSet<String>>,
    released: Condvar,
    /// Whether the process ends; read-locked while something is published.
    closed: RwLock<bool>,
    last_run: AtomicU64,
}

/// Held by the one job of this process that changes a model.
#[derive(Debug)]
pub(super) struct Lock {
    shared: Arc<Shared>,
    name: String,
}

impl Shared {
    pub(super) fn new(objects: Arc<dyn Objects>) -> Self {
        Self {
            objects,
            locked: Mutex::default(),
            released: Condvar::new(),
            closed: RwLock::new(false),
            last_run: AtomicU64::new(0),
        }
    }

    /// Waits until no other job of this process holds the lock of this name.
    pub(super) fn lock(self: &Arc<Self>, name: &str) -> Lock {
        let locked = self.locked.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.released.wait_while(locked, |locked| locked.contains(name));
        waited.unwrap_or_else(PoisonError::into_inner).insert(name.to_owned());
        Lock { shared: Arc::clone(self), name: name.to_owned() }
    }

    /// Keeps the bucket open, so that something complete is published entirely or not at all.
    pub(super) fn publishing(&self, key: &str) -> Result<RwLockReadGuard<'_, bool>, StoreError> {
        let closed = self.closed.read().unwrap_or_else(PoisonError::into_inner);
        if *closed {
            return Err(StoreError::SessionEnded { path: self.objects.address(key) });
        }
        Ok(closed)
    }

    /// Ends the use of the bucket; waits for [`Self::publishing`].
    pub(super) fn close(&self) {
        *self.closed.write().unwrap_or_else(PoisonError::into_inner) = true;
    }

    /// A run id that this process has not used: the time, or one more than the last.
    pub(super) fn next_run_id(&self) -> u64 {
        let now = now();
        let next = |last: u64| Some(now.max(last.saturating_add(1)));
        let last = self.last_run.fetch_update(Ordering::SeqCst, Ordering::SeqCst, next).unwrap_or(now);
        now.max(last.saturating_add(1))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.shared.locked.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.name);
        self.shared.released.notify_all();
    }
}
