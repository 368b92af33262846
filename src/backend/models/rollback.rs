//! Makes an earlier generation of a model the current one again.
//!
//! Must not know how generations are published.

use crate::backend::BackendError;
use crate::backend::superseded::until_published;
use crate::store::{Generation, ModelDir, RollbackError};

/// A rollback that was done.
#[derive(Debug)]
pub struct RolledBack {
    /// The new current generation.
    pub generation: Generation,
    /// The number of the generation that it is a copy of.
    pub restored_from: u64,
}

/// Publishes a copy of generation `number`, or of the one before the current one. The samples of that generation come with
/// it: the next training continues from them.
///
/// # Errors
/// [`BackendError::Rollback`] if there is no such generation; nothing is changed.
pub fn roll_back(model_dir: &ModelDir, number: Option<u64>) -> Result<RolledBack, BackendError> {
    let (generation, restored_from) = until_published(|| {
        let lock = model_dir.lock()?;
        model_dir.roll_back(&lock, number).map_err(|error| match error {
            RollbackError::Store(error) => error.into(),
            refused => BackendError::Rollback(refused),
        })
    })?;
    tracing::info!(restored_from, generation = generation.number(), "model rolled back");
    Ok(RolledBack { generation, restored_from })
}
