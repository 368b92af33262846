//! Removes samples that are older than the retention keeps, from everything but the current generation.
//!
//! The current generation loses them at the next training, which leaves them out. An earlier one would outlast that: it is
//! replaced by the same model without samples. Must not know what samples are.

use std::time::Duration;

use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

use super::check::DAMAGED;
use super::error::{IoContext, StoreError};
use super::files;
use super::generation::Generation;
use super::manifest::{Files, MANIFEST, MODEL, Manifest, SAMPLES, to_json};
use super::model_dir::ModelDir;
use super::prune::{Outdated, size};
use super::retention::Retention;
use super::workspace::Temporary;
use crate::fs::nofollow::NoFollowPath;

/// The fact of a generation that says on which day (UTC, such as 2026-11-27) its oldest sample came. Without it, its samples
/// are as old as the generation. It is among the facts because earlier versions verify the checksum of all other fields.
pub const SAMPLES_SINCE: &str = "samples_since";

const REASON: &str = "older than samples are kept";

/// The limit of the age of samples.
struct Limit {
    /// The first day whose samples are kept.
    first: String,
    /// The first time of changes to files that are kept, since 1970.
    since: Duration,
}

impl Limit {
    /// `None` if samples are kept for ever.
    fn of(retention: Retention) -> Option<Self> {
        let age = SignedDuration::from_hours(24 * i64::from(retention.sample_days));
        let since = Timestamp::now().checked_sub(age).ok().filter(|_| retention.sample_days > 0)?;
        let seconds = u64::try_from(since.as_second()).unwrap_or(0);
        let first = Offset::UTC.to_datetime(since).date().to_string();
        Some(Self { first, since: Duration::from_secs(seconds) })
    }

    fn is_outdated(&self, manifest: &Manifest) -> bool {
        let since = manifest.facts[SAMPLES_SINCE].as_str().or_else(|| manifest.created_at.get(..10));
        manifest.files.samples.is_some() && since.is_none_or(|since| since < self.first.as_str())
    }
}

impl ModelDir {
    /// The retention of this model.
    #[must_use]
    pub fn retention(&self) -> Retention {
        self.retention
    }

    /// Removes the outdated samples of all generations but the current one; with `dry_run`, removes nothing. Acquire no tree
    /// lock before.
    pub(super) fn forget_samples(&self, dry_run: bool) -> Result<Vec<Outdated>, StoreError> {
        let Some(limit) = Limit::of(self.retention) else { return Ok(Vec::new()) };
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
    fn replace_without_samples(&self, generation: &Generation) -> Result<(), StoreError> {
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
        let is_same = Manifest::read(&path)?.as_ref() == Some(&*generation.manifest);
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
    fn forget_damaged(&self, limit: &Limit, dry_run: bool) -> Result<Vec<Outdated>, StoreError> {
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
    let files = Files { samples: None, ..manifest.files.clone() };
    let manifest = Manifest { files, sha256: None, ..manifest.clone() }.with_checksum();
    files::write_new(&dir.join(MANIFEST), &to_json(&manifest))?;
    files::sync_dir(&dir)?;
    Ok(dir)
}
