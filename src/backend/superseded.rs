//! Changes of a model that start again when another server was faster.
//!
//! Only servers on one bucket can change a model at the same time. Must not know what a change consists of.

use super::BackendError;
use crate::store::StoreError;

/// How often a change starts again. Each time, another server has published: so all of them together go on.
const ATTEMPTS: usize = 100;

/// Makes a change until no other server changed the model in the meantime. `change` begins with acquiring the lock and reading
/// the model.
///
/// # Errors
/// Those of the change.
pub(super) fn until_published<T>(
    mut change: impl FnMut() -> Result<T, BackendError>,
) -> Result<T, BackendError> {
    for attempt in 1..ATTEMPTS {
        match change() {
            Err(BackendError::StoreUnavailable(StoreError::Superseded { .. })) => {
                tracing::info!(
                    attempt,
                    "another server changed the model at the same time: starting again from its model"
                );
            }
            changed => return changed,
        }
    }
    change()
}
