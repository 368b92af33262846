//! Leases of jobs in a bucket: a process that has a job replaces an object again and again, until it ends the job or itself.
//!
//! Owns who has a job. No clocks are compared: another process takes a job when it has seen the same lease for [`EXPIRY`] by its
//! own clock. Must not know what a job is.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use crate::http::async_jobs::record::JobId;
use crate::store::{Condition, Objects, Unavailable, Version};

/// The name of the object.
pub(super) const LEASE: &str = "lease";

/// A lease that stays the same for this long has no process any more.
pub(super) const EXPIRY: Duration = Duration::from_secs(30);
/// A few renewals can fail before others think that the process has ended.
const RENEWAL: Duration = Duration::from_secs(8);

/// The leases of this process, and those that it has seen.
pub(super) struct Leases(Arc<Shared>);

struct Shared {
    objects: Arc<dyn Objects>,
    /// Distinguishes the leases of this process from those of others.
    process: String,
    next: AtomicU64,
    held: Mutex<HashMap<JobId, Held>>,
    /// Leases of others, and when they were seen first.
    seen: Mutex<HashMap<JobId, (Version, Instant)>>,
    renewal: std::sync::Once,
}

struct Held {
    key: String,
    version: Version,
}

/// A job that this process has, until this is dropped.
pub(super) struct Holder {
    shared: Arc<Shared>,
    id: JobId,
}

impl Leases {
    pub(super) fn of(objects: &Arc<dyn Objects>) -> Self {
        let mut bytes = [0; 8];
        getrandom::fill(&mut bytes).expect("the system has random numbers");
        Self(Arc::new(Shared {
            objects: Arc::clone(objects),
            process: hex::encode(bytes),
            next: AtomicU64::new(0),
            held: Mutex::default(),
            seen: Mutex::default(),
            renewal: std::sync::Once::new(),
        }))
    }

    /// Takes a job; `None` if this or another process has it, or may have it.
    pub(super) fn take(&self, id: &JobId, key: &str) -> Result<Option<Holder>, Unavailable> {
        let shared = &self.0;
        if lock(&shared.held).contains_key(id) {
            return Ok(None);
        }
        let found = shared.objects.get(key, None)?.found();
        let before = found.map(|(_, version)| version);
        if let Some(version) = &before
            && !shared.has_expired(id, version)
        {
            return Ok(None);
        }
        let Some(version) = shared.replace(key, before.as_ref())? else { return Ok(None) };
        lock(&shared.seen).remove(id);
        lock(&shared.held).insert(id.clone(), Held { key: key.to_owned(), version });
        let renewed = Arc::downgrade(shared);
        shared.renewal.call_once(|| {
            // Without this thread, another process does the same job again.
            let _ = thread::Builder::new().name("leases".to_owned()).spawn(move || renew(&renewed));
        });
        Ok(Some(Holder { shared: Arc::clone(shared), id: id.clone() }))
    }
}

impl Shared {
    /// Whether a lease was seen first so long ago that its process would have renewed it.
    fn has_expired(&self, id: &JobId, version: &Version) -> bool {
        let mut seen = lock(&self.seen);
        // Those of jobs that ended are of no interest any more.
        seen.retain(|_, (_, since)| since.elapsed() < 10 * EXPIRY);
        match seen.get(id) {
            Some((before, since)) if before == version => since.elapsed() >= EXPIRY,
            _ => {
                seen.insert(id.clone(), (version.clone(), Instant::now()));
                false
            }
        }
    }

    /// Stores a lease of this process in place of this version; `None` if another process has replaced it.
    fn replace(&self, key: &str, before: Option<&Version>) -> Result<Option<Version>, Unavailable> {
        let content = format!("{}-{}", self.process, self.next.fetch_add(1, Ordering::Relaxed));
        let put = self.objects.put(key, content.clone().into_bytes(), Condition::unchanged(before))?;
        if put.is_some() {
            return Ok(put);
        }
        // The answer to the first attempt may have been lost.
        let found = self.objects.get(key, None)?.found();
        Ok(found.filter(|(bytes, _)| *bytes == content.as_bytes()).map(|(_, version)| version))
    }

    fn renew_all(&self) {
        let held: Vec<(JobId, String, Version)> = lock(&self.held)
            .iter()
            .map(|(id, held)| (id.clone(), held.key.clone(), held.version.clone()))
            .collect();
        for (id, key, version) in held {
            match self.replace(&key, Some(&version)) {
                Ok(Some(renewed)) => {
                    if let Some(held) = lock(&self.held).get_mut(&id) {
                        held.version = renewed;
                    } else {
                        // It was released in between.
                        let _ = self.objects.delete(&key);
                    }
                }
                Ok(None) => {
                    if lock(&self.held).remove(&id).is_some() {
                        tracing::warn!("another server has taken a job of this one, or it was removed");
                    }
                }
                Err(error) => tracing::warn!(%error, "the lease of a job could not be renewed"),
            }
        }
    }
}

fn renew(shared: &Weak<Shared>) {
    loop {
        thread::sleep(RENEWAL);
        let Some(shared) = shared.upgrade() else { return };
        shared.renew_all();
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let Some(held) = lock(&self.shared.held).remove(&self.id) else { return };
        let shared = Arc::clone(&self.shared);
        // A lease that stays is taken after its expiry. The caller may be an async worker, which must not wait.
        let _ = thread::Builder::new().spawn(move || shared.objects.delete(&held.key));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
