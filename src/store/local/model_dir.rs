//! The directory of one model.
//!
//! Owns its paths and locks, and finds the generation to read. Must not know what a generation consists of, nor how it is
//! published.

use std::path::{self, Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::data_dir::LocalStore;
use super::deletion_guard::DeletionGuard;
use super::generation::LocalGeneration;
use super::generations::Generations;
use super::lock::FileLock;
use super::workspace::Workspace;
use crate::fs::nofollow::NoFollowPath;
use crate::store::error::StoreError;
use crate::store::key::{DirHash, ModelId};
use crate::store::retention::Retention;

/// The directory of one model (uniqueid and dirhash).
#[derive(Debug, Clone)]
pub struct LocalModel {
    /// Contains `classifier/` and `logs/`.
    pub(super) dir: NoFollowPath,
    /// What a deletion removes: `dir` or its parent.
    pub(super) tree: NoFollowPath,
    /// The name of the tree lock and of the marks.
    tree_name: String,
    model_lock: String,
    pub(super) workspace: Arc<Workspace>,
    pub(super) retention: Retention,
    guard: Option<Arc<DeletionGuard>>,
}

/// The lock of a model that is being changed; released when dropped.
#[derive(Debug)]
pub struct LocalLock {
    model_dir: PathBuf,
    pub(super) guard: Arc<DeletionGuard>,
    _file: FileLock,
}

impl LocalStore {
    /// The directory of one model. It is created when something is published.
    #[must_use]
    pub fn model(&self, id: &ModelId, hash: &DirHash) -> LocalModel {
        let tree = self.root.join(id.as_str());
        // Both names together may exceed the length of a file name.
        let digest = Sha256::digest(format!("{}/{}", id.as_str(), hash.as_str()));
        LocalModel {
            dir: tree.join(hash.as_str()),
            tree,
            tree_name: id.as_str().to_owned(),
            model_lock: format!("{}.model", hex::encode(digest)),
            workspace: Arc::clone(&self.workspace),
            retention: self.retention,
            guard: None,
        }
    }
}

impl LocalModel {
    /// A model directory outside of a [`LocalStore`], as Moodle's local mode uses it. Nothing is created before
    /// something is locked or stored. It has its own locks: do not use a directory of a running server this way.
    #[must_use]
    pub fn at(dir: &Path) -> Self {
        // Fails only without a working directory, and then all that follows fails, too.
        let dir = NoFollowPath::root(&path::absolute(dir).unwrap_or_else(|_| dir.to_owned()));
        Self {
            workspace: Arc::new(Workspace::of(&dir)),
            tree: dir.clone(),
            dir,
            tree_name: "model_dir".to_owned(),
            model_lock: "model_dir.model".to_owned(),
            retention: Retention::USUAL,
            guard: None,
        }
    }

    /// Starts a job: after a deletion from now on, it publishes nothing. Call this before the job waits for anything;
    /// otherwise [`Self::lock`] or [`Self::begin_run`] starts it. The job ends when the returned value is dropped.
    pub fn begin_job(self) -> Result<Self, StoreError> {
        Ok(Self { guard: Some(self.deletion_guard()?), ..self })
    }

    /// Its path, which identifies it among the models of a server.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.dir.path()
    }

    pub(super) fn deletion_guard(&self) -> Result<Arc<DeletionGuard>, StoreError> {
        match &self.guard {
            Some(guard) => Ok(Arc::clone(guard)),
            None => DeletionGuard::new(&self.workspace, &self.tree_name, &self.tree).map(Arc::new),
        }
    }

    /// Waits until no other job, also of other processes, changes this model. Hold the lock from reading what a training
    /// starts from until publishing. A thread that holds it must not acquire it again.
    pub fn lock(&self) -> Result<LocalLock, StoreError> {
        let guard = self.deletion_guard()?;
        let file = self.workspace.lock(&self.model_lock)?;
        Ok(LocalLock { model_dir: self.dir.path(), guard, _file: file })
    }

    /// The newest published generation, without a lock. `None` if nothing was published, though the Python server may
    /// have a model there. If the files of the newest one are missing or have another size, the one before;
    /// [`StoreError::Corrupt`] if no generation is intact.
    pub fn current(&self) -> Result<Option<LocalGeneration>, StoreError> {
        let classifier = self.classifier();
        if let Some(generation) = classifier.pointed()? {
            return Ok(Some(generation));
        }
        if classifier.is_empty()? {
            return Ok(None);
        }
        // Another process may be publishing the first generation.
        let _tree = self.lock_tree()?;
        classifier.pointed_or_newest()
    }

    /// Like [`Self::current`], but takes no lock and creates no file. While the first generation is being published, it
    /// may return that one.
    pub fn current_read_only(&self) -> Result<Option<LocalGeneration>, StoreError> {
        self.classifier().pointed_or_newest()
    }

    /// Excludes deletions and publications under the same model id.
    pub(super) fn lock_tree(&self) -> Result<FileLock, StoreError> {
        self.workspace.lock(&tree_lock(&self.tree_name))
    }

    /// The tree lock, for a job that holds the model lock.
    pub(super) fn lock_tree_with(&self, lock: &LocalLock) -> Result<FileLock, StoreError> {
        debug_assert_eq!(lock.model_dir, self.dir.path(), "the lock of another model");
        self.lock_tree()
    }

    /// The tree lock for read-only use, which creates no file. `None` where nothing can have been published, or on a disk
    /// that cannot be written to.
    pub(super) fn lock_tree_if_used(&self) -> Option<FileLock> {
        self.workspace.lock_if_used(&tree_lock(&self.tree_name)).ok().flatten()
    }

    pub(super) fn classifier(&self) -> Generations {
        Generations(self.dir.join("classifier"))
    }
}

/// The name of the lock that excludes publications and deletions under one model id.
pub(super) fn tree_lock(id: &str) -> String {
    format!("{id}.tree")
}
