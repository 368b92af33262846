//! Leases in a bucket: a process that has something replaces an object again and again, until it gives it back or ends.
//!
//! Owns who has what. No clocks are compared: another process takes a lease when it has seen the same one for [`LEASE_EXPIRY`] by
//! its own clock. Must not know what is leased.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use super::objects::{Condition, Objects, Unavailable, Version};

/// A lease that stays the same for this long has no process any more.
pub(crate) const LEASE_EXPIRY: Duration = Duration::from_secs(30);
/// A few renewals can fail before others think that the process has ended.
const RENEWAL: Duration = Duration::from_secs(8);

/// The leases of this process in one bucket, and those of others that it has seen.
pub(crate) struct Leases(Arc<Shared>);

struct Shared {
    objects: Arc<dyn Objects>,
    /// Distinguishes the leases of this process from those of others.
    process: String,
    next: AtomicU64,
    /// By their keys.
    held: Mutex<HashMap<String, Version>>,
    /// Leases of others, and when they were seen first.
    seen: Mutex<HashMap<String, (Version, Instant)>>,
    /// Locked while a lease is renewed or given back: what was given back must not be stored again, because it may be another
    /// process's by then.
    changing: Mutex<()>,
    renewal: Once,
}

/// A lease of this process, until this is dropped.
pub(crate) struct Lease {
    shared: Arc<Shared>,
    key: String,
}

impl Leases {
    /// Those of a process that begins to use the bucket.
    pub(crate) fn of(objects: &Arc<dyn Objects>) -> Self {
        let mut bytes = [0; 8];
        getrandom::fill(&mut bytes).expect("the system has random numbers");
        Self(Arc::new(Shared {
            objects: Arc::clone(objects),
            process: hex::encode(bytes),
            next: AtomicU64::new(0),
            held: Mutex::default(),
            seen: Mutex::default(),
            changing: Mutex::default(),
            renewal: Once::new(),
        }))
    }

    /// Takes the lease with this key; `None` if this or another process has it, or may have it.
    pub(crate) fn take(&self, key: &str) -> Result<Option<Lease>, Unavailable> {
        let shared = &self.0;
        if lock(&shared.held).contains_key(key) {
            return Ok(None);
        }
        let found = shared.objects.get(key, None)?.found();
        let before = found.map(|(_, version)| version);
        if let Some(version) = &before
            && !shared.has_expired(key, version)
        {
            return Ok(None);
        }
        let Some(version) = shared.replace(key, before.as_ref())? else { return Ok(None) };
        lock(&shared.seen).remove(key);
        lock(&shared.held).insert(key.to_owned(), version);
        let renewed = Arc::downgrade(shared);
        shared.renewal.call_once(|| {
            // Without this thread, the lease expires: another process takes it.
            let _ = thread::Builder::new().name("leases".to_owned()).spawn(move || renew(&renewed));
        });
        Ok(Some(Lease { shared: Arc::clone(shared), key: key.to_owned() }))
    }
}

impl Shared {
    /// Whether a lease was seen first so long ago that its process would have renewed it.
    fn has_expired(&self, key: &str, version: &Version) -> bool {
        let mut seen = lock(&self.seen);
        // Those that were given back are of no interest any more.
        seen.retain(|_, (_, since)| since.elapsed() < 10 * LEASE_EXPIRY);
        match seen.get(key) {
            Some((before, since)) if before == version => since.elapsed() >= LEASE_EXPIRY,
            _ => {
                seen.insert(key.to_owned(), (version.clone(), Instant::now()));
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
        let keys: Vec<String> = lock(&self.held).keys().cloned().collect();
        keys.iter().for_each(|key| self.renew(key));
    }

    /// Renews a lease, unless it was given back in between.
    fn renew(&self, key: &str) {
        let _changing = lock(&self.changing);
        let Some(version) = lock(&self.held).get(key).cloned() else { return };
        match self.replace(key, Some(&version)) {
            Ok(Some(renewed)) => {
                if let Some(held) = lock(&self.held).get_mut(key) {
                    *held = renewed;
                }
            }
            Ok(None) => {
                if lock(&self.held).remove(key).is_some() {
                    tracing::warn!(key, "another server has taken this lease, or what it is for was removed");
                }
            }
            Err(error) => tracing::warn!(key, %error, "a lease could not be renewed"),
        }
    }

    fn give_back(&self, key: &str) {
        let _changing = lock(&self.changing);
        let Some(version) = lock(&self.held).remove(key) else { return };
        let given_back = self.objects.get(key, None).and_then(|got| match got.found() {
            Some((_, found)) if found == version => self.objects.delete(key),
            // Another process has taken it after a pause of this one.
            _ => Ok(()),
        });
        if let Err(error) = given_back {
            // It expires.
            tracing::debug!(key, %error, "a lease could not be removed");
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

impl Lease {
    /// Gives it back, and waits for that.
    pub(crate) fn give_back(self) {
        self.shared.give_back(&self.key);
    }

    /// Lets it expire, as the end of the process does.
    pub(crate) fn abandon(self) {
        lock(&self.shared.held).remove(&self.key);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if lock(&self.shared.held).contains_key(&self.key) {
            let (shared, key) = (Arc::clone(&self.shared), self.key.clone());
            // The caller may be an async worker, which must not wait.
            let _ = thread::Builder::new().spawn(move || shared.give_back(&key));
        }
    }
}

impl fmt::Debug for Leases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Leases").field(&self.0.process).finish()
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Lease").field(&self.key).finish()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::super::memory::Memory;
    use super::*;
    use rstest::rstest;

    fn processes() -> (Arc<Memory>, [Leases; 2]) {
        let memory = Arc::new(Memory::default());
        let objects: Arc<dyn Objects> = Arc::<Memory>::clone(&memory);
        let leases = [(); 2].map(|()| Leases::of(&objects));
        (memory, leases)
    }

    #[test]
    fn a_lease_belongs_to_one_process_until_it_is_given_back() {
        let (memory, [one, other]) = processes();
        let lease = one.take("key").expect("reachable").expect("free");
        assert!(one.take("key").expect("reachable").is_none());
        assert!(other.take("key").expect("reachable").is_none());
        lease.give_back();
        assert!(memory.keys().is_empty());
        assert!(other.take("key").expect("reachable").is_some());
    }

    #[test]
    fn a_lease_that_is_renewed_never_expires_for_others() {
        let (_, [one, other]) = processes();
        let lease = one.take("key").expect("reachable").expect("free");
        let since = |other: &Leases| lock(&other.0.seen).get("key").expect("seen").1;
        assert!(other.take("key").expect("reachable").is_none());
        let first = since(&other);
        assert!(other.take("key").expect("reachable").is_none());
        assert_eq!(since(&other), first, "it is the same one");
        one.0.renew_all();
        assert!(other.take("key").expect("reachable").is_none());
        assert!(since(&other) > first, "it is a new one");
        lease.give_back();
    }

    #[rstest]
    fn a_lease_that_was_not_renewed_is_taken_and_its_first_process_does_not_remove_it(
        #[values(true, false)] notices: bool,
    ) {
        let (_, [one, other]) = processes();
        let lease = one.take("key").expect("reachable").expect("free");
        assert!(other.take("key").expect("reachable").is_none());
        let expired = Instant::now().checked_sub(LEASE_EXPIRY).expect("the machine runs for longer");
        lock(&other.0.seen).get_mut("key").expect("seen").1 = expired;
        let taken = other.take("key").expect("reachable").expect("expired");
        if notices {
            one.0.renew_all();
            assert!(lock(&one.0.held).is_empty());
        }
        lease.give_back();
        assert!(one.take("key").expect("reachable").is_none());
        drop(taken);
    }

    #[test]
    fn a_lease_that_was_given_back_is_not_renewed() {
        let (memory, [one, _]) = processes();
        let lease = one.take("key").expect("reachable").expect("free");
        lease.give_back();
        one.0.renew("key");
        assert!(memory.keys().is_empty());
    }
}
