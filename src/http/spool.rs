//! The directory in which uploads lie while they are worked on.
//!
//! Every server has one of its own, so that the next one can tell what a crash
//! left behind from what another server is using.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, TempDir};

use crate::faults::step;

const PREFIX: &str = "moodle-mlbackend-uploads-";
const LOCK: &str = "lock";

/// The directory in which uploads lie while they are worked on; gone with the server.
pub(super) struct Spool {
    dir: TempDir,
    /// Locked as long as the server lives: the system lets go of it even after a crash.
    _lock: File,
}

impl Spool {
    /// Makes the directory, and removes those of servers that are no more.
    pub(super) fn open(parent: &Path) -> io::Result<Self> {
        sweep(parent);
        let dir = tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent)?;
        let lock = File::create_new(dir.path().join(LOCK))?;
        lock.try_lock()?;
        Ok(Self { dir, _lock: lock })
    }

    /// Removes the directory. At the end of the process nobody drops what the workers share.
    pub(super) fn remove(&self) {
        let _ = fs::remove_dir_all(self.dir.path());
    }

    /// A new file, readable by this user alone, that vanishes when it is dropped.
    pub(super) fn file(&self) -> io::Result<NamedTempFile> {
        step("make an upload's file")?;
        tempfile::Builder::new().prefix("upload-").tempfile_in(self.dir.path())
    }
}

/// What cannot be removed stays: it is no reason not to start.
fn sweep(parent: &Path) {
    for left in abandoned(parent) {
        match fs::remove_dir_all(&left) {
            Ok(()) => tracing::info!(dir = %left.display(), "removed uploads that a stopped server left"),
            Err(error) => tracing::warn!(dir = %left.display(), %error, "cannot remove old uploads"),
        }
    }
}

fn abandoned(parent: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let ours = entries.filter(|entry| {
        entry.file_name().to_string_lossy().starts_with(PREFIX)
            && entry.file_type().is_ok_and(|kind| kind.is_dir())
    });
    ours.map(|entry| entry.path())
        .filter(|dir| File::open(dir.join(LOCK)).is_ok_and(|lock| lock.try_lock().is_ok()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_crash_left_is_removed_and_what_is_in_use_is_not() {
        let parent = tempfile::tempdir().expect("a directory");
        let crashed = parent.path().join(format!("{PREFIX}crashed"));
        fs::create_dir(&crashed).expect("a directory");
        for (name, what) in [(LOCK, "a lock that nobody holds"), ("upload-x", "an upload")] {
            File::create_new(crashed.join(name)).expect(what);
        }
        let living = Spool::open(parent.path()).expect("a spool");
        let upload = living.file().expect("a file");
        let other = Spool::open(parent.path()).expect("a second spool");
        assert!(!crashed.exists());
        assert!(upload.path().exists() && other.dir.path().exists());
        drop((upload, living, other));
        assert_eq!(fs::read_dir(parent.path()).expect("readable").count(), 0);
    }
}
