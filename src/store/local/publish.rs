//! Publishes a generation of a model.
//!
//! Owns the order of its steps: write, sync, move into place, and remove what the retention no longer keeps. Must not know
//! what the bytes mean.

use super::files;
use super::generation::LocalGeneration;
use super::model_dir::{LocalLock, LocalModel};
use super::workspace::Temporary;
use crate::fs::nofollow::NoFollowPath;
use crate::store::error::StoreError;
use crate::store::generation::NewGeneration;
use crate::store::manifest::{MANIFEST, MODEL, Manifest, POINTER, Pointer, SAMPLES, to_json};

impl LocalModel {
    /// Publishes a new generation as the current one and removes those that the retention no longer keeps. After a crash
    /// either the old or the new one is current and complete. After an error the old one is current (or the new one, if
    /// only the sync of the switch failed).
    ///
    /// If the model was deleted since the job began, nothing is stored: the generation counts as published before the
    /// deletion. The returned one can be read all the same.
    pub fn publish(&self, lock: &LocalLock, new: &NewGeneration<'_>) -> Result<LocalGeneration, StoreError> {
        let classifier = self.classifier();
        let mut keep = classifier.intact(self.retention.generations.saturating_sub(1))?;
        let previous = keep.first().copied();
        let number = classifier.next_number()?;
        keep.push(number);
        let staged = self.workspace.temporary()?;
        let dir = staged.path.join("generation");
        let generation = write(new, number, &dir)?;
        let pointer = stage_pointer(&generation, previous, &staged)?;

        // All slow steps are done: a deletion waits for a few renames only.
        let tree = self.lock_tree_with(lock)?;
        let publishing = self.workspace.publishing();
        if lock.guard.was_deleted(&self.tree)? {
            tracing::info!(number, "the model was deleted during the training: nothing is stored");
            return Ok(generation);
        }
        classifier.install(number, &dir, &pointer)?;
        let outdated: Result<Vec<Temporary>, _> = classifier.numbers().and_then(|numbers| {
            let outdated = numbers.into_iter().filter(|number| !keep.contains(number));
            outdated.map(|number| self.workspace.take(&classifier.generation(number))).collect()
        });
        drop((publishing, tree));
        if let Err(error) = outdated {
            tracing::warn!(%error, "outdated generations stay until the next training");
        }
        if let Err(error) = self.forget_samples(false) {
            tracing::warn!(%error, "outdated samples of earlier generations stay until the retention settings are applied");
        }
        Ok(generation)
    }

    /// Makes the pointer name the generation that [`Self::current`] returns. They differ only if a crash interrupted the
    /// publication of the first one, or if the pointer was lost.
    pub fn repair_pointer(&self, lock: &LocalLock) -> Result<(), StoreError> {
        let _tree = self.lock_tree_with(lock)?;
        self.repair_pointer_in_locked_tree()
    }

    pub(super) fn repair_pointer_in_locked_tree(&self) -> Result<(), StoreError> {
        let classifier = self.classifier();
        if classifier.pointed()?.is_some() {
            return Ok(());
        }
        match classifier.pointed_or_newest() {
            Ok(Some(generation)) => classifier.point_to(&generation.manifest, &self.workspace.temporary()?),
            // Reading the model reports the damage.
            Ok(None) | Err(StoreError::Corrupt { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Writes a generation to `dir` and opens it.
fn write(new: &NewGeneration<'_>, number: u64, dir: &NoFollowPath) -> Result<LocalGeneration, StoreError> {
    files::create_dir_all(dir)?;
    files::write_new(&dir.join(MODEL), new.model)?;
    if let Some(samples) = new.samples {
        files::write_new(&dir.join(SAMPLES), samples)?;
    }
    let manifest = new.manifest(number);
    files::write_new(&dir.join(MANIFEST), &to_json(&manifest))?;
    files::sync_dir(dir)?;
    LocalGeneration::open(dir, manifest)?
        .ok_or_else(|| StoreError::corrupt(dir, "it changed while it was written"))
}

/// Writes the pointer to a generation beside it.
fn stage_pointer(
    generation: &LocalGeneration,
    previous: Option<u64>,
    staged: &Temporary,
) -> Result<NoFollowPath, StoreError> {
    let path = staged.path.join(POINTER);
    let pointer = Pointer { manifest: Manifest::clone(&generation.manifest), previous };
    files::write_new(&path, &to_json(&pointer))?;
    Ok(path)
}
