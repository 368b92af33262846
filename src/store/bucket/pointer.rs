//! The pointer of a model: which generations are kept, and which of them is the current one.
//!
//! Owns its form. Must not know when it is replaced.

use serde::{Deserialize, Serialize};

use super::keys::{GENERATIONS, POINTER};
use super::objects::{Objects, Version};
use crate::store::error::StoreError;
use crate::store::manifest::Manifest;

/// How many publications the pointer names: a server whose put was stored while its answer was lost finds its own among them,
/// though others have published since.
const RECENT: usize = 64;

/// Names the kept generations of a model.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Pointer {
    /// Newest first; the first one is current.
    pub(super) generations: Vec<Entry>,
    /// Damaged generations that a repair has set aside.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) damaged: Vec<Entry>,
    /// The last publications, newest first. Makes each content of the pointer unique, so that a version never comes back.
    pub(super) recent: Vec<String>,
}

/// One generation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Entry {
    /// The name of its directory.
    pub(super) publication: String,
    #[serde(flatten)]
    pub(super) manifest: Manifest,
}

impl Entry {
    /// The key of one of its files, below the prefix of its model.
    pub(super) fn key(&self, model: &str, file: &str) -> String {
        format!("{model}{GENERATIONS}{}/{file}", self.publication)
    }
}

impl Pointer {
    /// Reads the pointer of the model with this prefix; `None` if nothing was published.
    pub(super) fn read(objects: &dyn Objects, model: &str) -> Result<Option<(Self, Version)>, StoreError> {
        let key = key(model);
        let Some((bytes, version)) = objects.get(&key, None)?.found() else { return Ok(None) };
        let address = objects.address(&key);
        let pointer: Option<Self> = serde_json::from_slice(&bytes).ok();
        let is_intact = |pointer: &Self| {
            let manifests = pointer.generations.iter().map(|entry| &entry.manifest);
            !pointer.generations.is_empty()
                && manifests.into_iter().all(|manifest| manifest.is_intact(&address.display()))
        };
        match pointer.filter(is_intact) {
            Some(pointer) => Ok(Some((pointer, version))),
            None => Err(StoreError::Corrupt {
                path: address,
                problem: "it is damaged; restore an earlier version of this object, or delete the model and train it anew"
                    .to_owned(),
            }),
        }
    }

    /// The current generation.
    pub(super) fn current(&self) -> Option<&Entry> {
        self.generations.first()
    }

    /// Whether this publication is among the last.
    pub(super) fn names(&self, publication: &str) -> bool {
        self.recent.iter().any(|recent| recent == publication)
    }

    /// The last publications after one more.
    pub(super) fn recent_with(before: Option<&Self>, publication: &str) -> Vec<String> {
        let before = before.map(|pointer| pointer.recent.as_slice()).unwrap_or_default().iter().cloned();
        std::iter::once(publication.to_owned()).chain(before).take(RECENT).collect()
    }
}

/// The key of the pointer of the model with this prefix.
pub(super) fn key(model: &str) -> String {
    format!("{model}{POINTER}")
}
