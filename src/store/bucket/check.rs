//! Examines everything in a bucket and repairs damage.
//!
//! A repair removes nothing of which there is no other copy: the pointer names a damaged generation among those set aside.
//! Must not know what a model is: the caller verifies it.

use super::inventory::Inventory;
use super::keys::POINTER;
use super::model::BucketModel;
use super::outside::nonce;
use super::pointer::Pointer;
use super::prune::is_old;
use super::publish::Switched;
use super::store::BucketStore;
use crate::store::error::StoreError;
use crate::store::finding::{Finding, Repair};
use crate::store::key::ModelId;
use crate::store::place::Verify;

const RESTORE: &str = "restore it from a backup, or delete the model (Clear predictions) and train it anew";

impl BucketStore {
    /// Finds what belongs to no model, and what interrupted operations left. With `repair`, removes the latter.
    pub(super) fn examine(&self, repair: bool) -> Result<Vec<Finding>, StoreError> {
        let inventory = Inventory::of(self.objects(), "")?;
        let unknown = inventory.unknown.iter();
        let mut findings: Vec<Finding> =
            unknown.map(|object| Finding::note(&*object.key, "unknown; not part of a model")).collect();
        for (name, of_id) in &inventory.ids {
            let Some(id) = ModelId::of_directory(name) else { continue };
            let epoch = match of_id.epoch(self.objects(), &id) {
                Ok(epoch) => epoch,
                Err(error) => {
                    findings.push(Finding::unreadable(&**name, error));
                    continue;
                }
            };
            let mut leftovers = of_id.dead(&epoch);
            for hash in of_id.all_hashes(&epoch) {
                let Ok(pointer) = self.model(&id, &hash).pointer() else { continue };
                let names: Vec<&str> =
                    pointer.iter().flat_map(|(_, pointer, _)| pointer.publications()).collect();
                leftovers.extend(of_id.unused(&epoch, &hash, &names));
            }
            for object in leftovers.into_iter().filter(|object| is_old(object)) {
                if repair {
                    self.objects().delete(&object.key)?;
                }
                let repair = if repair { Repair::Done("removed") } else { Repair::Possible("remove it") };
                findings.push(Finding::new(&*object.key, "left by an interrupted operation", repair));
            }
        }
        Ok(findings)
    }
}

impl BucketModel {
    pub(super) fn examine(&self, repair: bool, verify: Verify<'_>) -> Result<Vec<Finding>, StoreError> {
        let locked = match self.lock() {
            Ok(locked) => locked,
            Err(error @ StoreError::Corrupt { .. }) => {
                return Ok(vec![Finding::new(POINTER, error.to_string(), Repair::Manual(RESTORE))]);
            }
            Err(error) => return Err(error),
        };
        let Some(base) = locked.base() else { return Ok(Vec::new()) };
        let epoch = self.epoch_of_job()?;
        let (mut intact, mut damaged, mut problems) = (Vec::new(), base.damaged.clone(), Vec::new());
        for entry in &base.generations {
            let generation = self.stored(&epoch, entry, None);
            let read = generation.model().and_then(|_| generation.samples()).map(drop);
            let problem = match read {
                Err(error @ StoreError::Corrupt { .. }) => Some(error.to_string()),
                Err(error) => return Err(error),
                Ok(()) => verify(&generation).err(),
            };
            match problem {
                None => intact.push(entry.clone()),
                Some(problem) => {
                    damaged.push(entry.clone());
                    problems.push((format!("generations/{}", entry.publication), problem));
                }
            }
        }
        if problems.is_empty() {
            return Ok(Vec::new());
        }
        let what = "set it aside and use the newest intact generation";
        let mut outcome = if intact.is_empty() { Repair::Manual(RESTORE) } else { Repair::Possible(what) };
        if repair && !intact.is_empty() {
            let recent = Pointer::recent_with(Some(base), &format!("repair-{}", nonce()));
            match locked.switch(&Pointer { generations: intact, damaged, recent })? {
                Switched::Published => outcome = Repair::Done(what),
                // A training or a deletion replaced it at the same time.
                Switched::Deleted | Switched::Lost => return Ok(Vec::new()),
            }
        }
        let finding = |(path, problem): (String, String)| Finding::new(path, problem, outcome);
        Ok(problems.into_iter().map(finding).collect())
    }
}
