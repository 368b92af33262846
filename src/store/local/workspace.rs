//! The hidden directory for locks and incomplete files, on the same file system as the models, so that one rename
//! publishes or deletes.
//!
//! ```text
//! .mlbackend/gate             lock: one process at a time creates or clears sessions
//! .mlbackend/locks/*          locks of models, see `lock`
//! .mlbackend/last-run         the id of the newest evaluation run
//! .mlbackend/audit/           the audit trail, which the module `audit` owns
//! .mlbackend/sessions/*/      one per open store; its file `alive` is locked while the session is in use
//! .mlbackend/sessions/*/N     something incomplete, or to be removed
//! .mlbackend/sessions/*/ID.N  the mark of a running job of a model id, see `deletion_guard`
//! ```
//!
//! Identifiers contain no dot, so no model can have this name. Other processes may use the directory: a session whose
//! `alive` is locked is in use, any other is left from a crash and is removed. Sessions are created and cleared while
//! the gate is locked, so no process sees one that is not locked yet. Must not know what a model consists of.

use std::fs::File;
use std::io::{Read, Seek};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

use jiff::Timestamp;

use super::files::{self, entries};
use super::lock::{FileLock, is_held, lock_file};
use crate::fs::failpoints::failpoint;
use crate::fs::nofollow::{Kind, NoFollowPath};
use crate::store::error::{IoContext, StoreError};
use crate::store::key::RunId;

/// The name of the hidden directory.
pub const NAME: &str = ".mlbackend";
const SESSIONS: &str = "sessions";
const LOCKS: &str = "locks";
/// The file in a session that is locked while the session is in use.
const ALIVE: &str = "alive";

/// The hidden directory of a data directory or of a model directory. Nothing in it is created before it is needed.
#[derive(Debug)]
pub struct Workspace {
    dir: NoFollowPath,
    state: Mutex<State>,
    /// Read-locked during the renames of publishing, which the end of the session waits for.
    publishing: RwLock<()>,
}

#[derive(Debug)]
enum State {
    /// No session was needed yet.
    Unused,
    Open(Arc<Session>),
    /// The process ends; there will be no other session.
    Closed,
}

impl Workspace {
    pub fn of(root: &NoFollowPath) -> Self {
        Self { dir: root.join(NAME), state: Mutex::new(State::Unused), publishing: RwLock::new(()) }
    }

    /// Starts the session and removes those that crashes left.
    pub fn open(&self) -> Result<(), StoreError> {
        self.session().map(drop)
    }

    /// Ends the session for good and removes it with everything incomplete in it, though jobs may still use it. Waits for
    /// [`Self::publishing`].
    pub fn close(&self) {
        let _none_is_publishing = self.publishing.write().unwrap_or_else(PoisonError::into_inner);
        let state =
            std::mem::replace(&mut *self.state.lock().unwrap_or_else(PoisonError::into_inner), State::Closed);
        if let State::Open(session) = state {
            remove_or_warn(&session.dir);
        }
    }

    /// Keeps the session open, so that something complete is published entirely or not at all. Acquire it after the tree
    /// lock, and for a few renames only.
    pub fn publishing(&self) -> RwLockReadGuard<'_, ()> {
        self.publishing.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the lock with this name.
    pub fn lock(&self, name: &str) -> Result<FileLock, StoreError> {
        FileLock::acquire(&self.dir.join(LOCKS).join(name))
    }

    /// The same for read-only use, which must create nothing: `None` where nothing was ever locked.
    pub fn lock_if_used(&self, name: &str) -> Result<Option<FileLock>, StoreError> {
        match files::kind(&self.dir.join(LOCKS))? {
            Some(Kind::Directory) => self.lock(name).map(Some),
            _ => Ok(None),
        }
    }

    /// Creates a mark of a running job. [`Self::remove_marks`] removes it, or dropping its handle.
    pub fn mark(&self, name: &str) -> Result<Temporary, StoreError> {
        let session = self.session()?;
        let path = session.dir.join(format!("{name}.{}", session.next_number()));
        failpoint("make a mark").and_then(|()| path.create_new()).context("make", &path)?;
        Ok(Temporary { path, session })
    }

    /// Removes the marks with this name from the sessions of all processes. Returns the first error, after all of them.
    pub fn remove_marks(&self, name: &str) -> Result<(), StoreError> {
        let sessions = self.sessions();
        let mut result = Ok(());
        for session in entries(&sessions)?.into_iter().filter(|entry| entry.kind == Kind::Directory) {
            match remove_marks_in(&sessions.join(&session.name), name) {
                // Another user, who has no permission to publish here either.
                Err(error) if error.is_permission_denied() => {
                    tracing::warn!(%error, "the marks in a session of another user were not removed");
                }
                removed => result = result.and(removed),
            }
        }
        result
    }

    /// Creates an empty directory.
    pub fn temporary(&self) -> Result<Temporary, StoreError> {
        let temporary = self.new_temporary()?;
        files::create_dir(&temporary.path).context("make the directory", &temporary.path)?;
        Ok(temporary)
    }

    /// Moves an entry here in one rename, which works on a full disk, too. Its parent is not synced.
    pub fn take(&self, path: &NoFollowPath) -> Result<Temporary, StoreError> {
        let temporary = self.new_temporary()?;
        files::rename(path, &temporary.path)?;
        Ok(temporary)
    }

    /// A free name for a file or a directory.
    pub fn new_temporary(&self) -> Result<Temporary, StoreError> {
        let session = self.session()?;
        let path = session.dir.join(session.next_number().to_string());
        Ok(Temporary { path, session })
    }

    /// A run id that no other process gets: the current time, or one more than the last id.
    pub fn next_run_id(
        &self,
        exists: impl Fn(RunId) -> Result<bool, StoreError>,
    ) -> Result<RunId, StoreError> {
        let path = self.dir.join("last-run");
        let mut file = lock_file(&path)?;
        let mut text = String::new();
        // Without a readable number, only the protection against a clock that was set back is lost.
        let last = file.read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok()).unwrap_or(0u64);
        let now = u64::try_from(Timestamp::now().as_millisecond()).unwrap_or(0);
        let mut id = now.max(last.saturating_add(1));
        while exists(RunId(id))? {
            id = id.saturating_add(1);
        }
        // The length is constant, so that the file need not be truncated.
        let write = failpoint("write a number")
            .and_then(|()| file.rewind())
            .and_then(|()| files::write_all(&mut file, &path, format!("{id:020}\n").as_bytes()));
        write.context("write", &path)?;
        Ok(RunId(id))
    }

    /// The session of this process; a new one if its directory was removed.
    fn session(&self) -> Result<Arc<Session>, StoreError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match &*state {
            State::Closed => return Err(StoreError::SessionEnded { path: self.sessions().path() }),
            State::Open(session) if session.exists() => return Ok(Arc::clone(session)),
            State::Open(_) | State::Unused => {}
        }
        let _gate = FileLock::acquire(&self.dir.join("gate"))?;
        self.clear(SESSIONS, clear_session)?;
        self.clear(LOCKS, clear_lock)?;
        let session = Arc::new(Session::start(&self.sessions())?);
        *state = State::Open(Arc::clone(&session));
        Ok(session)
    }

    /// Removes what crashes left in one part. Acquire the gate first.
    fn clear(
        &self,
        part: &str,
        clear: fn(&NoFollowPath, Kind) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let dir = self.dir.join(part);
        for entry in entries(&dir)? {
            if let Err(error) = clear(&dir.join(&entry.name), entry.kind) {
                tracing::warn!(%error, "a leftover of a crash was not removed");
            }
        }
        Ok(())
    }

    /// The paths and types of what crashes left below the hidden directory. Links are leftovers, too. Changes nothing.
    pub fn leftovers(&self) -> Result<Vec<(String, Kind)>, StoreError> {
        let mut leftovers = Vec::new();
        for (part, lock) in [(SESSIONS, Some(ALIVE)), (LOCKS, None)] {
            for entry in entries(&self.dir.join(part))? {
                let path = self.dir.join(part).join(&entry.name);
                let in_use = match is_held(&lock.map_or_else(|| path.clone(), |lock| path.join(lock))) {
                    Err(StoreError::Link { .. }) => false,
                    held => held?,
                };
                // A lock may have been released in between.
                if !in_use && files::kind(&path)?.is_some() {
                    leftovers.push((format!("{part}/{}", entry.name.to_string_lossy()), entry.kind));
                }
            }
        }
        Ok(leftovers)
    }

    fn sessions(&self) -> NoFollowPath {
        self.dir.join(SESSIONS)
    }
}

fn remove_marks_in(session: &NoFollowPath, name: &str) -> Result<(), StoreError> {
    for entry in entries(session)? {
        let mark = entry.name.to_str().and_then(|entry| entry.rsplit_once('.'));
        if mark.is_some_and(|(marked, _)| marked == name) {
            files::remove(&session.join(&entry.name))?;
        }
    }
    Ok(())
}

/// Removes a session unless its process is running.
fn clear_session(session: &NoFollowPath, kind: Kind) -> Result<(), StoreError> {
    let alive = session.join(ALIVE);
    // A link in the place of a session or of its lock is no session.
    let is_session = kind == Kind::Directory && files::kind(&alive)? != Some(Kind::Link);
    // Held while the rest is removed.
    let lock = if is_session { FileLock::try_acquire(&alive)? } else { None };
    if is_session && lock.is_none() && files::kind(&alive)?.is_some() {
        return Ok(());
    }
    files::remove(session)
}

fn clear_lock(path: &NoFollowPath, kind: Kind) -> Result<(), StoreError> {
    match kind {
        Kind::Link => files::remove(path),
        // Dropping a free lock removes its file.
        _ => FileLock::try_acquire(path).map(drop),
    }
}

fn remove_or_warn(path: &NoFollowPath) {
    if let Err(error) = files::remove(path) {
        tracing::warn!(%error, "something incomplete stays until the next start");
    }
}

/// A file or directory in a session, removed when dropped unless it was moved away.
#[derive(Debug)]
pub struct Temporary {
    pub path: NoFollowPath,
    session: Arc<Session>,
}

impl Temporary {
    /// Whether it was removed; [`StoreError::SessionEnded`] if the whole session was.
    pub fn was_removed(&self) -> Result<bool, StoreError> {
        if files::kind(&self.path)?.is_some() {
            return Ok(false);
        }
        if self.session.exists() {
            Ok(true)
        } else {
            Err(StoreError::SessionEnded { path: self.session.dir.path() })
        }
    }

    /// Removes it now and reports errors, which dropping only logs.
    pub fn remove(self) -> Result<(), StoreError> {
        files::remove(&self.path)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        remove_or_warn(&self.path);
    }
}

/// The directory for everything incomplete of one open store.
#[derive(Debug)]
struct Session {
    dir: NoFollowPath,
    alive: File,
    numbers: AtomicU64,
}

impl Session {
    /// Acquire the gate first.
    fn start(sessions: &NoFollowPath) -> Result<Self, StoreError> {
        files::create_dir_all(sessions)?;
        // The time makes the name unique; the process id is for administrators.
        let dir = sessions.join(format!("{}-{}", Timestamp::now().as_nanosecond(), process::id()));
        files::create_dir(&dir).context("make the directory", &dir)?;
        let alive = lock_file(&dir.join(ALIVE))?;
        Ok(Self { dir, alive, numbers: AtomicU64::new(0) })
    }

    fn next_number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    fn exists(&self) -> bool {
        self.dir.join(ALIVE).leads_to(&self.alive).unwrap_or(false)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // The next start removes what is left after an error.
        let _ = files::remove(&self.dir);
    }
}
