//! Which models a data directory holds.

use super::Store;
use super::error::StoreError;
use super::files;
use super::home::ModelHome;
use super::id::{DirHash, ModelId};
use crate::beneath::{Kind, Place};

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
                let Some(hash) = known else { continue };
                if any_of(parts, &tree.join(hash.as_str())) {
                    let home = self.model(&id, &hash);
                    models.push((id.clone(), hash, home));
                }
            }
        }
        Ok(models)
    }
}

/// Whether one of these directories is there. Where there is a link instead, or what cannot be looked at, whoever
/// uses the model meets it, and says so.
fn any_of(parts: &[&str], home: &Place) -> bool {
    parts.iter().any(|part| !matches!(home.join(part).kind(), Ok(None | Some(Kind::File | Kind::Other))))
}

/// The names of the directories in `place`, sorted; none when it was deleted meanwhile.
fn directories(place: &Place) -> Result<Vec<String>, StoreError> {
    let entries = files::entries(place)?.into_iter();
    let directories = entries.filter(|entry| entry.kind == Kind::Directory);
    Ok(directories.filter_map(|entry| entry.name.into_string().ok()).collect())
}
