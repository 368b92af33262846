//! Which models a data directory holds.

use super::Store;
use super::error::StoreError;
use super::files;
use super::key::{DirHash, ModelId};
use super::model_dir::ModelDir;
use crate::fs::nofollow::{Kind, NoFollowPath};

/// What a data directory holds.
#[derive(Debug, Default)]
pub struct Listing {
    /// The models by id and hash, in the order of their names.
    pub models: Vec<(ModelId, DirHash, ModelDir)>,
    /// The ids whose content cannot be listed, and why.
    pub unreadable: Vec<(ModelId, StoreError)>,
}

impl Store {
    /// Every model with anything in its `classifier/`.
    pub fn models(&self) -> Result<Listing, StoreError> {
        self.with_any_of(&["classifier"])
    }

    /// Every model, also where only evaluations are.
    pub fn homes(&self) -> Result<Listing, StoreError> {
        self.with_any_of(&["classifier", "logs"])
    }

    fn with_any_of(&self, parts: &[&str]) -> Result<Listing, StoreError> {
        let mut listing = Listing::default();
        for id in directories(&self.root)? {
            // Names that no request can have are not ours.
            let Some(id) = ModelId::new(&id).ok().filter(|known| known.as_str() == id) else { continue };
            let tree = self.root.join(id.as_str());
            let hashes = match directories(&tree) {
                Ok(hashes) => hashes,
                Err(error) => {
                    listing.unreadable.push((id, error));
                    continue;
                }
            };
            for hash in hashes {
                let known = DirHash::new("dirhash", &hash).ok().filter(|known| known.as_str() == hash);
                let Some(hash) = known else { continue };
                if any_of(parts, &tree.join(hash.as_str())) {
                    let model_dir = self.model(&id, &hash);
                    listing.models.push((id.clone(), hash, model_dir));
                }
            }
        }
        Ok(listing)
    }
}

/// Whether one of these directories is there. Where there is a link instead, or an unreadable entry, the job that
/// uses the model meets it, and says so.
fn any_of(parts: &[&str], model_dir: &NoFollowPath) -> bool {
    parts.iter().any(|part| !matches!(model_dir.join(part).kind(), Ok(None | Some(Kind::File | Kind::Other))))
}

/// The names of the directories in `place`, sorted; none when it has been deleted.
fn directories(place: &NoFollowPath) -> Result<Vec<String>, StoreError> {
    let entries = files::entries(place)?.into_iter();
    let directories = entries.filter(|entry| entry.kind == Kind::Directory);
    Ok(directories.filter_map(|entry| entry.name.into_string().ok()).collect())
}
