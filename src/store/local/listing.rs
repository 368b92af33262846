//! Lists the models of a data directory.
//!
//! Must not know what is in the directory of a model.

use std::sync::Arc;

use super::data_dir::LocalStore;
use super::files;
use crate::fs::nofollow::{Kind, NoFollowPath};
use crate::store::error::StoreError;
use crate::store::key::{DirHash, ModelId};
use crate::store::listing::Listing;
use crate::store::model_dir::ModelDir;

impl LocalStore {
    /// The models with a `classifier/`.
    pub fn models(&self) -> Result<Listing, StoreError> {
        self.list_models(&["classifier"])
    }

    /// The models with a `classifier/` or with evaluation runs.
    pub fn model_dirs(&self) -> Result<Listing, StoreError> {
        self.list_models(&["classifier", "logs"])
    }

    /// The ids that have a directory, sorted. Looks at one directory only: an id may have no model.
    pub fn ids(&self) -> Result<Vec<ModelId>, StoreError> {
        Ok(directories(&self.root)?.iter().filter_map(|name| ModelId::of_directory(name)).collect())
    }

    /// The models and evaluation runs of one id, sorted by hash; none if its directory does not exist.
    pub fn model_dirs_of(&self, id: &ModelId) -> Result<Vec<(DirHash, ModelDir)>, StoreError> {
        let tree = self.root.join(id.as_str());
        let hashes = directories(&tree)?;
        let hashes = hashes.iter().filter_map(|name| DirHash::of_directory(name));
        let used = hashes.filter(|hash| has_any(&tree.join(hash.as_str()), &["classifier", "logs"]));
        Ok(used.map(|hash| (hash.clone(), self.listed(id, &hash))).collect())
    }

    fn listed(&self, id: &ModelId, hash: &DirHash) -> ModelDir {
        ModelDir::new(Arc::new(self.model(id, hash)))
    }

    fn list_models(&self, parts: &[&str]) -> Result<Listing, StoreError> {
        let mut listing = Listing::default();
        for id in directories(&self.root)?.iter().filter_map(|name| ModelId::of_directory(name)) {
            let tree = self.root.join(id.as_str());
            let hashes = match directories(&tree) {
                Ok(hashes) => hashes,
                Err(error) => {
                    listing.unreadable.push((id, error));
                    continue;
                }
            };
            for hash in hashes.iter().filter_map(|name| DirHash::of_directory(name)) {
                if has_any(&tree.join(hash.as_str()), parts) {
                    let model_dir = self.listed(&id, &hash);
                    listing.models.push((id.clone(), hash, model_dir));
                }
            }
        }
        Ok(listing)
    }
}

/// Whether any of these directories exists. A link or an unreadable entry counts: using the model reports it.
fn has_any(model_dir: &NoFollowPath, parts: &[&str]) -> bool {
    parts.iter().any(|part| !matches!(model_dir.join(part).kind(), Ok(None | Some(Kind::File | Kind::Other))))
}

/// The names of the directories in a directory, sorted; none if it does not exist.
fn directories(path: &NoFollowPath) -> Result<Vec<String>, StoreError> {
    let entries = files::entries(path)?.into_iter();
    let directories = entries.filter(|entry| entry.kind == Kind::Directory);
    Ok(directories.filter_map(|entry| entry.name.into_string().ok()).collect())
}
