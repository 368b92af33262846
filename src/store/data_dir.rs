//! The store of a server: all its models.
//!
//! Owns the choice of the place when it is opened. Must not know how a place keeps models.

use std::path::Path;
use std::sync::Arc;

use super::bucket::{Bucket, BucketStore, BucketUrl, Objects};
use super::error::StoreError;
use super::finding::Finding;
use super::key::{DirHash, ModelId};
use super::listing::Listing;
use super::local::LocalStore;
use super::model_dir::ModelDir;
use super::pruned::Pruned;
use super::retention::Retention;
use super::store_place::StorePlace;
use super::usage::Usage;
use crate::fs::nofollow::NoFollowPath;

/// All models of a server, in a data directory or in a bucket.
#[derive(Debug, Clone)]
pub struct Store {
    place: Arc<dyn StorePlace>,
    kind: Kind,
}

/// What the place is.
#[derive(Debug, Clone)]
enum Kind {
    Directory(LocalStore),
    Bucket(Arc<dyn Objects>),
}

/// Where a server keeps what is not a model: below `.mlbackend`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum OwnPlace<'a> {
    Directory(&'a NoFollowPath),
    Bucket(&'a Arc<dyn Objects>),
}

impl Store {
    /// Opens an existing, writable data directory. Removes what crashes left incomplete, but nothing of other running
    /// processes. [`StoreError::Unusable`] states the remedy.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        LocalStore::open(root).map(Self::of_directory)
    }

    /// Opens a data directory without changing anything.
    pub fn open_read_only(root: &Path) -> Result<Self, StoreError> {
        LocalStore::open_read_only(root).map(Self::of_directory)
    }

    /// Opens a bucket, with the settings of the usual variables among `variables`: `AWS_*`, `GOOGLE_*` or `AZURE_*`. With
    /// `examine`, as before anything is written, makes sure that it keeps the conditions of puts.
    ///
    /// # Errors
    /// [`StoreError::UnusableBucket`] if a variable is wrong or conditions are not kept; [`StoreError::Unavailable`] if it
    /// cannot be reached.
    pub fn open_bucket(
        url: &BucketUrl,
        variables: impl IntoIterator<Item = (String, String)>,
        examine: bool,
    ) -> Result<Self, StoreError> {
        let objects: Arc<dyn Objects> = Arc::new(Bucket::new(url, variables)?);
        let store = BucketStore::new(Arc::clone(&objects));
        if examine {
            store.check_conditional_puts()?;
        }
        Ok(Self { place: Arc::new(store), kind: Kind::Bucket(objects) })
    }

    /// A bucket that a test brings along.
    #[cfg(test)]
    pub(super) fn on(objects: Arc<dyn Objects>) -> Self {
        let store = BucketStore::new(Arc::clone(&objects));
        Self { place: Arc::new(store), kind: Kind::Bucket(objects) }
    }

    fn of_directory(local: LocalStore) -> Self {
        Self { place: Arc::new(local.clone()), kind: Kind::Directory(local) }
    }

    /// Where a server keeps what is not a model.
    pub(crate) fn own_place(&self) -> OwnPlace<'_> {
        match &self.kind {
            Kind::Directory(local) => OwnPlace::Directory(local.root()),
            Kind::Bucket(objects) => OwnPlace::Bucket(objects),
        }
    }

    fn directory(&self) -> Option<&LocalStore> {
        match &self.kind {
            Kind::Directory(local) => Some(local),
            Kind::Bucket(_) => None,
        }
    }

    /// The data directory itself, for tests of what only a directory has.
    #[cfg(test)]
    pub(super) fn local(&self) -> &LocalStore {
        self.directory().expect("a data directory")
    }

    /// The user id of the server that uses this data directory, or else that of the directory's owner. `None` for a bucket.
    pub fn owner(&self) -> Result<Option<u32>, StoreError> {
        self.directory().map(LocalStore::owner).transpose()
    }

    /// Sets the retention of all models that [`Self::model`] returns from now on.
    #[must_use]
    pub fn with_retention(self, retention: Retention) -> Self {
        let kind = match self.kind {
            Kind::Directory(local) => Kind::Directory(local.with_retention(retention)),
            bucket @ Kind::Bucket(_) => bucket,
        };
        Self { place: self.place.with_retention(retention), kind }
    }

    /// Ends the use of the store by this process: running jobs can no longer publish, and new ones cannot start.
    pub fn close(&self) {
        self.place.close();
    }

    /// One model. Nothing is created before something is published.
    #[must_use]
    pub fn model(&self, id: &ModelId, hash: &DirHash) -> ModelDir {
        ModelDir::new(self.place.model(id, hash))
    }

    /// Deletes everything of one model id, also what running jobs are about to publish. If there is nothing, this is no
    /// error. After an error the model is deleted as far as readers can see, or unchanged.
    pub fn delete(&self, id: &ModelId) -> Result<(), StoreError> {
        self.place.delete(id)
    }

    /// The models that were trained, imported or left by the Python server.
    pub fn models(&self) -> Result<Listing, StoreError> {
        self.place.models()
    }

    /// These and the ones that only have evaluation runs.
    pub fn model_dirs(&self) -> Result<Listing, StoreError> {
        self.place.model_dirs()
    }

    /// The ids that may have a model, sorted.
    pub fn ids(&self) -> Result<Vec<ModelId>, StoreError> {
        self.place.ids()
    }

    /// The models and evaluation runs of one id, sorted by hash.
    pub fn model_dirs_of(&self, id: &ModelId) -> Result<Vec<(DirHash, ModelDir)>, StoreError> {
        self.place.model_dirs_of(id)
    }

    /// Applies the retention settings to every model and removes generations whose publication a crash interrupted. With
    /// `dry_run`, removes nothing. Returns the models with anything to remove or with an error.
    pub fn prune(&self, dry_run: bool) -> Result<Vec<Pruned>, StoreError> {
        self.place.prune(dry_run)
    }

    /// Finds leftovers of crashes and what belongs to no model. With `repair`, removes the leftovers.
    pub fn examine(&self, repair: bool) -> Result<Vec<Finding>, StoreError> {
        self.place.examine(repair)
    }

    /// Counts the models and their bytes. Takes no lock; what cannot be read is not counted.
    pub fn usage(&self) -> Result<Usage, StoreError> {
        self.place.usage()
    }

    /// The bytes that can still be written to the file system of the data directory; `None` for a bucket.
    pub fn free_bytes(&self) -> Result<Option<u64>, StoreError> {
        self.directory().map(LocalStore::free_bytes).transpose()
    }

    /// Writes something small and removes it.
    pub fn check_writable(&self) -> Result<(), StoreError> {
        self.place.check_writable()
    }
}
