//! The space that models take.
//!
//! Must not know whose models they are.

use super::BackendError;
use crate::store::Store;

/// The bytes of all files of the models whose ids begin with `prefix`, evaluations included. What cannot be read is not counted.
///
/// # Errors
/// [`BackendError`] if the models cannot be listed.
pub fn disk_usage(store: &Store, prefix: &str) -> Result<u64, BackendError> {
    let mut bytes = 0;
    for id in store.ids()?.iter().filter(|id| id.as_str().starts_with(prefix)) {
        // An id whose models cannot be listed is reported where they are used.
        let models = store.model_dirs_of(id).unwrap_or_default();
        bytes += models.iter().map(|(_, model_dir)| model_dir.bytes()).sum::<u64>();
    }
    Ok(bytes)
}
