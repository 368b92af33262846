//! How much of the past is kept, and the removal of the rest.
//!
//! A run is as old as its number says (the time in milliseconds) or its directory, whichever is younger:
//! the runs of a copied or taken-over data directory are not suddenly old. A number from a clock that was ahead
//! says nothing. Runs go under the tree lock, one rename each, so that a reader has all of a run or none of it.

use std::io::ErrorKind;
use std::time::SystemTime;

use jiff::Timestamp;

use super::error::{During, StoreError};
use super::files;
use super::key::RunId;
use super::model_dir::ModelDir;
use super::{Listing, Store, Temporary};
use crate::fs::nofollow::{Kind, NoFollowPath};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// How much of the past is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// The newest evaluation runs of one uniqueid/dirhash; 0 keeps all. Moodle fetches a run's log right after
    /// the evaluation, so what is younger than a day is kept whatever the number.
    pub runs: usize,
    /// Days after which an evaluation run goes, however few there are; 0 keeps them for ever.
    pub run_days: u32,
    /// Generations of a model with the current one; at least 1.
    pub generations: usize,
}

impl Retention {
    /// A year, a hundred runs, and one generation to fall back to.
    pub const USUAL: Self = Self { runs: 100, run_days: 365, generations: 2 };
}

impl Default for Retention {
    fn default() -> Self {
        Self::USUAL
    }
}

/// Something that is not kept any longer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outdated {
    /// `classifier/NUMBER` or `logs/RUN`, below the model's directory.
    pub place: String,
    /// Why it goes.
    pub why: &'static str,
    /// The size of its files.
    pub bytes: u64,
}

/// What became of one model's past.
#[derive(Debug)]
pub struct Pruned {
    /// `uniqueid/dirhash`, or `uniqueid` where that cannot be read.
    pub model: String,
    /// What is outdated (and gone, unless nothing was to be removed).
    pub outcome: Result<Vec<Outdated>, StoreError>,
}

impl Store {
    /// Applies the retention to every model; with `dry_run`, only tells what would go. What is left of
    /// publishing that a crash cut off goes too. Models of which nothing goes are not in the answer.
    pub fn prune(&self, dry_run: bool) -> Result<Vec<Pruned>, StoreError> {
        let Listing { models, unreadable } = self.homes()?;
        let pruned = models.into_iter().map(|(id, hash, model_dir)| Pruned {
            model: format!("{}/{}", id.as_str(), hash.as_str()),
            outcome: model_dir.prune(dry_run),
        });
        let unreadable = unreadable
            .into_iter()
            .map(|(id, error)| Pruned { model: id.as_str().to_owned(), outcome: Err(error) });
        Ok(pruned
            .chain(unreadable)
            .filter(|pruned| !matches!(&pruned.outcome, Ok(gone) if gone.is_empty()))
            .collect())
    }
}

impl ModelDir {
    fn prune(&self, dry_run: bool) -> Result<Vec<Outdated>, StoreError> {
        let tree = if dry_run { self.lock_tree_if_used() } else { Some(self.lock_tree()?) };
        if !dry_run {
            self.settle_behind_tree_lock()?;
        }
        let mut outdated = Vec::new();
        let mut taken = Vec::new();
        for number in self.classifier().outdated(self.retention.generations)? {
            let dir = self.classifier().generation(number);
            let place = format!("classifier/{number}");
            outdated.push(Outdated { place, why: "more generations than are kept", bytes: size(&dir) });
            if !dry_run {
                taken.push(self.workspace.take(&dir)?);
            }
        }
        for (run, why) in self.outdated_runs()? {
            outdated.push(Outdated { place: format!("logs/{run}"), why, bytes: size(&self.run_dir(run)) });
            if !dry_run {
                taken.push(self.workspace.take(&self.run_dir(run))?);
            }
        }
        drop(tree);
        taken.into_iter().try_for_each(Temporary::remove)?;
        Ok(outdated)
    }

    /// Removes the runs that are not kept any longer. Call it behind the tree lock.
    pub(super) fn take_out_old_runs(&self) -> Result<Vec<Temporary>, StoreError> {
        self.outdated_runs()?.into_iter().map(|(run, _)| self.workspace.take(&self.run_dir(run))).collect()
    }

    /// Oldest first, with the reason.
    fn outdated_runs(&self) -> Result<Vec<(RunId, &'static str)>, StoreError> {
        let now = now();
        let mut runs = Vec::new();
        for run in self.runs()? {
            runs.push((born(run, &self.run_dir(run), now)?, run));
        }
        runs.sort_unstable();
        let keep = if self.retention.runs == 0 { usize::MAX } else { self.retention.runs };
        let too_many = runs.len().saturating_sub(keep);
        let most = match self.retention.run_days {
            0 => u64::MAX,
            days => u64::from(days) * DAY_MS,
        };
        let why = |(at, (born, run)): (usize, (u64, RunId))| {
            let age = now.saturating_sub(born);
            if age > most {
                Some((run, "older than runs are kept"))
            } else {
                (at < too_many && age > DAY_MS).then_some((run, "more runs than are kept"))
            }
        };
        Ok(runs.into_iter().enumerate().filter_map(why).collect())
    }

    /// The published runs.
    pub fn runs(&self) -> Result<Vec<RunId>, StoreError> {
        let entries = files::entries(&self.logs())?.into_iter();
        // What is no directory is not ours.
        let directories = entries.filter(|entry| entry.kind == Kind::Directory);
        Ok(directories.filter_map(|entry| run_of(entry.name.to_str()?)).collect())
    }
}

/// The number that a run's directory is named with: as we write it, nothing like `007`.
fn run_of(name: &str) -> Option<RunId> {
    name.parse().ok().filter(|run: &u64| run.to_string() == name).map(RunId)
}

/// In milliseconds since 1970.
fn born(run: RunId, dir: &NoFollowPath, now: u64) -> Result<u64, StoreError> {
    let found = dir.find().and_then(|found| found.ok_or_else(|| ErrorKind::NotFound.into()));
    let changed = found.during("look at", dir)?.modified;
    let changed = changed.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_millis());
    let changed = u64::try_from(changed).unwrap_or(u64::MAX);
    Ok(if run.0 <= now { run.0.max(changed) } else { changed })
}

fn now() -> u64 {
    u64::try_from(Timestamp::now().as_millisecond()).unwrap_or(0)
}

/// Of all files below; what cannot be looked at counts nothing.
fn size(place: &NoFollowPath) -> u64 {
    match place.find() {
        Ok(Some(found)) if found.kind == Kind::Directory => {
            let entries = place.list().unwrap_or_default();
            entries.iter().map(|entry| size(&place.join(&entry.name))).sum()
        }
        Ok(Some(found)) => found.bytes,
        Ok(None) | Err(_) => 0,
    }
}
