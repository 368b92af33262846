//! The hidden directory where everything half-made lives: on the same file
//! system as the models, so that one rename publishes or deletes.
//!
//! ```text
//! .mlbackend/gate          lock: one process at a time makes or clears sessions
//! .mlbackend/locks/*       locks of models, see `lock`
//! .mlbackend/last-run      the newest evaluation run's id
//! .mlbackend/sessions/*/   one per open store; its file `alive` is locked as long as it lives
//! ```
//! Identifiers never hold a dot, so no model can have this name. Other live
//! processes may share the directory: a session whose `alive` is locked is left
//! alone, any other is what a crash left and is cleared. Sessions are made and
//! cleared behind the gate, so none is ever seen before it is locked.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

use super::error::{During, StoreError};
use super::files::{self, NewDirs, existing, is_at};
use super::id::RunId;
use super::lock::{FileLock, is_held, lock_file};
use crate::faults::step;

/// The hidden directory's name.
pub const NAME: &str = ".mlbackend";

/// The hidden directory of a data directory or of a model directory.
#[derive(Debug)]
pub struct Workspace {
    dir: PathBuf,
    session: Mutex<Option<Arc<Session>>>,
}

impl Workspace {
    /// The workspace inside `root`; nothing is made before it is needed.
    pub fn of(root: &Path) -> Self {
        Self { dir: root.join(NAME), session: Mutex::new(None) }
    }

    /// Starts the session, clearing what crashed ones left.
    pub fn open(&self) -> Result<(), StoreError> {
        self.session().map(drop)
    }

    /// Removes the session with all that is half-made in it, though others may still hold it.
    pub fn abandon(&self) {
        let session = self.session.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Err(error)) = session.map(|session| files::remove(&session.dir)) {
            tracing::warn!(%error, "something half-made stays until the next start");
        }
    }

    /// Waits for the lock of that name.
    pub fn lock(&self, name: &str) -> Result<FileLock, StoreError> {
        FileLock::acquire(&self.locks().join(name))
    }

    /// A new empty directory that vanishes with its handle, or after a crash with the next start.
    pub fn temporary(&self) -> Result<Temporary, StoreError> {
        let temporary = self.free_place()?;
        files::create_dir(&temporary.path).during("make the directory", &temporary.path)?;
        Ok(temporary)
    }

    /// Takes a directory or file away in one rename (that works on a full disk, too); its parent is
    /// not synced.
    pub fn take(&self, path: &Path) -> Result<Temporary, StoreError> {
        let temporary = self.free_place()?;
        files::rename(path, &temporary.path)?;
        Ok(temporary)
    }

    fn free_place(&self) -> Result<Temporary, StoreError> {
        let session = self.session()?;
        let path = session.dir.join(session.made.fetch_add(1, Ordering::Relaxed).to_string());
        Ok(Temporary { path, _session: session })
    }

    /// A run id that nobody got before, in any process: the time, or one more than the last one.
    pub fn next_run(&self, taken: impl Fn(RunId) -> bool) -> Result<RunId, StoreError> {
        let path = self.dir.join("last-run");
        let mut file = lock_file(&path)?;
        let mut text = String::new();
        // An unreadable number only costs the guard against a clock that was set back.
        let last = file.read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok()).unwrap_or(0u64);
        let now = u64::try_from(Timestamp::now().as_millisecond()).unwrap_or(0);
        let mut id = now.max(last.saturating_add(1));
        while taken(RunId(id)) {
            id = id.saturating_add(1);
        }
        // Always as long, so that it is overwritten and never cut.
        let write =
            step("write a number").and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{id:020}"));
        write.during("write", &path)?;
        Ok(RunId(id))
    }

    /// The session of this process; a new one when somebody has cleared the directory.
    fn session(&self) -> Result<Arc<Session>, StoreError> {
        let mut current = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(session) = current.as_ref().filter(|session| session.exists()) {
            return Ok(Arc::clone(session));
        }
        let _gate = FileLock::acquire(&self.dir.join("gate"))?;
        self.clear_sessions()?;
        self.clear_locks()?;
        let session = Arc::new(Session::start(&self.sessions())?);
        *current = Some(Arc::clone(&session));
        Ok(session)
    }

    /// Call it behind the gate.
    fn clear_sessions(&self) -> Result<(), StoreError> {
        for dir in entries(&self.sessions())? {
            if let Err(error) = clear_session(&dir) {
                tracing::warn!(%error, "what a crash left half-made stays");
            }
        }
        Ok(())
    }

    /// The names of what dead processes have left, below the hidden directory; changes nothing.
    pub fn leftovers(&self) -> Result<Vec<String>, StoreError> {
        let mut left = Vec::new();
        for dir in entries(&self.sessions())? {
            if !is_held(&dir.join(ALIVE))? {
                left.push(dir);
            }
        }
        for lock in entries(&self.locks())? {
            if lock.exists() && !is_held(&lock)? {
                left.push(lock);
            }
        }
        let below = |path: &PathBuf| path.strip_prefix(&self.dir).ok()?.to_str().map(str::to_owned);
        Ok(left.iter().filter_map(below).collect())
    }

    fn clear_locks(&self) -> Result<(), StoreError> {
        for path in entries(&self.locks())? {
            // Dropping a free lock removes its file.
            if let Err(error) = FileLock::take_free(&path) {
                tracing::warn!(%error, "an unused lock file stays");
            }
        }
        Ok(())
    }

    fn sessions(&self) -> PathBuf {
        self.dir.join("sessions")
    }

    fn locks(&self) -> PathBuf {
        self.dir.join("locks")
    }
}

/// A directory that vanishes with its handle, unless it was renamed away.
#[derive(Debug)]
pub struct Temporary {
    path: PathBuf,
    _session: Arc<Session>,
}

impl Temporary {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Removes it now, and tells when that fails.
    pub fn remove(self) -> Result<(), StoreError> {
        files::remove(&self.path)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Err(error) = files::remove(&self.path) {
            tracing::warn!(%error, "something half-made stays until the next start");
        }
    }
}

/// The file of a session that is locked as long as the session lives.
const ALIVE: &str = "alive";

/// What one open store has half-made.
#[derive(Debug)]
struct Session {
    dir: PathBuf,
    alive: File,
    made: AtomicU64,
}

impl Session {
    /// Call it behind the gate.
    fn start(sessions: &Path) -> Result<Self, StoreError> {
        NewDirs::ensure(sessions)?.keep();
        // The time, so that no name ever comes back; the process, for people who look.
        let dir = sessions.join(format!("{}-{}", Timestamp::now().as_nanosecond(), process::id()));
        files::create_dir(&dir).during("make the directory", &dir)?;
        let alive = lock_file(&dir.join(ALIVE))?;
        Ok(Self { dir, alive, made: AtomicU64::new(0) })
    }

    fn exists(&self) -> bool {
        is_at(&self.alive, &self.dir.join(ALIVE)).unwrap_or(false)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Failing is harmless: the next start clears it.
        let _ = files::remove(&self.dir);
    }
}

/// Removes the session unless its process lives.
fn clear_session(dir: &Path) -> Result<(), StoreError> {
    let alive = dir.join(ALIVE);
    // The lock is held while the rest is removed.
    let lock = FileLock::take_free(&alive)?;
    if lock.is_none() && alive.try_exists().during("look at", &alive)? {
        return Ok(());
    }
    files::remove(dir)
}

fn entries(dir: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let Some(list) = existing(files::list(dir)).during("list", dir)? else { return Ok(Vec::new()) };
    list.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>().during("list", dir)
}
