//! Removes what the retention settings no longer keep.
//!
//! Everything is removed under the tree lock, with one rename per run or generation, so that a reader finds all of it or
//! none. Must not know how the settings are read.

use super::data_dir::LocalStore;
use super::model_dir::LocalModel;
use super::workspace::Temporary;
use crate::fs::nofollow::{Kind, NoFollowPath};
use crate::store::error::StoreError;
use crate::store::listing::Listing;
use crate::store::pruned::{Outdated, Pruned};

impl LocalStore {
    /// Applies the retention settings to every model and removes generations whose publication a crash interrupted. With
    /// `dry_run`, removes nothing. Returns the models with anything to remove or with an error.
    pub fn prune(&self, dry_run: bool) -> Result<Vec<Pruned>, StoreError> {
        let Listing { models, unreadable } = self.model_dirs()?;
        let pruned = models.into_iter().map(|(id, hash, _)| Pruned {
            model: format!("{}/{}", id.as_str(), hash.as_str()),
            outcome: self.model(&id, &hash).prune(dry_run),
        });
        let unreadable = unreadable
            .into_iter()
            .map(|(id, error)| Pruned { model: id.as_str().to_owned(), outcome: Err(error) });
        let is_unchanged = |pruned: &Pruned| pruned.outcome.as_ref().is_ok_and(Vec::is_empty);
        Ok(pruned.chain(unreadable).filter(|pruned| !is_unchanged(pruned)).collect())
    }
}

impl LocalModel {
    fn prune(&self, dry_run: bool) -> Result<Vec<Outdated>, StoreError> {
        let tree = if dry_run { self.lock_tree_if_used() } else { Some(self.lock_tree()?) };
        if !dry_run {
            self.repair_pointer_in_locked_tree()?;
        }
        let (mut outdated, mut taken) = (Vec::new(), Vec::new());
        let mut remove = |dir: &NoFollowPath, path: String, reason| {
            outdated.push(Outdated { path, reason, bytes: size(dir) });
            if !dry_run {
                taken.push(self.workspace.take(dir)?);
            }
            Ok::<_, StoreError>(())
        };
        let classifier = self.classifier();
        for number in classifier.outdated(self.retention.generations)? {
            let path = format!("classifier/{number}");
            remove(&classifier.generation(number), path, "more generations than are kept")?;
        }
        for (run, reason) in self.outdated_runs()? {
            remove(&self.run_dir(run), format!("logs/{run}"), reason)?;
        }
        drop(tree);
        taken.into_iter().try_for_each(Temporary::remove)?;
        outdated.extend(self.forget_samples(dry_run)?);
        Ok(outdated)
    }
}

/// The size of all files below a path; without those that cannot be read.
pub(super) fn size(path: &NoFollowPath) -> u64 {
    match path.metadata() {
        Ok(Some(metadata)) if metadata.kind == Kind::Directory => {
            path.list().unwrap_or_default().iter().map(|entry| size(&path.join(&entry.name))).sum()
        }
        Ok(Some(metadata)) => metadata.size,
        Ok(None) | Err(_) => 0,
    }
}
