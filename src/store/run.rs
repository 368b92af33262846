//! Evaluation runs: a directory that nobody sees before it is complete.

use std::path::{Path, PathBuf};

use super::error::StoreError;
use super::files::{self, NewDirs};
use super::home::ModelHome;
use super::id::RunId;
use super::lock::Tree;
use super::workspace::Temporary;

/// An evaluation run that nobody sees before it is published.
#[derive(Debug)]
pub struct NewRun {
    id: RunId,
    home: ModelHome,
    tree: Tree,
    temporary: Temporary,
    place: PathBuf,
}

impl NewRun {
    pub(super) fn begin(home: &ModelHome) -> Result<Self, StoreError> {
        let temporary = home.workspace.temporary()?;
        let id = home.workspace.next_run(|id| home.run_dir(id).exists())?;
        let tree = Tree::now(&home.tree)?;
        Ok(Self { id, home: home.clone(), tree, temporary, place: home.run_dir(id) })
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> RunId {
        self.id
    }

    /// Where to write its files meanwhile. It survives a deletion of the model.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.temporary.path()
    }

    /// Where they will be once it is published.
    #[must_use]
    pub fn published_dir(&self) -> &Path {
        &self.place
    }

    /// Makes it visible; dropped without this, its files vanish. They vanish also when the model
    /// was deleted since the run began: it counts as published before the deletion.
    pub fn publish(self) -> Result<RunId, StoreError> {
        files::sync_tree(self.dir())?;
        let tree = self.home.lock_tree()?;
        if self.tree.deleted_since(&self.home.tree)? {
            tracing::info!(run = %self.id, "the model was deleted during the evaluation: nothing is kept");
            return Ok(self.id);
        }
        let logs = self.home.logs();
        let dirs = NewDirs::ensure(&logs)?;
        files::rename(self.dir(), &self.place)?;
        dirs.keep();
        files::sync_dir(&logs)?;
        let old = self.home.take_out_old_runs();
        drop(tree);
        if let Err(error) = old {
            tracing::warn!(%error, "older runs stay until the next evaluation");
        }
        Ok(self.id)
    }
}
