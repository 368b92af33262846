//! The size of a data directory, and whether it can be written to.
//!
//! Must not know when it is asked for.

use std::fs;
use std::io::Write as _;

use super::data_dir::LocalStore;
use crate::fs::failpoints::failpoint;
use crate::fs::free_bytes;
use crate::store::error::{IoContext, StoreError};
use crate::store::usage::Usage;

impl LocalStore {
    /// Counts the models and their bytes, with a look at every file. Takes no lock; what cannot be read is not counted.
    pub fn usage(&self) -> Result<Usage, StoreError> {
        let models = self.models()?.models.len();
        let with_runs = self.model_dirs()?.models;
        Ok(Usage { models, bytes: with_runs.iter().map(|(_, _, model_dir)| model_dir.bytes()).sum() })
    }

    /// The bytes that can still be written to the file system of the data directory.
    pub fn free_bytes(&self) -> Result<u64, StoreError> {
        free_bytes(&self.root.path()).context("read the free space of", &self.root)
    }

    /// Writes a small file and removes it. A data directory that is gone is not created again.
    pub fn check_writable(&self) -> Result<(), StoreError> {
        fs::metadata(self.root.path()).context("look at", &self.root)?;
        let file = self.workspace.new_temporary()?;
        let write = || {
            failpoint("check the data directory").and_then(|()| file.path.create_new()?.write_all(b"ready"))
        };
        write().context("write", &file.path)?;
        file.remove()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{DirHash, ModelId, NewGeneration};

    #[test]
    fn counts_models_and_the_bytes_of_their_files() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = LocalStore::open(dir.path()).expect("writable");
        assert_eq!(store.usage().expect("readable"), Usage { models: 0, bytes: 0 });
        let id = ModelId::new("m").expect("an id");
        let model_dir = store.model(&id, &DirHash::new("dirhash", "d").expect("a hash"));
        let facts = serde_json::json!({});
        let new = NewGeneration { model: &[7; 1000], samples: Some(&[7; 500]), facts: &facts };
        model_dir.publish(&model_dir.lock().expect("free"), &new).expect("published");
        let usage = store.usage().expect("readable");
        assert_eq!(usage.models, 1);
        assert!((1500..4000).contains(&usage.bytes), "{usage:?}");
        assert!(store.free_bytes().expect("a file system") > 0);
    }

    #[test]
    fn a_closed_store_cannot_be_written_to() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = LocalStore::open(dir.path()).expect("writable");
        store.check_writable().expect("writable");
        store.close();
        store.check_writable().expect_err("closed");
    }
}
