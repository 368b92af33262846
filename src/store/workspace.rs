//! The hidden directory where everything half-made lives: on the same file
//! system as the models, so that one rename publishes or deletes.
//!
//! ```text
//! .mlbackend/gate          lock: one process at a time makes or clears sessions
//! .mlbackend/locks/*       locks of models, see `lock`
//! .mlbackend/last-run      the newest evaluation run's id
//! .mlbackend/sessions/*/   one per open store; its file `alive` is locked as long as it lives
//! .mlbackend/sessions/*/N  something half-made, or on its way to be removed
//! .mlbackend/sessions/*/ID.N  the mark of work that has begun under a model id, see `begun`
//! ```
//! Identifiers never hold a dot, so no model can have this name. Other live
//! processes may share the directory: a session whose `alive` is locked is left
//! alone, any other is what a crash left and is cleared. Sessions are made and
//! cleared behind the gate, so none is ever seen before it is locked.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

use jiff::Timestamp;

use super::error::{During, StoreError};
use super::files::{self, NewDirs, entries};
use super::key::RunId;
use super::lock::{FileLock, is_held, lock_file};
use crate::fs::failpoints::failpoint;
use crate::fs::nofollow::{Kind, NoFollowPath};

/// The hidden directory's name.
pub const NAME: &str = ".mlbackend";
const SESSIONS: &str = "sessions";
const LOCKS: &str = "locks";

/// The hidden directory of a data directory or of a model directory.
#[derive(Debug)]
pub struct Workspace {
    dir: NoFollowPath,
    stage: Mutex<Stage>,
    /// Shared by those who just move something to its place: the end of the session waits for them.
    moving: RwLock<()>,
}

/// How far this process has come in a workspace.
#[derive(Debug)]
enum Stage {
    /// Nothing was needed yet.
    Idle,
    /// A session is there.
    Open(Arc<Session>),
    /// The process ends: there will be no other session.
    Abandoned,
}

impl Workspace {
    /// The workspace inside `root`; nothing is made before it is needed.
    pub fn of(root: &NoFollowPath) -> Self {
        Self { dir: root.join(NAME), stage: Mutex::new(Stage::Idle), moving: RwLock::new(()) }
    }

    /// Starts the session, clearing what crashed ones left.
    pub fn open(&self) -> Result<(), StoreError> {
        self.session().map(drop)
    }

    /// Ends the session for good and removes it with all that is half-made in it, though others may still
    /// hold it. Waits for those who are [`Self::moving`] something.
    pub fn abandon(&self) {
        let _nobody_moves = self.moving.write().unwrap_or_else(PoisonError::into_inner);
        let stage = std::mem::replace(
            &mut *self.stage.lock().unwrap_or_else(PoisonError::into_inner),
            Stage::Abandoned,
        );
        let Stage::Open(session) = stage else { return };
        if let Err(error) = files::remove(&session.place) {
            tracing::warn!(%error, "something half-made stays until the next start");
        }
    }

    /// Keeps the session from being abandoned while something whole is moved to its place: it gets there as a
    /// whole or not at all. Take it after the tree lock, and for a few renames only.
    pub fn moving(&self) -> RwLockReadGuard<'_, ()> {
        self.moving.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the lock of that name.
    pub fn lock(&self, name: &str) -> Result<FileLock, StoreError> {
        FileLock::acquire(&self.locks().join(name))
    }

    /// The same for read-only use, which leaves nothing behind: `None` where nothing has ever been locked.
    pub fn lock_if_used(&self, name: &str) -> Result<Option<FileLock>, StoreError> {
        match files::kind(&self.locks())? {
            Some(Kind::Directory) => self.lock(name).map(Some),
            _ => Ok(None),
        }
    }

    /// A new mark of work under this name; it vanishes with its handle, or in [`Self::take_marks`].
    pub fn mark(&self, name: &str) -> Result<Temporary, StoreError> {
        let session = self.session()?;
        let number = session.made.fetch_add(1, Ordering::Relaxed);
        let place = session.place.join(format!("{name}.{number}"));
        failpoint("make a mark").and_then(|()| place.create_new()).during("make", &place)?;
        Ok(Temporary { place, session })
    }

    /// Removes the marks of that name in the sessions of all processes, as far as that can be done.
    pub fn take_marks(&self, name: &str) -> Result<(), StoreError> {
        let sessions = self.sessions();
        let mut failed = Ok(());
        // A link is no session.
        for session in entries(&sessions)?.into_iter().filter(|entry| entry.kind == Kind::Directory) {
            match take_marks_of(&sessions.join(&session.name), name) {
                // That of another user, who can publish nothing here either.
                Err(error) if error.is_denied() => {
                    tracing::warn!(%error, "a session of another user is left alone");
                }
                taken => failed = failed.and(taken),
            }
        }
        failed
    }

    /// A new empty directory that vanishes with its handle, or after a crash with the next start.
    pub fn temporary(&self) -> Result<Temporary, StoreError> {
        let temporary = self.free_place()?;
        files::create_dir(&temporary.place).during("make the directory", &temporary.place)?;
        Ok(temporary)
    }

    /// Takes a directory, file or link away in one rename (that works on a full disk, too); its parent is
    /// not synced.
    pub fn take(&self, place: &NoFollowPath) -> Result<Temporary, StoreError> {
        let temporary = self.free_place()?;
        files::rename(place, &temporary.place)?;
        Ok(temporary)
    }

    fn free_place(&self) -> Result<Temporary, StoreError> {
        let session = self.session()?;
        let place = session.place.join(session.made.fetch_add(1, Ordering::Relaxed).to_string());
        Ok(Temporary { place, session })
    }

    /// A run id that is unique across processes: the time, or one more than the last one.
    pub fn next_run(&self, taken: impl Fn(RunId) -> Result<bool, StoreError>) -> Result<RunId, StoreError> {
        let place = self.dir.join("last-run");
        let mut file = lock_file(&place)?;
        let mut text = String::new();
        // An unreadable number only costs the guard against a clock that was set back.
        let last = file.read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok()).unwrap_or(0u64);
        let now = u64::try_from(Timestamp::now().as_millisecond()).unwrap_or(0);
        let mut id = now.max(last.saturating_add(1));
        while taken(RunId(id))? {
            id = id.saturating_add(1);
        }
        // Always as long, so that it is overwritten and never cut.
        let write = failpoint("write a number")
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{id:020}"));
        write.during("write", &place)?;
        Ok(RunId(id))
    }

    /// The session of this process; a new one when the directory has been cleared.
    fn session(&self) -> Result<Arc<Session>, StoreError> {
        let mut stage = self.stage.lock().unwrap_or_else(PoisonError::into_inner);
        match &*stage {
            Stage::Abandoned => return Err(StoreError::Ended { path: self.sessions().path() }),
            Stage::Open(session) if session.exists() => return Ok(Arc::clone(session)),
            Stage::Open(_) | Stage::Idle => {}
        }
        let _gate = FileLock::acquire(&self.dir.join("gate"))?;
        self.clear_sessions()?;
        self.clear_locks()?;
        let session = Arc::new(Session::start(&self.sessions())?);
        *stage = Stage::Open(Arc::clone(&session));
        Ok(session)
    }

    /// Call it behind the gate.
    fn clear_sessions(&self) -> Result<(), StoreError> {
        let sessions = self.sessions();
        for entry in entries(&sessions)? {
            if let Err(error) = clear_session(&sessions.join(&entry.name), entry.kind) {
                tracing::warn!(%error, "what a crash left half-made stays");
            }
        }
        Ok(())
    }

    /// The names of what dead processes have left, below the hidden directory, and what it is; changes nothing.
    /// A link there belongs to no session and is removed as well.
    pub fn leftovers(&self) -> Result<Vec<(String, Kind)>, StoreError> {
        let mut left = Vec::new();
        for (part, held) in [(SESSIONS, Some(ALIVE)), (LOCKS, None)] {
            for entry in entries(&self.dir.join(part))? {
                let place = self.dir.join(part).join(&entry.name);
                let lock = held.map_or_else(|| place.clone(), |held| place.join(held));
                let in_use = match is_held(&lock) {
                    Err(StoreError::Link { .. }) => false,
                    held => held?,
                };
                // A lock that has been released in between is gone.
                if !in_use && files::kind(&place)?.is_some() {
                    left.push((format!("{part}/{}", entry.name.to_string_lossy()), entry.kind));
                }
            }
        }
        Ok(left)
    }

    fn clear_locks(&self) -> Result<(), StoreError> {
        let locks = self.locks();
        for entry in entries(&locks)? {
            let place = locks.join(&entry.name);
            let cleared = match entry.kind {
                Kind::Link => files::remove(&place),
                // Dropping a free lock removes its file.
                _ => FileLock::take_free(&place).map(drop),
            };
            if let Err(error) = cleared {
                tracing::warn!(%error, "an unused lock file stays");
            }
        }
        Ok(())
    }

    fn sessions(&self) -> NoFollowPath {
        self.dir.join(SESSIONS)
    }

    fn locks(&self) -> NoFollowPath {
        self.dir.join(LOCKS)
    }
}

fn take_marks_of(session: &NoFollowPath, name: &str) -> Result<(), StoreError> {
    for entry in entries(session)? {
        let marked = entry.name.to_str().and_then(|mark| mark.rsplit_once('.'));
        if marked.is_some_and(|(marked, _)| marked == name) {
            files::remove(&session.join(&entry.name))?;
        }
    }
    Ok(())
}

/// A directory or a mark that vanishes with its handle, unless it was moved or taken away.
#[derive(Debug)]
pub struct Temporary {
    place: NoFollowPath,
    session: Arc<Session>,
}

impl Temporary {
    /// Where it is.
    pub fn place(&self) -> &NoFollowPath {
        &self.place
    }

    /// Whether it has been removed; [`StoreError::Ended`] when the whole session is gone.
    pub fn was_taken(&self) -> Result<bool, StoreError> {
        if files::kind(&self.place)?.is_some() {
            return Ok(false);
        }
        if self.session.exists() {
            Ok(true)
        } else {
            Err(StoreError::Ended { path: self.session.place.path() })
        }
    }

    /// Removes it now, and tells when that fails.
    pub fn remove(self) -> Result<(), StoreError> {
        files::remove(&self.place)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Err(error) = files::remove(&self.place) {
            tracing::warn!(%error, "something half-made stays until the next start");
        }
    }
}

/// The file of a session that is locked as long as the session lives.
const ALIVE: &str = "alive";

/// What one open store has half-made.
#[derive(Debug)]
struct Session {
    place: NoFollowPath,
    alive: File,
    made: AtomicU64,
}

impl Session {
    /// Call it behind the gate.
    fn start(sessions: &NoFollowPath) -> Result<Self, StoreError> {
        NewDirs::ensure(sessions)?.keep();
        // The time, so that no name ever comes back; the process, for people who look.
        let place = sessions.join(format!("{}-{}", Timestamp::now().as_nanosecond(), process::id()));
        files::create_dir(&place).during("make the directory", &place)?;
        let alive = lock_file(&place.join(ALIVE))?;
        Ok(Self { place, alive, made: AtomicU64::new(0) })
    }

    fn exists(&self) -> bool {
        self.place.join(ALIVE).holds(&self.alive).unwrap_or(false)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Failing is harmless: the next start clears it.
        let _ = files::remove(&self.place);
    }
}

/// Removes the session unless its process lives.
fn clear_session(session: &NoFollowPath, kind: Kind) -> Result<(), StoreError> {
    let alive = session.join(ALIVE);
    // A link, or a link for a lock, is no session.
    let lockable = kind == Kind::Directory && files::kind(&alive)? != Some(Kind::Link);
    // The lock is held while the rest is removed.
    let lock = if lockable { FileLock::take_free(&alive)? } else { None };
    if lockable && lock.is_none() && files::kind(&alive)?.is_some() {
        return Ok(());
    }
    files::remove(session)
}
