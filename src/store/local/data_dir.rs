//! The data directory of a server.
//!
//! Owns opening it and deleting all models of an id. Must not know what is in the directory of a model.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{self, Path};
use std::sync::Arc;

use super::files;
use super::model_dir::tree_lock;
use super::workspace::{NAME, Temporary, Workspace};
use crate::fs::nofollow::NoFollowPath;
use crate::store::error::{IoContext, StoreError};
use crate::store::key::ModelId;
use crate::store::retention::Retention;

/// The data directory of a server.
#[derive(Debug, Clone)]
pub struct LocalStore {
    pub(super) root: NoFollowPath,
    pub(super) workspace: Arc<Workspace>,
    pub(super) retention: Retention,
}

impl LocalStore {
    /// Opens an existing, writable data directory. Removes what crashes left incomplete, but nothing of other running
    /// processes. [`StoreError::Unusable`] states the remedy.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        let store = Self::open_read_only(root)?;
        store
            .workspace
            .open()
            .map_err(|error| StoreError::unusable(&store.root.path(), with_remedy(&error)))?;
        Ok(store)
    }

    /// Opens a data directory without changing anything.
    pub fn open_read_only(root: &Path) -> Result<Self, StoreError> {
        match fs::metadata(root) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(StoreError::unusable(root, "it does not exist; create it, or name another one"));
            }
            Err(error) => return Err(StoreError::unusable(root, error.to_string())),
            Ok(metadata) if !metadata.is_dir() => {
                return Err(StoreError::unusable(root, "it is not a directory; name another one"));
            }
            Ok(_) => {}
        }
        let root = path::absolute(root).map_err(|error| StoreError::unusable(root, error.to_string()))?;
        let root = NoFollowPath::root(&root);
        let workspace = Arc::new(Workspace::of(&root));
        Ok(Self { root, workspace, retention: Retention::USUAL })
    }

    /// The data directory itself.
    pub(crate) fn root(&self) -> &NoFollowPath {
        &self.root
    }

    /// The user id of the server that uses this directory, or else that of the directory's owner.
    pub fn owner(&self) -> Result<u32, StoreError> {
        let workspace = self.root.join(NAME);
        match workspace.metadata() {
            Ok(Some(metadata)) => return Ok(metadata.owner),
            Ok(None) => {}
            // On some file systems not even root has access; the owner can be seen from outside.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {}
            Err(error) => return Err(error).context("look at", &workspace),
        }
        fs::metadata(self.root.path()).map(|metadata| metadata.uid()).context("look at", &self.root)
    }

    /// Sets the retention of all models that [`Self::model`] returns from now on.
    #[must_use]
    pub fn with_retention(self, retention: Retention) -> Self {
        Self { retention, ..self }
    }

    /// Ends the use of this data directory by this process: running jobs can no longer publish, and new ones cannot
    /// start.
    pub fn close(&self) {
        self.workspace.close();
    }

    /// Deletes everything of one model id, also what running jobs are about to publish. Waits only for a publication under
    /// this id. If there is nothing, this is no error. After an error the model is deleted as far as readers can see, or
    /// unchanged.
    pub fn delete(&self, id: &ModelId) -> Result<(), StoreError> {
        let tree = self.root.join(id.as_str());
        let lock = self.workspace.lock(&tree_lock(id.as_str()))?;
        let deleted = files::kind(&tree)?.map(|_| self.workspace.take(&tree)).transpose()?;
        self.workspace.remove_marks(id.as_str())?;
        if deleted.is_some() {
            files::sync_dir(&self.root)?;
        }
        drop(lock);
        match deleted.map_or(Ok(()), Temporary::remove) {
            // NFS keeps open files under another name in the same directory.
            Err(error) if error.is_in_use() => {
                tracing::warn!(%error, "the model is deleted, but files that are still open stay until the server stops");
                Ok(())
            }
            removed => removed,
        }
    }
}

fn with_remedy(error: &StoreError) -> String {
    let remedy = match error {
        StoreError::NoSpace { .. } => "free some space",
        StoreError::Link { .. } => return error.to_string(),
        _ => "it must be writable for the user that runs the server, on a file system with file locks",
    };
    format!("{error}; {remedy}")
}
