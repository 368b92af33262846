//! Removes what the retention settings no longer keep, and what interrupted operations left.
//!
//! Must not know how the settings are read.

use super::inventory::{Inventory, OfId};
use super::keys;
use super::model::BucketModel;
use super::objects::Listed;
use super::outside::{nonce, now};
use super::pointer::Pointer;
use super::publish::Switched;
use super::store::BucketStore;
use crate::store::error::StoreError;
use crate::store::key::ModelId;
use crate::store::manifest::{MODEL, SAMPLES};
use crate::store::pruned::{Outdated, Pruned};
use crate::store::samples_limit::{REASON, SamplesLimit};

/// How long an object that no pointer names may still become part of a publication: longer than any training and any delayed
/// request.
const MAX_PUBLICATION: u64 = 24 * 60 * 60 * 1000;

impl BucketStore {
    pub(super) fn prune(&self, dry_run: bool) -> Result<Vec<Pruned>, StoreError> {
        let inventory = Inventory::of(self.objects(), "")?;
        let mut pruned = Vec::new();
        for (name, of_id) in &inventory.ids {
            let Some(id) = ModelId::of_directory(name) else { continue };
            let epoch = match of_id.epoch(self.objects(), &id) {
                Ok(epoch) => epoch,
                Err(error) => {
                    pruned.push(Pruned { model: name.clone(), outcome: Err(error) });
                    continue;
                }
            };
            let dead = self.remove(of_id.dead(&epoch), "left by a deletion", dry_run);
            pruned.push(Pruned { model: name.clone(), outcome: dead });
            for hash in of_id.all_hashes(&epoch) {
                let outcome = self.model(&id, &hash).prune(self, of_id, &epoch, dry_run);
                pruned.push(Pruned { model: format!("{name}/{}", hash.as_str()), outcome });
            }
        }
        pruned.retain(|pruned| !pruned.outcome.as_ref().is_ok_and(Vec::is_empty));
        Ok(pruned)
    }

    /// Removes objects that are old enough that no job is about to use them.
    fn remove(
        &self,
        objects: Vec<&Listed>,
        reason: &'static str,
        dry_run: bool,
    ) -> Result<Vec<Outdated>, StoreError> {
        let mut outdated = Vec::new();
        for object in objects.into_iter().filter(|object| is_old(object)) {
            if !dry_run {
                self.objects().delete(&object.key)?;
            }
            outdated.push(Outdated { path: object.key.clone(), reason, bytes: object.bytes });
        }
        Ok(outdated)
    }
}

/// Whether no job can be about to use it.
pub(super) fn is_old(object: &Listed) -> bool {
    now().saturating_sub(object.stored_at) > MAX_PUBLICATION
}

impl BucketModel {
    fn prune(
        &self,
        store: &BucketStore,
        of_id: &OfId,
        epoch: &str,
        dry_run: bool,
    ) -> Result<Vec<Outdated>, StoreError> {
        let mut outdated = self.prune_generations(dry_run)?;
        let now = now();
        let prefix = self.prefix(&self.epoch()?);
        for (run, reason) in self.retention.outdated_runs(self.runs_with_times()?, now) {
            let path = keys::run(run.0);
            if !dry_run {
                self.shared.objects.delete(&format!("{prefix}{path}"))?;
            }
            outdated.push(Outdated { path, reason, bytes: 0 });
        }
        let pointer = self.pointer()?;
        let publications: Vec<&str> =
            pointer.iter().flat_map(|(_, pointer, _)| pointer.publications()).collect();
        let unused = of_id.unused(epoch, &self.hash, &publications);
        outdated.extend(store.remove(unused, "left by an interrupted operation", dry_run)?);
        Ok(outdated)
    }

    /// Leaves out generations beyond the retention and outdated samples of earlier ones, with one switch of the pointer.
    fn prune_generations(&self, dry_run: bool) -> Result<Vec<Outdated>, StoreError> {
        let locked = self.lock()?;
        let Some(base) = locked.base() else { return Ok(Vec::new()) };
        let limit = SamplesLimit::of(self.retention);
        let prefix = self.prefix(&self.epoch_of_job()?);
        let (mut kept, mut outdated, mut removed) = (Vec::new(), Vec::new(), Vec::new());
        for (index, entry) in base.generations.iter().enumerate() {
            let files = &entry.manifest.files;
            let number = entry.manifest.generation;
            let bytes = files.samples.as_ref().map_or(0, |samples| samples.size);
            if index >= self.retention.generations {
                let path = format!("generations/{number}");
                let reason = "more generations than are kept";
                outdated.push(Outdated { path, reason, bytes: files.model.size + bytes });
                removed.extend([MODEL, SAMPLES].map(|file| entry.key(&prefix, file)));
                continue;
            }
            let mut entry = entry.clone();
            if index > 0 && limit.as_ref().is_some_and(|limit| limit.is_outdated(&entry.manifest)) {
                outdated.push(Outdated {
                    path: format!("generations/{number}/{SAMPLES}"),
                    reason: REASON,
                    bytes,
                });
                removed.push(entry.key(&prefix, SAMPLES));
                entry.manifest = entry.manifest.without_samples();
            }
            kept.push(entry);
        }
        if outdated.is_empty() || dry_run {
            return Ok(outdated);
        }
        let recent = Pointer::recent_with(Some(base), &format!("prune-{}", nonce()));
        let pointer = Pointer { generations: kept, damaged: base.damaged.clone(), recent };
        match locked.switch(&pointer)? {
            Switched::Published => {
                for key in removed {
                    self.shared.objects.delete(&key)?;
                }
                Ok(outdated)
            }
            // A training or a deletion at the same time removes them itself.
            Switched::Deleted | Switched::Lost => Ok(Vec::new()),
        }
    }
}

impl Pointer {
    /// The names of the generations that it keeps, damaged ones too.
    pub(super) fn publications(&self) -> impl Iterator<Item = &str> {
        self.generations.iter().chain(&self.damaged).map(|entry| entry.publication.as_str())
    }
}
