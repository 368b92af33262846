//! The epochs of a model id: each deletion begins a new one.
//!
//! Owns the object that names the epoch, and the one put that deletes. Must not know what is stored in an epoch.

use serde::{Deserialize, Serialize};

use super::keys;
use super::objects::{Condition, Objects, Version};
use super::outside::nonce;
use crate::store::error::StoreError;
use crate::store::identity::{Kind, ModelIdentity};
use crate::store::key::ModelId;
use crate::store::manifest::to_json;

/// The time between two deletions of a model id. What began in an earlier one is never seen again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Epoch {
    name: String,
    /// Of the object that names it; `None` before the first deletion.
    version: Option<Version>,
}

/// Names the epoch that the last deletion began.
#[derive(Debug, Serialize, Deserialize)]
struct Deletion {
    epoch: String,
    /// When it was deleted, for administrators.
    when: String,
}

impl Epoch {
    /// The epoch of an id that was never deleted.
    pub(super) const FIRST: &str = "0";

    /// The present one.
    pub(super) fn read(objects: &dyn Objects, id: &ModelId) -> Result<Self, StoreError> {
        let key = keys::of_deletion(id);
        let Some((bytes, version)) = objects.get(&key, None)?.found() else {
            return Ok(Self { name: Self::FIRST.to_owned(), version: None });
        };
        let deletion: Deletion = serde_json::from_slice(&bytes).map_err(|_| StoreError::Corrupt {
            path: objects.address(&key),
            problem: "it cannot be parsed; restore an earlier version of this object".to_owned(),
        })?;
        Ok(Self { name: deletion.epoch, version: Some(version) })
    }

    /// What identifies a model whose pointer has this version.
    pub(super) fn identity(&self, pointer: &Version) -> ModelIdentity {
        let deletion = self.version.as_ref().map(|version| version.0.clone());
        ModelIdentity(Kind::Bucket { epoch: self.name.clone(), deletion, pointer: pointer.0.clone() })
    }

    /// The epoch of an identity.
    pub(super) fn again(name: &str, deletion: Option<&str>) -> Self {
        Self { name: name.to_owned(), version: deletion.map(|version| Version(version.to_owned())) }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether the id was never deleted.
    pub(super) fn is_first(&self) -> bool {
        self.version.is_none()
    }

    /// Whether it still is the present one; one short request.
    pub(super) fn is_present(&self, objects: &dyn Objects, id: &ModelId) -> Result<bool, StoreError> {
        use super::objects::Got;
        Ok(match objects.get(&keys::of_deletion(id), self.version.as_ref())? {
            Got::Missing => self.version.is_none(),
            Got::Unchanged => true,
            Got::Found(_, version) => Some(version) == self.version,
        })
    }

    /// Begins a new one: at once, no reader sees anything of the earlier ones.
    pub(super) fn begin(objects: &dyn Objects, id: &ModelId) -> Result<Self, StoreError> {
        let key = keys::of_deletion(id);
        let name = nonce();
        let present = Self::read(objects, id)?;
        let deletion = Deletion { epoch: name.clone(), when: jiff::Timestamp::now().to_string() };
        match objects.put(&key, to_json(&deletion), Condition::unchanged(present.version.as_ref())) {
            Ok(Some(version)) => Ok(Self { name, version: Some(version) }),
            // Another deletion has begun an epoch since, or this one did and its answer was lost: either deletes. To put this
            // name again would bring back an epoch that may have ended.
            Ok(None) => Self::read(objects, id),
            Err(error) => {
                let present = Self::read(objects, id)?;
                if present.name == name { Ok(present) } else { Err(error.into()) }
            }
        }
    }
}
