//! Removes samples that are older than the retention keeps, from everything but the current generation.
//!
//! The current generation loses them at the next training, which leaves them out. An earlier one would outlast that: it is
//! replaced by the same model without samples. Must not know what samples are.

use super::check::DAMAGED;
use super::files;
use super::generation::LocalGeneration;
use super::manifest_file;
use super::model_dir::LocalModel;
use super::prune::size;
use super::workspace::Temporary;
use crate::fs::nofollow::NoFollowPath;
use crate::store::error::{IoContext, StoreError};
use crate::store::generation::GenerationFiles as _;
use crate::store::manifest::{MANIFEST, MODEL, Manifest, SAMPLES, to_json};
use crate::store::pruned::Outdated;
use crate::store::samples_limit::{REASON, SamplesLimit};

impl LocalModel {
    /// Removes the outdated samples of all generations but the current one; with `dry_run`, removes nothing. Acquire no tree
    /// lock before.
    pub(super) fn forget_samples(&self, dry_run: bool) -> Result<Vec<Outdated>, StoreError> {
        let Some(limit) = SamplesLimit::of(self.retention) else { return Ok(Vec::new()) };
        let mut outdated = self.forget_damaged(&limit, dry_run)?;
        let classifier = self.classifier();
        let Some(current) = classifier.pointed()? else { return Ok(outdated) };
        for number in classifier.numbers()?.into_iter().filter(|number| *number != current.number()) {
            let Some(generation) = classifier.open(number)? else { continue };
            if limit.is_outdated(&generation.manifest) {
                let bytes = generation.manifest.files.samples.as_ref().map_or(0, |samples| samples.size);
                outdated.push(Outdated {
                    path: format!("classifier/{number}/{SAMPLES}"),
                    reason: REASON,
                    bytes,
                });
                if !dry_run {
                    self.replace_without_samples(&generation)?;
                }
            }
        }
        Ok(outdated)
    }

    /// Replaces an earlier generation by the same model without samples, or removes it if its model is damaged.
    fn replace_without_samples(&self, generation: &LocalGeneration) -> Result<(), StoreError> {
        let staged = self.workspace.temporary()?;
        let new = match generation.model() {
            Ok(model) => Some(write(&generation.manifest, &model, &staged)?),
            Err(StoreError::Corrupt { .. }) => None,
            Err(error) => return Err(error),
        };
        let classifier = self.classifier();
        let number = generation.number();
        let path = classifier.generation(number);
        let tree = self.lock_tree()?;
        // The model may have been deleted or trained anew, or this generation may have become the current one.
        let is_same = manifest_file::read(&path)?.as_ref() == Some(&*generation.manifest);
        let is_current = classifier.pointed()?.is_none_or(|current| current.number() == number);
        if !is_same || is_current {
            return Ok(());
        }
        if let Some(new) = &new
            && files::exchange(new, &path)?
        {
            files::sync_dir(&classifier.0)?;
            drop(tree);
            return staged.remove();
        }
        // Between these two renames, a crash would lose this earlier model.
        let old = self.workspace.take(&path)?;
        if let Some(new) = new
            && let Err(error) = files::rename(&new, &path)
        {
            // The samples stay rather than the model going with them.
            files::rename(&old.path, &path)?;
            return Err(error);
        }
        files::sync_dir(&classifier.0)?;
        drop(tree);
        old.remove()
    }

    /// Removes the samples of generations that a repair has set aside, by the time of their file.
    fn forget_damaged(&self, limit: &SamplesLimit, dry_run: bool) -> Result<Vec<Outdated>, StoreError> {
        let damaged = self.dir.join(DAMAGED);
        let mut outdated = Vec::new();
        for entry in files::entries(&damaged)? {
            let samples = damaged.join(&entry.name).join(SAMPLES);
            let metadata = samples.metadata().context("look at", &samples)?;
            if metadata.is_none_or(|metadata| metadata.modified >= limit.since) {
                continue;
            }
            let path = format!("{DAMAGED}/{}/{SAMPLES}", entry.name.to_string_lossy());
            outdated.push(Outdated { path, reason: REASON, bytes: size(&samples) });
            if !dry_run {
                files::remove(&samples)?;
            }
        }
        Ok(outdated)
    }
}

/// Writes a generation without its samples.
fn write(manifest: &Manifest, model: &[u8], staged: &Temporary) -> Result<NoFollowPath, StoreError> {
    let dir = staged.path.join("generation");
    files::create_dir_all(&dir)?;
    files::write_new(&dir.join(MODEL), model)?;
    let manifest = manifest.without_samples();
    files::write_new(&dir.join(MANIFEST), &to_json(&manifest))?;
    files::sync_dir(&dir)?;
    Ok(dir)
}
