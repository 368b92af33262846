//! Which models a data directory holds.

use std::path::Path;

use super::Store;
use super::error::{During, StoreError};
use super::files::{self, existing};
use super::home::ModelHome;
use super::id::{DirHash, ModelId};

impl Store {
    /// Every model with anything in its `classifier/`, by id and hash, in the order of their names.
    pub fn models(&self) -> Result<Vec<(ModelId, DirHash, ModelHome)>, StoreError> {
        self.with_any_of(&["classifier"])
    }

    /// Every model, also where only evaluations are.
    pub fn homes(&self) -> Result<Vec<(ModelId, DirHash, ModelHome)>, StoreError> {
        self.with_any_of(&["classifier", "logs"])
    }

    fn with_any_of(&self, parts: &[&str]) -> Result<Vec<(ModelId, DirHash, ModelHome)>, StoreError> {
        let mut models = Vec::new();
        for id in directories(&self.root)? {
            // Names that no request can have are not ours.
            let Some(id) = ModelId::new(&id).ok().filter(|known| known.as_str() == id) else { continue };
            let tree = self.root.join(id.as_str());
            for hash in directories(&tree)? {
                let known = DirHash::new("dirhash", &hash).ok().filter(|known| known.as_str() == hash);
                let some =
                    |hash: &DirHash| parts.iter().any(|part| tree.join(hash.as_str()).join(part).is_dir());
                let Some(hash) = known.filter(some) else { continue };
                let home = self.model(&id, &hash);
                models.push((id.clone(), hash, home));
            }
        }
        Ok(models)
    }
}

/// The names of the directories in `path`, sorted.
fn directories(path: &Path) -> Result<Vec<String>, StoreError> {
    let mut names = Vec::new();
    // Deleted meanwhile.
    let Some(entries) = existing(files::list(path)).during("list", path)? else { return Ok(names) };
    for entry in entries {
        let entry = entry.during("list", path)?;
        if entry.path().is_dir()
            && let Ok(name) = entry.file_name().into_string()
        {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}
