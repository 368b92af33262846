//! Evaluation runs: a directory that is invisible until it is complete.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use super::deletion_guard::DeletionGuard;
use super::error::StoreError;
use super::files::{self, NewDirs};
use super::key::RunId;
use super::model_dir::ModelDir;
use super::workspace::Temporary;
use crate::fs::nofollow::{Kind, NoFollowPath};

/// An evaluation run that is invisible until it is published.
#[derive(Debug)]
pub struct NewRun {
    id: RunId,
    model_dir: ModelDir,
    begun: Arc<DeletionGuard>,
    temporary: Temporary,
    place: NoFollowPath,
}

impl NewRun {
    pub(super) fn begin(model_dir: &ModelDir) -> Result<Self, StoreError> {
        let begun = model_dir.beginning()?;
        let temporary = model_dir.workspace.temporary()?;
        let taken = |id| Ok(files::kind(&model_dir.run_dir(id))?.is_some());
        let id = model_dir.workspace.next_run(taken)?;
        Ok(Self { id, model_dir: model_dir.clone(), begun, temporary, place: model_dir.run_dir(id) })
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> RunId {
        self.id
    }

    /// Writes one of its files; of a name with `/`, the directories too. Files survive a deletion of the
    /// model during the evaluation.
    pub fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let file = self.temporary.place().join(name);
        ensure_above(&file, self.temporary.place())?;
        file.create_new()?.write_all(bytes)
    }

    /// Makes it visible; dropped without this, its files vanish. They vanish also when the model
    /// was deleted since the run began: it counts as published before the deletion.
    pub fn publish(self) -> Result<RunId, StoreError> {
        files::sync_tree(self.temporary.place())?;
        let tree = self.model_dir.lock_tree()?;
        let moving = self.model_dir.workspace.moving();
        if self.begun.is_void(&self.model_dir.tree)? {
            tracing::info!(run = %self.id, "the model was deleted during the evaluation: nothing is kept");
            return Ok(self.id);
        }
        let logs = self.model_dir.logs();
        let dirs = NewDirs::ensure(&logs)?;
        files::rename(self.temporary.place(), &self.place)?;
        dirs.keep();
        files::sync_dir(&logs)?;
        let old = self.model_dir.take_out_old_runs();
        drop((moving, tree));
        if let Err(error) = old {
            tracing::warn!(%error, "older runs stay until the next evaluation");
        }
        Ok(self.id)
    }
}

/// Makes the directories between `top` and a file.
fn ensure_above(file: &NoFollowPath, top: &NoFollowPath) -> io::Result<()> {
    let Some(parent) = file.parent().filter(|parent| parent.path() != top.path()) else { return Ok(()) };
    ensure_above(&parent, top)?;
    match parent.create_directory() {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// A published run.
#[derive(Debug)]
pub struct Run(NoFollowPath);

impl Run {
    pub(super) fn at(place: NoFollowPath) -> Self {
        Self(place)
    }

    /// Where it is, for people.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.0.path()
    }

    /// The names of its files, with `/` between directories, sorted. What is neither a file nor a directory is
    /// left out.
    pub fn files(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        collect(&self.0, "", &mut names)?;
        names.sort_unstable();
        Ok(names)
    }

    /// Reads one of its files.
    pub fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        self.0.join(name).read()
    }
}

fn collect(directory: &NoFollowPath, prefix: &str, names: &mut Vec<String>) -> io::Result<()> {
    for entry in directory.list()? {
        // What we write has names that are text.
        let Some(name) = entry.name.to_str().map(|name| format!("{prefix}{name}")) else { continue };
        match entry.kind {
            Kind::Directory => collect(&directory.join(&entry.name), &format!("{name}/"), names)?,
            Kind::File => names.push(name),
            Kind::Link | Kind::Other => {}
        }
    }
    Ok(())
}
