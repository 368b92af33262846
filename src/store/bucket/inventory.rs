//! What is in a bucket, from one list of all its objects.
//!
//! Owns sorting objects by model, and which of them belong to none. Must not know what an object contains.

use std::collections::BTreeMap;

use super::epoch::Epoch;
use super::keys::{self, DELETION, GENERATIONS, OWN, POINTER, RUN_IDS};
use super::objects::{Listed, Objects};
use crate::store::error::StoreError;
use crate::store::key::{DirHash, ModelId};

/// The objects of a bucket, by model id.
#[derive(Debug, Default)]
pub(super) struct Inventory {
    pub(super) ids: BTreeMap<String, OfId>,
    /// Objects that no server of this kind stores.
    pub(super) unknown: Vec<Listed>,
}

/// The objects of one model id.
#[derive(Debug, Default)]
pub(super) struct OfId {
    was_deleted: bool,
    /// By epoch and hash, each with its key below the prefix of the model.
    epochs: BTreeMap<String, BTreeMap<String, Vec<(String, Listed)>>>,
    /// Zips of the Python server, by hash.
    python: BTreeMap<String, Listed>,
}

impl Inventory {
    /// Lists everything below a prefix.
    pub(super) fn of(objects: &dyn Objects, prefix: &str) -> Result<Self, StoreError> {
        let mut inventory = Self::default();
        for object in objects.list(prefix)? {
            inventory.add(object);
        }
        Ok(inventory)
    }

    fn add(&mut self, object: Listed) {
        let key = object.key.clone();
        let Some((id, rest)) = key.split_once('/').filter(|(id, _)| ModelId::of_directory(id).is_some())
        else {
            // What the servers themselves store.
            if !key.starts_with(&format!("{OWN}/")) {
                self.unknown.push(object);
            }
            return;
        };
        let parts: Vec<&str> = rest.splitn(4, '/').collect();
        let of_id = self.ids.entry(id.to_owned()).or_default();
        match parts[..] {
            [OWN, DELETION] => of_id.was_deleted = true,
            [OWN, epoch, hash, name] if DirHash::of_directory(hash).is_some() => {
                let of_epoch = of_id.epochs.entry(epoch.to_owned()).or_default();
                of_epoch.entry(hash.to_owned()).or_default().push((name.to_owned(), object));
            }
            [hash] if DirHash::of_directory(hash).is_some() => {
                of_id.python.insert(hash.to_owned(), object);
            }
            _ => self.unknown.push(object),
        }
    }
}

impl OfId {
    /// The epoch whose models are seen.
    pub(super) fn epoch(&self, objects: &dyn Objects, id: &ModelId) -> Result<String, StoreError> {
        if !self.was_deleted {
            return Ok(Epoch::FIRST.to_owned());
        }
        Ok(Epoch::read(objects, id)?.name().to_owned())
    }

    /// The hashes with a model in this epoch, and with `or_runs` those with evaluation runs, sorted.
    pub(super) fn hashes(&self, epoch: &str, or_runs: bool) -> Vec<DirHash> {
        let is_listed = |objects: &[(String, Listed)]| {
            objects.iter().any(|(name, _)| name == POINTER || (or_runs && keys::run_of(name).is_some()))
        };
        let of_epoch = self.epochs.get(epoch).into_iter().flatten();
        let stored = of_epoch.filter(|(_, objects)| is_listed(objects)).map(|(hash, _)| hash);
        let python = self.python.keys().filter(|_| epoch == Epoch::FIRST);
        let mut names: Vec<&String> = stored.chain(python).collect();
        names.sort_unstable();
        names.dedup();
        names.into_iter().filter_map(|hash| DirHash::of_directory(hash)).collect()
    }

    /// The size of all objects of this epoch.
    pub(super) fn bytes(&self, epoch: &str) -> u64 {
        let stored = self.epochs.get(epoch).into_iter().flatten().flat_map(|(_, objects)| objects);
        let python = self.python.values().filter(|_| epoch == Epoch::FIRST);
        stored.map(|(_, object)| object.bytes).sum::<u64>() + python.map(|object| object.bytes).sum::<u64>()
    }

    /// The objects of earlier epochs: a deletion was interrupted, or a job that began before it wrote since.
    pub(super) fn dead(&self, epoch: &str) -> Vec<&Listed> {
        let earlier = self.epochs.iter().filter(|(name, _)| *name != epoch);
        let stored = earlier.flat_map(|(_, hashes)| hashes.values().flatten()).map(|(_, object)| object);
        let python = self.python.values().filter(|_| epoch != Epoch::FIRST);
        stored.chain(python).collect()
    }

    /// The objects of generations that are not among these publications, and reserved run ids, of one model.
    pub(super) fn unused(&self, epoch: &str, hash: &DirHash, publications: &[&str]) -> Vec<&Listed> {
        let of_model = self.epochs.get(epoch).and_then(|hashes| hashes.get(hash.as_str()));
        let is_unused = |name: &str| match name.strip_prefix(GENERATIONS) {
            Some(name) => {
                let publication = name.split('/').next().unwrap_or_default();
                !publications.contains(&publication)
            }
            None => name.starts_with(RUN_IDS),
        };
        let unused = of_model.into_iter().flatten().filter(|(name, _)| is_unused(name));
        unused.map(|(_, object)| object).collect()
    }

    /// The hashes with any object in this epoch.
    pub(super) fn all_hashes(&self, epoch: &str) -> Vec<DirHash> {
        let of_epoch = self.epochs.get(epoch).into_iter().flatten();
        of_epoch.filter_map(|(hash, _)| DirHash::of_directory(hash)).collect()
    }
}
