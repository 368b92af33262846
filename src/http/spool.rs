//! The directory in which uploads lie while they are worked on.
//!
//! Every server has one of its own, so that the next one can tell what a crash
//! left behind from what another server is using.

use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::{NamedTempFile, TempDir};

use crate::fs::failpoints::failpoint;

const PREFIX: &str = "moodle-mlbackend-uploads-";
/// A server that starts at the same time may take a new directory for an abandoned one, but hardly again and again.
const TRIES: usize = 5;

/// The directory in which uploads lie while they are worked on; gone with the server.
pub(crate) struct Spool {
    parent: PathBuf,
    dir: Mutex<Locked>,
}

/// A directory that is in use as long as its lock is held: the system lets go of it even after a crash. Those who
/// tidy up old temporary files leave locked directories alone, too (tmpfiles.d).
struct Locked {
    dir: TempDir,
    _lock: File,
}

impl Spool {
    /// Makes the directory, and removes those of servers that are no more.
    pub(crate) fn open(parent: &Path) -> io::Result<Self> {
        sweep(parent);
        Ok(Self { parent: parent.to_owned(), dir: Mutex::new(Locked::make(parent)?) })
    }

    /// Removes the directory. At the end of the process nobody drops what the workers share.
    pub(crate) fn remove(&self) {
        let _ = fs::remove_dir_all(self.dir().dir.path());
    }

    /// A new file, readable by this user alone, that vanishes when it is dropped.
    pub(crate) fn file(&self) -> io::Result<NamedTempFile> {
        failpoint("make an upload's file")?;
        let mut dir = self.dir();
        match dir.file() {
            // Somebody has tidied up all the same.
            Err(error) if error.kind() == ErrorKind::NotFound => {
                *dir = Locked::make(&self.parent)?;
                dir.file()
            }
            made => made,
        }
    }

    fn dir(&self) -> MutexGuard<'_, Locked> {
        self.dir.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Locked {
    fn make(parent: &Path) -> io::Result<Self> {
        for _ in 0..TRIES {
            let made = Self::try_make(parent)?;
            // Not if a server that tidied up came between making and locking it.
            if let Some(locked) = made.filter(|made| made.dir.path().exists()) {
                return Ok(locked);
            }
        }
        Err(ErrorKind::ResourceBusy.into())
    }

    fn try_make(parent: &Path) -> io::Result<Option<Self>> {
        let owner_alone = Permissions::from_mode(0o700);
        let dir = tempfile::Builder::new().prefix(PREFIX).permissions(owner_alone).tempdir_in(parent)?;
        match lock(dir.path()) {
            Ok(lock) => Ok(lock.map(|lock| Self { dir, _lock: lock })),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn file(&self) -> io::Result<NamedTempFile> {
        tempfile::Builder::new().prefix("upload-").tempfile_in(self.dir.path())
    }
}

/// Locks a directory; `None` when it is in use.
fn lock(dir: &Path) -> io::Result<Option<File>> {
    let lock = File::open(dir)?;
    match lock.try_lock() {
        Ok(()) => Ok(Some(lock)),
        Err(fs::TryLockError::WouldBlock) => Ok(None),
        Err(fs::TryLockError::Error(error)) => Err(error),
    }
}

/// What cannot be removed stays: it is no reason not to start.
fn sweep(parent: &Path) {
    for left in of_servers(parent) {
        // Held until it is gone, so that nobody takes it into use.
        let Ok(Some(_lock)) = lock(&left) else { continue };
        match fs::remove_dir_all(&left) {
            Ok(()) => tracing::info!(dir = %left.display(), "removed uploads that a stopped server left"),
            Err(error) => tracing::warn!(dir = %left.display(), %error, "cannot remove old uploads"),
        }
    }
}

fn of_servers(parent: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let ours = entries.filter(|entry| {
        entry.file_name().to_string_lossy().starts_with(PREFIX)
            && entry.file_type().is_ok_and(|kind| kind.is_dir())
    });
    ours.map(|entry| entry.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_crash_left_is_removed_and_what_is_in_use_is_not() {
        let parent = tempfile::tempdir().expect("a directory");
        let crashed = parent.path().join(format!("{PREFIX}crashed"));
        fs::create_dir(&crashed).expect("a directory");
        File::create_new(crashed.join("upload-x")).expect("an upload");
        let living = Spool::open(parent.path()).expect("a spool");
        let upload = living.file().expect("a file");
        let other = Spool::open(parent.path()).expect("a second spool");
        assert!(!crashed.exists());
        assert!(upload.path().exists() && other.dir().dir.path().exists());
        drop((upload, living, other));
        assert_eq!(fs::read_dir(parent.path()).expect("readable").count(), 0);
    }

    #[test]
    fn a_directory_that_somebody_tidied_away_is_made_anew() {
        let parent = tempfile::tempdir().expect("a directory");
        let spool = Spool::open(parent.path()).expect("a spool");
        fs::remove_dir_all(spool.dir().dir.path()).expect("it is there");
        let upload = spool.file().expect("a file");
        assert!(upload.path().starts_with(spool.dir().dir.path()));
        let _other = Spool::open(parent.path()).expect("a second spool");
        assert!(upload.path().exists(), "it is in use");
    }

    #[test]
    fn servers_that_start_at_once_leave_each_other_their_directories() {
        let parent = tempfile::tempdir().expect("a directory");
        std::thread::scope(|scope| {
            let starting: Vec<_> =
                (0..16).map(|_| scope.spawn(|| Spool::open(parent.path()).expect("a spool"))).collect();
            let spools: Vec<_> = starting.into_iter().map(|one| one.join().expect("no panic")).collect();
            for spool in &spools {
                assert!(spool.dir().dir.path().exists());
            }
        });
        assert_eq!(fs::read_dir(parent.path()).expect("readable").count(), 0);
    }
}
