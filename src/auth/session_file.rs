//! The file with the keys of sessions, which all servers on one data directory share.
//!
//! Owns how it is changed: under a lock, and with one rename, so that a reader never sees a part of it. Must not know what
//! the keys are used for.

use std::fs::File;
use std::io::{self, ErrorKind, Write as _};
use std::sync::Arc;

use super::session::Session;
use super::session_keys::SessionKeys;
use crate::fs::failpoints::failpoint;
use crate::fs::nofollow::NoFollowPath;
use crate::fs::shared_file::SharedFile;

const KEYS: &str = "sessions.json";
const NEW: &str = "sessions.json.new";
const LOCK: &str = "sessions.lock";

/// The file in its directory, which is created when it is needed.
#[derive(Debug, Clone)]
pub(crate) struct SessionFile {
    place: Place,
}

#[derive(Debug, Clone)]
enum Place {
    Directory(Directory),
    /// What servers on several machines share.
    Shared(Arc<dyn SharedFile>),
}

/// A directory with the file in it.
#[derive(Debug, Clone)]
struct Directory {
    dir: NoFollowPath,
}

/// How often a change that meets changes of other machines is tried again.
const ATTEMPTS: usize = 20;

impl SessionFile {
    pub(crate) fn in_dir(dir: NoFollowPath) -> Self {
        Self { place: Place::Directory(Directory { dir }) }
    }

    pub(crate) fn shared(file: Arc<dyn SharedFile>) -> Self {
        Self { place: Place::Shared(file) }
    }

    /// The keys, after a new one was made if there is none or the newest is too old. `now` is in seconds since 1970. Do not
    /// call this on an async worker.
    ///
    /// # Errors
    /// Those of the system.
    pub(crate) fn keys(&self, now: u64) -> io::Result<SessionKeys> {
        match self.read()? {
            Some(keys) if !keys.needs_rotation(now) => Ok(keys),
            _ => self.change(|keys| keys.rotated(now).map_err(io::Error::other)),
        }
    }

    /// Ends a session: its tokens are invalid from now on.
    ///
    /// # Errors
    /// Those of the system.
    pub(crate) fn end(&self, session: &Session, now: u64) -> io::Result<()> {
        self.change(|keys| Ok(keys.with_ended(session, now))).map(drop)
    }

    fn read(&self) -> io::Result<Option<SessionKeys>> {
        match &self.place {
            Place::Directory(directory) => directory.read(),
            Place::Shared(file) => Ok(file.read()?.and_then(|(bytes, _)| parsed(&bytes))),
        }
    }

    fn change(&self, change: impl Fn(SessionKeys) -> io::Result<SessionKeys>) -> io::Result<SessionKeys> {
        let file = match &self.place {
            Place::Directory(directory) => return directory.change(change),
            Place::Shared(file) => file,
        };
        for _ in 0..ATTEMPTS {
            let stored = file.read()?;
            let (bytes, version) = stored.unzip();
            let before = bytes.as_deref().and_then(parsed);
            let keys = change(before.unwrap_or_default())?;
            if file.replace(serde_json::to_vec(&keys)?, version.as_deref())? {
                return Ok(keys);
            }
        }
        Err(io::Error::other("other servers changed the keys of sessions at the same time"))
    }
}

/// `None` if they are damaged: new keys then end all sessions.
fn parsed(bytes: &[u8]) -> Option<SessionKeys> {
    let keys = serde_json::from_slice(bytes);
    if keys.is_err() {
        tracing::warn!("the file of the dashboard's session keys is damaged; all users sign in again");
    }
    keys.ok()
}

impl Directory {
    /// `None` if there is no file, or a damaged one: new keys then end all sessions.
    fn read(&self) -> io::Result<Option<SessionKeys>> {
        match self.dir.join(KEYS).read() {
            Ok(bytes) => Ok(parsed(&bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn change(&self, change: impl Fn(SessionKeys) -> io::Result<SessionKeys>) -> io::Result<SessionKeys> {
        self.create_dir()?;
        let lock = failpoint("lock the session keys").and_then(|()| self.dir.join(LOCK).open_or_create())?;
        // Released when the file is closed.
        lock.lock()?;
        let keys = change(self.read()?.unwrap_or_default())?;
        let (new, path) = (self.dir.join(NEW), self.dir.join(KEYS));
        match new.remove_file() {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = failpoint("write the session keys").and_then(|()| new.create_new())?;
        file.write_all(&serde_json::to_vec(&keys)?)?;
        file.sync_all()?;
        failpoint("publish the session keys").and_then(|()| new.rename(&path))?;
        self.sync()?;
        drop(lock);
        Ok(keys)
    }

    fn create_dir(&self) -> io::Result<()> {
        let missing = std::iter::successors(Some(self.dir.clone()), NoFollowPath::parent);
        let missing: Vec<_> = missing.take_while(|dir| matches!(dir.kind(), Ok(None))).collect();
        for dir in missing.iter().rev() {
            match dir.create_directory() {
                Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.dir.open_directory().and_then(|dir: File| dir.sync_all())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::thread;

    use super::*;

    const NOW: u64 = 1_795_800_000;

    fn file(dir: &tempfile::TempDir) -> SessionFile {
        SessionFile::in_dir(NoFollowPath::root(dir.path()).join(".mlbackend").join("dashboard"))
    }

    #[test]
    fn processes_that_start_at_once_get_the_same_key_and_only_the_owner_can_read_it() {
        let dir = tempfile::tempdir().expect("a directory");
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let file = file(&dir);
                thread::spawn(move || serde_json::to_string(&file.keys(NOW).expect("keys")).expect("JSON"))
            })
            .collect();
        let keys: Vec<String> = threads.into_iter().map(|thread| thread.join().expect("no panic")).collect();
        assert!(keys.iter().all(|one| *one == keys[0]), "{}", keys.len());
        let path = dir.path().join(".mlbackend/dashboard/sessions.json");
        let mode = std::fs::metadata(path).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_session_that_one_server_ends_has_ended_for_another_one() {
        let dir = tempfile::tempdir().expect("a directory");
        let (one, other) = (file(&dir), file(&dir));
        let session = Session::begin("a", NOW).expect("random numbers");
        let token = session.token(&one.keys(NOW).expect("keys"), &[1; 32]).expect("a key");
        let read = |file: &SessionFile| {
            Session::of_token(&token, &file.keys(NOW).expect("keys"), |_| Some([1; 32]), NOW)
        };
        assert_eq!(read(&other), Some(session.clone()));
        one.end(&session, NOW).expect("ended");
        assert_eq!(read(&other), None);
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "files in a temporary directory")]
    fn a_damaged_file_and_what_a_crash_left_are_replaced() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = file(&dir);
        let first = file.keys(NOW).expect("keys");
        let place = dir.path().join(".mlbackend/dashboard");
        std::fs::write(place.join(KEYS), "{").expect("written");
        std::fs::write(place.join(NEW), "half").expect("written");
        let second = file.keys(NOW).expect("keys");
        assert!(first.newest() != second.newest());
        assert!(file.keys(NOW).expect("keys").newest() == second.newest());
        assert!(!place.join(NEW).exists());
    }
}
