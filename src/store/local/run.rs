//! The evaluation runs of a model, in `logs/`.
//!
//! Owns their publication: a run is invisible until it is complete. Must not know what its files contain.

use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;

use super::deletion_guard::DeletionGuard;
use super::files::{self, NewDirs};
use super::model_dir::LocalModel;
use super::workspace::Temporary;
use crate::fs::nofollow::{Kind, NoFollowPath};
use crate::store::error::{IoContext, StoreError};
use crate::store::key::{RunId, number_of_directory};

impl LocalModel {
    /// Starts an evaluation run with a new id. Call this before reading the model: if the model is deleted during the
    /// evaluation, the run is not published.
    pub fn begin_run(&self) -> Result<LocalNewRun, StoreError> {
        let guard = self.deletion_guard()?;
        let temporary = self.workspace.temporary()?;
        Ok(LocalNewRun { id: self.next_run_id()?, model_dir: self.clone(), guard, temporary })
    }

    /// An id that no run has, and that no later run gets.
    pub fn next_run_id(&self) -> Result<RunId, StoreError> {
        self.workspace.next_run_id(|id| Ok(files::kind(&self.run_dir(id))?.is_some()))
    }

    /// A published run. A deletion may remove it at any time.
    pub fn run(&self, run: RunId) -> Result<Option<LocalRun>, StoreError> {
        let dir = self.run_dir(run);
        match files::kind(&dir)? {
            Some(Kind::Directory) => Ok(Some(LocalRun(dir))),
            Some(Kind::Link) => Err(dir.link_error()).context("open", &dir),
            _ => Ok(None),
        }
    }

    /// The published runs.
    pub fn runs(&self) -> Result<Vec<RunId>, StoreError> {
        let entries = files::entries(&self.logs())?.into_iter();
        let directories = entries.filter(|entry| entry.kind == Kind::Directory);
        Ok(directories.filter_map(|entry| number_of_directory(entry.name.to_str()?)).map(RunId).collect())
    }

    /// The runs that the retention no longer keeps, oldest first, with the reason.
    pub(super) fn outdated_runs(
        &self,
    ) -> Result<impl Iterator<Item = (RunId, &'static str)> + use<>, StoreError> {
        let now = u64::try_from(Timestamp::now().as_millisecond()).unwrap_or(0);
        let mut runs = Vec::new();
        for run in self.runs()? {
            runs.push((time_of(run, &self.run_dir(run), now)?, run));
        }
        Ok(self.retention.outdated_runs(runs, now))
    }

    pub(super) fn run_dir(&self, run: RunId) -> NoFollowPath {
        self.logs().join(run.to_string())
    }

    pub(super) fn logs(&self) -> NoFollowPath {
        self.dir.join("logs")
    }
}

/// The later of the times in the name and of the directory, so that the runs of a copied data directory are not removed
/// at once. A name in the future is from a clock that was ahead, and is ignored.
fn time_of(run: RunId, dir: &NoFollowPath, now: u64) -> Result<u64, StoreError> {
    let metadata = dir.metadata().and_then(|metadata| metadata.ok_or(ErrorKind::NotFound.into()));
    let modified = metadata.context("look at", dir)?.modified.as_millis();
    let modified = u64::try_from(modified).unwrap_or(u64::MAX);
    Ok(if run.0 <= now { run.0.max(modified) } else { modified })
}

/// An evaluation run that is invisible until it is published. Its files are removed if it is dropped before.
#[derive(Debug)]
pub struct LocalNewRun {
    /// The id of the run.
    pub id: RunId,
    model_dir: LocalModel,
    guard: Arc<DeletionGuard>,
    temporary: Temporary,
}

impl LocalNewRun {
    /// Writes a file; directories in its name are created. This works also when the model was deleted.
    pub fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let file = self.temporary.path.join(name);
        create_parents(&file, &self.temporary.path)?;
        files::write_all(&mut file.create_new()?, &file, bytes)
    }

    /// Makes the run visible and removes those that the retention no longer keeps. If the model was deleted since the run
    /// began, nothing is stored: the run counts as published before the deletion.
    pub fn publish(self) -> Result<RunId, StoreError> {
        files::sync_tree(&self.temporary.path)?;
        let model_dir = &self.model_dir;
        let tree = model_dir.lock_tree()?;
        let publishing = model_dir.workspace.publishing();
        if self.guard.was_deleted(&model_dir.tree)? {
            tracing::info!(run = %self.id, "the model was deleted during the evaluation: nothing is stored");
            return Ok(self.id);
        }
        let logs = model_dir.logs();
        let dirs = NewDirs::create(&logs)?;
        files::rename(&self.temporary.path, &model_dir.run_dir(self.id))?;
        dirs.keep();
        files::sync_dir(&logs)?;
        let outdated: Result<Vec<Temporary>, _> = model_dir.outdated_runs().and_then(|runs| {
            runs.map(|(run, _)| model_dir.workspace.take(&model_dir.run_dir(run))).collect()
        });
        drop((publishing, tree));
        if let Err(error) = outdated {
            tracing::warn!(%error, "outdated runs stay until the next evaluation");
        }
        Ok(self.id)
    }
}

/// Creates the directories between `top` and a file.
fn create_parents(file: &NoFollowPath, top: &NoFollowPath) -> io::Result<()> {
    let Some(parent) = file.parent().filter(|parent| parent.path() != top.path()) else { return Ok(()) };
    create_parents(&parent, top)?;
    match parent.create_directory() {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// A published run.
#[derive(Debug)]
pub struct LocalRun(NoFollowPath);

impl LocalRun {
    /// Its directory, for messages only.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.0.path()
    }

    /// The names of its regular files, with `/` between directories, sorted.
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

    /// Reads the beginning of one of its files, at most `max` bytes.
    pub fn read_head(&self, name: &str, max: usize) -> io::Result<Vec<u8>> {
        self.0.join(name).read_head(max)
    }
}

fn collect(directory: &NoFollowPath, prefix: &str, names: &mut Vec<String>) -> io::Result<()> {
    for entry in directory.list()? {
        // The names of published files are UTF-8.
        let Some(name) = entry.name.to_str().map(|name| format!("{prefix}{name}")) else { continue };
        match entry.kind {
            Kind::Directory => collect(&directory.join(&entry.name), &format!("{name}/"), names)?,
            Kind::File => names.push(name),
            Kind::Link | Kind::Other => {}
        }
    }
    Ok(())
}
