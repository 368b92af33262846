//! The disk space that models take.
//!
//! Must not know whose models they are.

use super::BackendError;
use crate::fs::nofollow::{Kind, NoFollowPath};
use crate::store::Store;

/// The bytes of all files of the models whose ids begin with `prefix`, evaluations included. Looks at every file; what cannot be
/// read is not counted.
///
/// # Errors
/// [`BackendError`] if the data directory cannot be listed.
pub fn disk_usage(store: &Store, prefix: &str) -> Result<u64, BackendError> {
    let ids = store.ids()?;
    let own = ids.iter().filter(|id| id.as_str().starts_with(prefix));
    Ok(own.map(|id| size(&store.root().join(id.as_str()))).sum())
}

fn size(path: &NoFollowPath) -> u64 {
    let entries = path.list().unwrap_or_default();
    let sizes = entries.iter().map(|entry| {
        let path = path.join(&entry.name);
        match entry.kind {
            Kind::Directory => size(&path),
            _ => path.metadata().ok().flatten().map_or(0, |found| found.size),
        }
    });
    sizes.sum()
}
