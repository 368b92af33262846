//! Records the operations of requests in the audit trail.
//!
//! Owns what the trail says about an error of a request, and which part of the work records its end. Must not know how
//! lines are written.
//!
//! A short operation is a job of [`recorded`]. A long one begins before it is queued ([`AppState::begin`]): its job is that
//! of [`ending`], because the job goes on if the client closes the connection, and [`ended`] records that the job was
//! refused.

use actix_web::ResponseError as _;

use super::error::HttpError;
use super::state::AppState;
use crate::audit::{AuditError, Outcome, Recording, Subject, Trail, Verdict};
use crate::backend::{Audited, BackendError};
use crate::jobs::JobError;
use crate::store::{ModelDir, ModelKey, StoreError};

/// A job that does one operation and records it, as [`Trail::run`] does.
pub(super) fn recorded<T, F>(
    trail: &Trail,
    subject: Subject,
    operation: F,
) -> impl FnOnce() -> Result<T, HttpError> + Send + 'static + use<T, F>
where
    T: Audited,
    F: FnOnce() -> Result<T, BackendError> + Send + 'static,
{
    let trail = trail.clone();
    move || trail.run(subject, || operation().map_err(HttpError::from), Audited::outcome)?
}

/// The job of an operation that has begun. It records the end of the operation.
pub(super) fn ending<T, F>(
    recording: &Recording,
    operation: F,
) -> impl FnOnce() -> Result<T, HttpError> + Send + 'static + use<T, F>
where
    T: Audited,
    F: FnOnce() -> Result<T, BackendError> + Send + 'static,
{
    let recording = recording.clone();
    move || {
        let result = operation().map_err(HttpError::from);
        recording.end(result.outcome());
        result
    }
}

/// The result of such a job. If the job did not run to its end, this records why.
pub(super) fn ended<T>(
    recording: &Recording,
    result: Result<Result<T, HttpError>, JobError>,
) -> Result<T, HttpError> {
    result.map_err(HttpError::from).flatten().inspect_err(|error| recording.end(error.outcome()))
}

impl AppState {
    /// Where a model is stored, for a job that will change it, and the recording of that operation. The job counts as
    /// started now, before it is queued: a later deletion also deletes what the job stores.
    pub(super) async fn begin(
        &self,
        key: &ModelKey,
        subject: Subject,
    ) -> Result<(ModelDir, Recording), HttpError> {
        let (store, trail, key) = (self.store.clone(), self.trail.clone(), key.clone());
        let begin = move || Ok((crate::backend::begin(&store, &key)?, trail.begin(subject)?));
        self.jobs.quick.run(begin).await?
    }
}

impl Audited for HttpError {
    fn outcome(&self) -> Outcome {
        let (result, reason) = match self {
            Self::Backend(error) => {
                let outcome = error.outcome();
                return outcome.with_status(self.status_code().as_u16());
            }
            Self::QueueFull { .. } | Self::QueueBytes(_) | Self::QueueTimeout(_) | Self::QueueAway => {
                (Verdict::Refused, "busy")
            }
            Self::SetAside(_) => (Verdict::Failed, "set aside"),
            Self::Stopping => (Verdict::Refused, "stopping"),
            Self::Cancelled => (Verdict::Abandoned, "cancelled"),
            Self::NothingToExport => (Verdict::NoResult, "no model"),
            Self::Internal { .. } => (Verdict::Failed, "internal error"),
            _ => (Verdict::Refused, "bad input"),
        };
        Outcome::error(result, reason).with_status(self.status_code().as_u16())
    }
}

impl From<AuditError> for HttpError {
    fn from(error: AuditError) -> Self {
        match error {
            // The administrator of the site can act on these.
            AuditError::Store(
                error @ (StoreError::NoSpace { .. }
                | StoreError::Link { .. }
                | StoreError::Unavailable { .. }),
            ) => Self::Backend(error.into()),
            error => Self::internal("recording an operation in the audit trail", error),
        }
    }
}
