//! An object store in memory, for tests: it does what the protocol expects of a store, and nothing more.
//!
//! Must not know what an object contains.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use super::objects::{Condition, Got, Listed, Objects, Unavailable, Version};
use super::outside::now;
use crate::store::manifest::Checksum;

/// Objects by key.
#[derive(Debug, Default)]
pub(in crate::store) struct Memory(Mutex<BTreeMap<String, (Vec<u8>, u64)>>);

impl Memory {
    /// Changes the content of an object behind the store's back; `None` removes it.
    pub(in crate::store) fn damage(&self, key: &str, bytes: Option<&[u8]>) {
        let mut objects = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match bytes {
            Some(bytes) => drop(objects.insert(key.to_owned(), (bytes.to_vec(), 0))),
            None => drop(objects.remove(key)),
        }
    }

    /// The keys of all objects.
    pub(in crate::store) fn keys(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    /// Stores an object at this time; `None` if the condition is not met.
    pub(in crate::store) fn put_at(
        &self,
        key: &str,
        bytes: Vec<u8>,
        condition: Condition<'_>,
        stored_at: u64,
    ) -> Option<Version> {
        let mut objects = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = objects.get(key).map(|(bytes, _)| version(bytes));
        let is_met = match condition {
            Condition::Any => true,
            Condition::Absent => before.is_none(),
            Condition::Is(version) => before.as_ref() == Some(version),
        };
        is_met.then(|| {
            let new = version(&bytes);
            objects.insert(key.to_owned(), (bytes, stored_at));
            new
        })
    }
}

/// As S3 makes it: from the content alone, so that the same content has the same version again.
pub(super) fn version(bytes: &[u8]) -> Version {
    Version(Checksum::of(bytes).sha256)
}

impl Objects for Memory {
    fn address(&self, key: &str) -> PathBuf {
        format!("memory://{key}").into()
    }

    fn get(&self, key: &str, unless: Option<&Version>) -> Result<Got, Unavailable> {
        let objects = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(match objects.get(key) {
            None => Got::Missing,
            Some((bytes, _)) if unless == Some(&version(bytes)) => Got::Unchanged,
            Some((bytes, _)) => Got::Found(bytes.clone(), version(bytes)),
        })
    }

    fn put(
        &self,
        key: &str,
        bytes: Vec<u8>,
        condition: Condition<'_>,
    ) -> Result<Option<Version>, Unavailable> {
        Ok(self.put_at(key, bytes, condition, now()))
    }

    fn delete(&self, key: &str) -> Result<(), Unavailable> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
        Ok(())
    }

    fn list(&self, prefix: &str) -> Result<Vec<Listed>, Unavailable> {
        let objects = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let listed = objects.iter().filter(|(key, _)| key.starts_with(prefix));
        let listed = listed.map(|(key, (bytes, stored_at))| Listed {
            key: key.clone(),
            bytes: bytes.len() as u64,
            stored_at: *stored_at,
        });
        Ok(listed.collect())
    }

    fn directories(&self, prefix: &str) -> Result<Vec<String>, Unavailable> {
        let objects = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let below = objects.keys().filter_map(|key| key.strip_prefix(prefix)?.split_once('/'));
        let mut names: Vec<String> = below.map(|(name, _)| name.to_owned()).collect();
        names.dedup();
        Ok(names)
    }
}
