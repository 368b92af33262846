//! Where models, their samples and their evaluation runs live.
//!
//! Owns directories, generations, locks and atomic publishing. Must not know
//! what a model or a dataset is: it keeps bytes.
//!
//! ```text
//! DIR/<uniqueid>/<dirhash>/classifier/current.json          which generation is current
//! DIR/<uniqueid>/<dirhash>/classifier/<generation>/         model.onnx, samples.bin, generation.json
//! DIR/<uniqueid>/<dirhash>/classifier/classifier.pkl, model.ckpt/   the Python server's, only read
//! DIR/<uniqueid>/<dirhash>/logs/<runid>/                    one evaluation run
//! DIR/.mlbackend/                                           locks and everything half-made
//! ```
//!
//! No symbolic link in there is ever followed, wherever it leads: `fs/nofollow.rs` explains how. The data directory
//! itself may be reached through links. An operation that meets a link fails with [`StoreError::Link`]; a deletion
//! removes the link and never its target.
//!
//! Three rules keep it sound, also with several processes on one directory:
//! - Everything under a model is written elsewhere first, synced to the disk, and moved there
//!   in one rename. Readers need no lock: they open files that never change.
//! - The *model lock* (one uniqueid and dirhash) is held for a whole training. The *tree lock* (one
//!   uniqueid) is held for the few renames of publishing and of deleting, taken after the model lock. Only who
//!   examines or repairs a model that looks damaged holds it for longer.
//! - A deletion never waits for a training. A job that started before a deletion never publishes after it, so deleted
//!   samples cannot reappear, also where there was nothing to delete yet: see `deletion_guard.rs`.

mod check;
mod deletion_guard;
mod error;
#[cfg(test)]
#[cfg(debug_assertions)]
mod failpoint_tests;
mod files;
mod generation;
mod generations;
mod key;
mod listing;
mod lock;
mod manifest;
mod model_dir;
mod python_files;
mod retention;
mod run;
mod symlinks;
mod workspace;

pub use check::{Finding, Mended};
pub use error::StoreError;
pub use generation::Generation;
pub use key::{DirHash, IdError, ModelId, ModelKey, RunId};
pub use listing::Listing;
pub use lock::ModelLock;
pub use model_dir::{ModelDir, NewGeneration};
pub use retention::{Outdated, Pruned, Retention};
pub use run::{NewRun, Run};

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{self, Path};
use std::sync::Arc;

use crate::fs::nofollow::NoFollowPath;
use error::During;
use workspace::{Temporary, Workspace};

/// The data directory of a server.
#[derive(Debug, Clone)]
pub struct Store {
    root: NoFollowPath,
    workspace: Arc<Workspace>,
    retention: Retention,
}

impl Store {
    /// Opens an existing, writable data directory and clears what a crash left half-made, but not
    /// what other live processes have in the making. [`StoreError::Unusable`] says what to mend.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        let store = Self::look(root)?;
        store
            .workspace
            .open()
            .map_err(|error| StoreError::unusable(&store.root.path(), explained(&error)))?;
        Ok(store)
    }

    /// Like [`Self::open`] for who only looks: clears nothing.
    pub fn look(root: &Path) -> Result<Self, StoreError> {
        match std::fs::metadata(root) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(StoreError::unusable(root, "it does not exist; make it, or name another one"));
            }
            Err(error) => return Err(StoreError::unusable(root, error.to_string())),
            Ok(found) if !found.is_dir() => {
                return Err(StoreError::unusable(root, "it is not a directory; name another one"));
            }
            Ok(_) => {}
        }
        let root = path::absolute(root).map_err(|error| StoreError::unusable(root, error.to_string()))?;
        let root = NoFollowPath::top(&root);
        let workspace = Arc::new(Workspace::of(&root));
        Ok(Self { root, workspace, retention: Retention::default() })
    }

    /// The number of the user who keeps something here: the one of the server, once it has run.
    pub fn owner(&self) -> Result<u32, StoreError> {
        for place in [self.root.join(workspace::NAME), self.root.clone()] {
            match place.find() {
                Ok(Some(found)) => return Ok(found.owner),
                Ok(None) => {}
                // Not even root may look into it everywhere, but whose it is can be seen from outside.
                Err(error) if error.kind() == ErrorKind::PermissionDenied => break,
                Err(error) => return Err(error).during("look at", &place),
            }
        }
        if let Ok(found) = fs::metadata(self.root.path()) {
            return Ok(found.uid());
        }
        Err(StoreError::unusable(&self.root.path(), "it has just gone"))
    }

    /// With another retention than the default one, for all homes that are asked for from now on.
    #[must_use]
    pub fn keeping(self, retention: Retention) -> Self {
        Self { retention, ..self }
    }

    /// Ends this process' session for good: whatever is still half-made in it can no longer be published, and
    /// nothing new can be made. For the end of the process, when jobs may still be running.
    pub fn abandon(&self) {
        self.workspace.abandon();
    }

    /// The directory of one model; nothing is created until something is stored.
    #[must_use]
    pub fn model(&self, id: &ModelId, dir: &DirHash) -> ModelDir {
        ModelDir::within(&self.root, &self.workspace, self.retention, id, dir)
    }

    /// Deletes everything under one model id, also what is being made there; fine when there is nothing. Of a
    /// link, only the link goes. Waits only for who is just publishing under this id. After an error the model
    /// is gone all the same as far as readers can tell, or untouched.
    pub fn delete(&self, id: &ModelId) -> Result<(), StoreError> {
        let tree = self.root.join(id.as_str());
        let lock = self.workspace.lock(&model_dir::tree_lock(id.as_str()))?;
        let trash = match files::kind(&tree)? {
            None => None,
            Some(_) => Some(self.workspace.take(&tree)?),
        };
        self.workspace.take_marks(id.as_str())?;
        if trash.is_some() {
            files::sync_dir(&self.root)?;
        }
        drop(lock);
        match trash.map_or(Ok(()), Temporary::remove) {
            // A file server keeps open files under another name in the same directory.
            Err(error) if error.is_in_use() => {
                tracing::warn!(%error, "deleted all the same: what is still being read goes when the server ends");
                Ok(())
            }
            removed => removed,
        }
    }
}

fn explained(error: &StoreError) -> String {
    let hint = match error {
        StoreError::NoSpace { .. } => "make room",
        StoreError::Link { .. } => return error.to_string(),
        _ => "it must be writable for the user that runs the server, on a file system with file locks",
    };
    format!("{error}; {hint}")
}
