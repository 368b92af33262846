//! The limit of the disk space of one user.
//!
//! Owns what counts: the files of the user's models, or of all models if users share them, and those of its asynchronous jobs.
//! Must not know what is to be stored.

use actix_web::web;

use super::error::HttpError;
use super::state::AppState;
use crate::backend;
use crate::store::ModelId;
use crate::units::ByteSize;

/// Refuses a request for a model that sends `bytes` if that could exceed the quota of the user. What is stored in the end can be
/// less than what is sent.
pub(super) async fn check(
    state: &web::Data<AppState>,
    model: &ModelId,
    user: &str,
    bytes: u64,
) -> Result<(), HttpError> {
    let Some(quota) = state.config.shares.disk() else { return Ok(()) };
    let prefix = owner_prefix(state, model).to_owned();
    let (state_of_job, user) = (state.clone(), user.to_owned());
    let used = move || {
        let models = backend::disk_usage(&state_of_job.store, &prefix)?;
        Ok::<_, HttpError>(models.saturating_add(state_of_job.async_jobs.shelf.bytes_of(&user)?))
    };
    let used = state.jobs.quick.run(used).await??;
    if used.saturating_add(bytes) > quota {
        let (used, bytes, quota) = (ByteSize(used), ByteSize(bytes), ByteSize(quota));
        return Err(HttpError::DiskQuota { used, bytes, quota });
    }
    Ok(())
}

/// The beginning of the ids on the disk of all models of the owner: it ends with the first underscore.
fn owner_prefix<'a>(state: &AppState, model: &'a ModelId) -> &'a str {
    let id = model.as_str();
    match id.find('_').filter(|_| state.config.access.isolate_users) {
        Some(end) => &id[..=end],
        None => "",
    }
}
