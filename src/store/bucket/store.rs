//! All models of a bucket.
//!
//! Owns listing and deleting. Must not know what a model consists of.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::epoch::Epoch;
use super::inventory::Inventory;
use super::keys;
use super::model::BucketModel;
use super::objects::{Condition, Objects, Unavailable};
use super::outside::nonce;
use super::shared::Shared;
use crate::store::error::StoreError;
use crate::store::key::{DirHash, ModelId};
use crate::store::listing::Listing;
use crate::store::model_dir::ModelDir;
use crate::store::retention::Retention;
use crate::store::usage::Usage;

/// How long a start waits for a bucket that cannot be reached.
const START_PATIENCE: Duration = Duration::from_secs(20);
const START_PAUSE: Duration = Duration::from_millis(500);

/// All models of a bucket.
#[derive(Debug, Clone)]
pub(in crate::store) struct BucketStore {
    pub(super) shared: Arc<Shared>,
    pub(super) retention: Retention,
}

impl BucketStore {
    pub(in crate::store) fn new(objects: Arc<dyn Objects>) -> Self {
        Self { shared: Arc::new(Shared::new(objects)), retention: Retention::USUAL }
    }

    pub(super) fn objects(&self) -> &dyn Objects {
        &*self.shared.objects
    }

    /// Refuses a bucket that cannot be used safely: without conditional puts, concurrent servers would lose samples. Waits a
    /// while for one that cannot be reached.
    pub(in crate::store) fn check_conditional_puts(&self) -> Result<(), StoreError> {
        let deadline = Instant::now() + START_PATIENCE;
        let problem = loop {
            match self.problem_with_conditions() {
                Ok(problem) => break problem,
                Err(error) if error.is_final || Instant::now() >= deadline => return Err(error.into()),
                Err(error) => {
                    tracing::warn!(%error, "the bucket cannot be reached yet");
                    thread::sleep(START_PAUSE);
                }
            }
        };
        problem.map_or(Ok(()), |problem| {
            let remedy = "use a store with conditional puts (If-Match and If-None-Match)";
            Err(StoreError::unusable_bucket(&self.objects().address(""), format!("{problem}; {remedy}")))
        })
    }

    /// How the bucket fails to keep the conditions of puts, if it does.
    fn problem_with_conditions(&self) -> Result<Option<&'static str>, Unavailable> {
        let key = format!("{}/checks/{}", keys::OWN, nonce());
        let put = |bytes: &[u8], condition| {
            self.objects().put(&key, bytes.to_vec(), condition).map(|version| version.is_some())
        };
        // A refusal of the first or third proves nothing: it may be the answer to a repeated attempt.
        put(b"first", Condition::Absent)?;
        let first = self.objects().get(&key, None)?.found();
        let overwrote = put(b"second", Condition::Absent)?;
        let changed = match &first {
            Some((_, version)) => {
                put(b"third", Condition::Is(version))?;
                put(b"fourth", Condition::Is(version))?
            }
            None => false,
        };
        let last = self.objects().get(&key, None)?.found();
        self.objects().delete(&key)?;
        Ok(match last {
            _ if overwrote => Some("it overwrites an object that must not exist"),
            _ if changed => Some("it overwrites an object that has changed since"),
            Some((bytes, _)) if bytes == b"third" => None,
            _ => Some("it refuses puts whose condition is met"),
        })
    }

    pub(super) fn model(&self, id: &ModelId, hash: &DirHash) -> BucketModel {
        BucketModel {
            shared: Arc::clone(&self.shared),
            id: id.clone(),
            hash: hash.clone(),
            retention: self.retention,
            began: None,
        }
    }

    pub(super) fn listed(&self, id: &ModelId, hash: &DirHash) -> ModelDir {
        ModelDir::new(Arc::new(self.model(id, hash)))
    }

    pub(super) fn list(&self, or_runs: bool) -> Result<Listing, StoreError> {
        let mut listing = Listing::default();
        for (name, of_id) in &Inventory::of(self.objects(), "")?.ids {
            let Some(id) = ModelId::of_directory(name) else { continue };
            match of_id.epoch(self.objects(), &id) {
                Ok(epoch) => listing.models.extend(of_id.hashes(&epoch, or_runs).into_iter().map(|hash| {
                    let model = self.listed(&id, &hash);
                    (id.clone(), hash, model)
                })),
                Err(error) => listing.unreadable.push((id, error)),
            }
        }
        Ok(listing)
    }

    pub(super) fn ids(&self) -> Result<Vec<ModelId>, StoreError> {
        let mut ids = self.objects().directories("")?;
        ids.sort_unstable();
        Ok(ids.iter().filter_map(|name| ModelId::of_directory(name)).collect())
    }

    pub(super) fn model_dirs_of(&self, id: &ModelId) -> Result<Vec<(DirHash, ModelDir)>, StoreError> {
        let inventory = Inventory::of(self.objects(), &keys::of_id(id))?;
        let Some(of_id) = inventory.ids.get(id.as_str()) else { return Ok(Vec::new()) };
        let epoch = of_id.epoch(self.objects(), id)?;
        let hashes = of_id.hashes(&epoch, true).into_iter();
        Ok(hashes.map(|hash| (hash.clone(), self.listed(id, &hash))).collect())
    }

    /// The put of the new epoch deletes; the rest removes what no reader sees any more.
    pub(super) fn delete(&self, id: &ModelId) -> Result<(), StoreError> {
        Epoch::begin(self.objects(), id)?;
        let inventory = Inventory::of(self.objects(), &keys::of_id(id))?;
        let Some(of_id) = inventory.ids.get(id.as_str()) else { return Ok(()) };
        // Read after the list: a later deletion has begun the epoch of what is trained since.
        let epoch = of_id.epoch(self.objects(), id)?;
        for object in of_id.dead(&epoch) {
            self.objects().delete(&object.key)?;
        }
        Ok(())
    }

    pub(super) fn usage(&self) -> Result<Usage, StoreError> {
        let mut usage = Usage { models: 0, bytes: 0 };
        for (name, of_id) in &Inventory::of(self.objects(), "")?.ids {
            let Some(id) = ModelId::of_directory(name) else { continue };
            let Ok(epoch) = of_id.epoch(self.objects(), &id) else { continue };
            usage.models += of_id.hashes(&epoch, false).len();
            usage.bytes += of_id.bytes(&epoch);
        }
        Ok(usage)
    }

    pub(super) fn check_writable(&self) -> Result<(), StoreError> {
        let key = format!("{}/checks/{}", keys::OWN, nonce());
        let _open = self.shared.publishing(&key)?;
        self.objects().put(&key, b"ready".to_vec(), Condition::Any)?;
        Ok(self.objects().delete(&key)?)
    }
}
