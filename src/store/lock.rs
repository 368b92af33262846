//! Locks that hold across threads and processes, and whether a tree is still
//! the one it was.
//!
//! A lock is an exclusive lock on an open file; the system releases it when its
//! process ends, however it ends. The file is removed on release so that lock
//! files do not pile up. Whoever waited for the removed file would then hold a
//! lock on a file that nobody else can find, so after locking everyone checks that
//! the name still leads to the locked file, and starts again when it does not.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::error::{During, StoreError};
use super::files::{self, NewDirs, existing, is_at, private};
use crate::faults::step;

/// Held while a model is changed; released when dropped.
#[derive(Debug)]
pub struct ModelLock {
    pub(super) home: PathBuf,
    pub(super) tree: Tree,
    pub(super) _file: FileLock,
}

/// The directory that a deletion takes away, as it was at one moment.
///
/// It is kept open, so that its inode cannot come back as another directory.
#[derive(Debug)]
pub struct Tree(Option<File>);

impl Tree {
    /// Remembers what is at `path` now.
    pub fn now(path: &Path) -> Result<Self, StoreError> {
        existing(files::open(path)).map(Self).during("open", path)
    }

    /// Whether something was there and has been deleted since. Nothing could be read from a tree
    /// that was not there: then it makes no difference.
    pub fn deleted_since(&self, path: &Path) -> Result<bool, StoreError> {
        self.0.as_ref().map_or(Ok(false), |dir| is_at(dir, path).map(|same| !same)).during("look at", path)
    }
}

/// An exclusive lock on a file that exists only while somebody holds or wants it.
#[derive(Debug)]
pub struct FileLock {
    path: PathBuf,
    file: File,
}

impl FileLock {
    /// Waits for the lock. Two locks of one path in one thread wait for each other for ever.
    pub fn acquire(path: &Path) -> Result<Self, StoreError> {
        lock_file(path).map(|file| Self { path: path.to_owned(), file })
    }

    /// Takes the lock when it is free; `None` when it is held or gone.
    pub fn take_free(path: &Path) -> Result<Option<Self>, StoreError> {
        let Some(file) = existing(private().read(true).write(true).open(path)).during("open", path)? else {
            return Ok(None);
        };
        match file.try_lock() {
            Ok(()) if is_at(&file, path).during("look at", path)? => {
                Ok(Some(Self { path: path.to_owned(), file }))
            }
            Ok(()) | Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error).during("lock", path),
        }
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // Only while it is still ours: an administrator may have cleared the directory.
        if is_at(&self.file, &self.path).unwrap_or(false) {
            let _ = step("let go of a lock").and_then(|()| fs::remove_file(&self.path));
        }
    }
}

/// Whether a living process holds the lock on this file; changes nothing.
pub fn is_held(path: &Path) -> Result<bool, StoreError> {
    let Some(file) = existing(files::open(path)).during("open", path)? else { return Ok(false) };
    match file.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error).during("lock", path),
    }
}

/// Opens and locks a file, made when there is none; the lock goes when it is closed.
pub fn lock_file(path: &Path) -> Result<File, StoreError> {
    loop {
        let file = open_or_create(path)?;
        step("lock").and_then(|()| uninterrupted(|| file.lock())).during("lock", path)?;
        if is_at(&file, path).during("look at", path)? {
            return Ok(file);
        }
    }
}

fn open_or_create(path: &Path) -> Result<File, StoreError> {
    let open = || {
        step("open a lock")?;
        private().read(true).write(true).create(true).truncate(false).open(path)
    };
    match open() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            if let Some(parent) = path.parent() {
                NewDirs::ensure(parent)?.keep();
            }
            open()
        }
        result => result,
    }
    .during("open", path)
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
        let path = dir.path().join("locks").join("one");
        let inside = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let _lock = FileLock::acquire(&path).unwrap();
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two hold the lock");
                        inside.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert!(!path.exists());
    }

    #[test]
    fn a_held_lock_is_not_taken_and_a_left_one_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("one");
        let held = FileLock::acquire(&path).unwrap();
        assert!(FileLock::take_free(&path).unwrap().is_none());
        drop(held);
        assert!(FileLock::take_free(&path).unwrap().is_none(), "it is gone");
        File::options().create_new(true).write(true).open(&path).unwrap();
        assert!(FileLock::take_free(&path).unwrap().is_some());
        assert!(!path.exists());
    }

    #[test]
    fn a_tree_made_anew_is_not_the_tree_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("model");
        let before = Tree::now(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(!before.deleted_since(&path).unwrap());
        let first = Tree::now(&path).unwrap();
        assert!(!first.deleted_since(&path).unwrap());
        fs::remove_dir(&path).unwrap();
        assert!(first.deleted_since(&path).unwrap());
        fs::create_dir(&path).unwrap();
        assert!(first.deleted_since(&path).unwrap());
    }
}
