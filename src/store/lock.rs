//! Locks that hold across threads and processes.
//!
//! A lock is an exclusive lock on an open file; the system releases it when its
//! process ends, however it ends. The file is removed on release so that lock
//! files do not pile up. A process that waited for the removed file would then hold a
//! lock on a file that no other process can find, so after locking each process checks that
//! the name still leads to the locked file, and starts again when it does not.

use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::sync::Arc;

use super::deletion_guard::DeletionGuard;
use super::error::{During, StoreError};
use super::files::{self, NewDirs, existing};
use crate::fs::failpoints::failpoint;
use crate::fs::nofollow::NoFollowPath;

/// Held while a model is changed; released when dropped.
#[derive(Debug)]
pub struct ModelLock {
    pub(super) model_dir: PathBuf,
    pub(super) begun: Arc<DeletionGuard>,
    pub(super) _file: FileLock,
}

/// An exclusive lock on a file that exists only while it is held or waited for.
#[derive(Debug)]
pub struct FileLock {
    place: NoFollowPath,
    file: File,
}

impl FileLock {
    /// Waits for the lock. Two locks of one place in one thread wait for each other for ever.
    pub fn acquire(place: &NoFollowPath) -> Result<Self, StoreError> {
        lock_file(place).map(|file| Self { place: place.clone(), file })
    }

    /// Takes the lock when it is free; `None` when it is held or gone.
    pub fn take_free(place: &NoFollowPath) -> Result<Option<Self>, StoreError> {
        let Some(file) = existing(place.open_for_writing()).during("open", place)? else {
            return Ok(None);
        };
        match file.try_lock() {
            Ok(()) if place.holds(&file).during("look at", place)? => {
                Ok(Some(Self { place: place.clone(), file }))
            }
            Ok(()) | Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error).during("lock", place),
        }
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // Only while it is still ours: an administrator may have cleared the directory.
        if self.place.holds(&self.file).unwrap_or(false) {
            let _ = failpoint("let go of a lock").and_then(|()| self.place.remove_file());
        }
    }
}

/// Whether a living process holds the lock on this file; changes nothing.
pub fn is_held(place: &NoFollowPath) -> Result<bool, StoreError> {
    let Some(file) = existing(files::open(place)).during("open", place)? else { return Ok(false) };
    match file.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error).during("lock", place),
    }
}

/// Opens and locks a file, made when there is none; the lock goes when it is closed.
pub fn lock_file(place: &NoFollowPath) -> Result<File, StoreError> {
    loop {
        let file = open_or_create(place)?;
        failpoint("lock").and_then(|()| uninterrupted(|| file.lock())).during("lock", place)?;
        if place.holds(&file).during("look at", place)? {
            return Ok(file);
        }
    }
}

fn open_or_create(place: &NoFollowPath) -> Result<File, StoreError> {
    let open = || failpoint("open a lock").and_then(|()| place.open_or_create());
    match open() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            if let Some(parent) = place.parent() {
                NewDirs::ensure(&parent)?.keep();
            }
            open()
        }
        result => result,
    }
    .during("open", place)
}

fn uninterrupted(mut wait: impl FnMut() -> io::Result<()>) -> io::Result<()> {
    loop {
        match wait() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn only_one_thread_holds_a_lock_and_no_file_stays() {
        let dir = tempfile::tempdir().unwrap();
        let place = NoFollowPath::top(dir.path()).join("locks/one");
        let inside = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let _lock = FileLock::acquire(&place).unwrap();
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two hold the lock");
                        inside.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert_eq!(place.kind().unwrap(), None);
    }

    #[test]
    fn a_held_lock_is_not_taken_and_a_left_one_is() {
        let dir = tempfile::tempdir().unwrap();
        let place = NoFollowPath::top(dir.path()).join("one");
        let held = FileLock::acquire(&place).unwrap();
        assert!(FileLock::take_free(&place).unwrap().is_none());
        drop(held);
        assert!(FileLock::take_free(&place).unwrap().is_none(), "it is gone");
        place.create_new().unwrap();
        assert!(FileLock::take_free(&place).unwrap().is_some());
        assert_eq!(place.kind().unwrap(), None);
    }
}
