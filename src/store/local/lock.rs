//! Locks between threads and between processes.
//!
//! A lock is an exclusive `flock` of an open file, which the system releases when the process ends. The file is removed
//! on release, so that lock files do not accumulate. A process that waited for a removed file would hold a lock that no
//! other process can find; so after locking, a process checks that the path still leads to the locked file, and starts
//! again if it does not. Must not know what a lock protects.

use std::fs::{File, TryLockError};
use std::io::ErrorKind;

use rustix::fs::{FlockOperation, flock};
use rustix::io::retry_on_intr;

use super::files::{self, existing};
use crate::fs::failpoints::failpoint;
use crate::fs::nofollow::NoFollowPath;
use crate::store::error::{IoContext, StoreError};

/// An exclusive lock on a file that exists only while the lock is held or waited for.
#[derive(Debug)]
pub struct FileLock {
    path: NoFollowPath,
    file: File,
}

impl FileLock {
    /// Waits for the lock. A thread that holds it must not acquire it again: it would wait for ever.
    pub fn acquire(path: &NoFollowPath) -> Result<Self, StoreError> {
        lock_file(path).map(|file| Self { path: path.clone(), file })
    }

    /// `None` if the lock is held, or its file does not exist.
    pub fn try_acquire(path: &NoFollowPath) -> Result<Option<Self>, StoreError> {
        let Some(file) = existing(path.open_for_writing()).context("open", path)? else {
            return Ok(None);
        };
        match file.try_lock() {
            Ok(()) => {
                let is_current = path.leads_to(&file).context("look at", path)?;
                Ok(is_current.then(|| Self { path: path.clone(), file }))
            }
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error).context("lock", path),
        }
    }
}

#[cfg(test)]
impl FileLock {
    /// Its file.
    pub(crate) fn path(&self) -> &NoFollowPath {
        &self.path
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // An administrator may have removed the file, and another process created a new one.
        if self.path.leads_to(&self.file).unwrap_or(false) {
            let _ = failpoint("let go of a lock").and_then(|()| self.path.remove_file());
        }
    }
}

/// Whether a process holds the lock on this file; changes nothing.
pub fn is_held(path: &NoFollowPath) -> Result<bool, StoreError> {
    let Some(file) = files::open(path)? else { return Ok(false) };
    match file.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error).context("lock", path),
    }
}

/// Opens or creates a file and waits for its lock, which is released when the file is closed.
pub fn lock_file(path: &NoFollowPath) -> Result<File, StoreError> {
    loop {
        let file = open_or_create(path)?;
        failpoint("lock")
            .and_then(|()| Ok(retry_on_intr(|| flock(&file, FlockOperation::LockExclusive))?))
            .context("lock", path)?;
        if path.leads_to(&file).context("look at", path)? {
            return Ok(file);
        }
    }
}

fn open_or_create(path: &NoFollowPath) -> Result<File, StoreError> {
    let open = || failpoint("open a lock").and_then(|()| path.open_or_create());
    match open() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            if let Some(parent) = path.parent() {
                files::create_dir_all(&parent)?;
            }
            open()
        }
        result => result,
    }
    .context("open", path)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn one_thread_at_a_time_holds_a_lock_and_its_file_is_removed() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = NoFollowPath::root(dir.path()).join("locks/one");
        let holders = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let _lock = FileLock::acquire(&path).expect("the lock file opens");
                        assert_eq!(holders.fetch_add(1, Ordering::SeqCst), 0, "two threads hold the lock");
                        holders.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert_eq!(path.kind().expect("readable"), None);
    }

    #[test]
    fn try_acquire_takes_a_free_lock_only_if_its_file_exists() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = NoFollowPath::root(dir.path()).join("one");
        let held = FileLock::acquire(&path).expect("the lock file opens");
        assert!(FileLock::try_acquire(&path).expect("the lock file opens").is_none());
        drop(held);
        assert!(FileLock::try_acquire(&path).expect("the lock file opens").is_none(), "the file was removed");
        path.create_new().expect("created");
        assert!(FileLock::try_acquire(&path).expect("the lock file opens").is_some());
        assert_eq!(path.kind().expect("readable"), None);
    }
}
