//! The JSON of asynchronous jobs.
//!
//! Owns its fields, their order and their description, and which jobs a user sees. Must not know where jobs are stored.

use serde::Serialize;
use utoipa::ToSchema;

use crate::http::async_jobs::{Ending, JobId, Progress, Record};
use crate::http::extract::account::{Account, Role};
use crate::http::openapi::forms::JobState;
use crate::http::routes::models::list::Names;
use crate::jobs::Phase;

/// A page of the list of jobs. The header `Link` has the addresses of the other pages.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct JobList {
    /// The jobs of the page, the newest first, without their results.
    pub(super) jobs: Vec<JobView>,
}

/// An asynchronous job.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AsyncJob)]
pub(in crate::http) struct JobView {
    /// Its id.
    #[schema(example = "5b1f7a2c9d0e4f365b1f7a2c9d0e4f36")]
    id: String,
    /// `training`, `evaluation`, `prediction` or `explanation`.
    #[schema(example = "training")]
    operation: &'static str,
    /// Moodle's id of the model.
    uniqueid: String,
    /// Moodle's id of its use.
    dirhash: String,
    /// The user that requested it. Only for admins and viewers.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    user: Option<String>,
    /// What the job does now.
    #[schema(value_type = JobState)]
    state: &'static str,
    /// When it was requested (RFC 3339).
    #[schema(example = "2026-11-27T17:54:08.123456789Z", format = DateTime)]
    requested: String,
    /// When it ended.
    #[schema(example = "2026-11-27T17:55:08.123456789Z", format = DateTime)]
    ended: Option<String>,
    /// How far a running job is; `null` also if another process of the server has it.
    progress: Option<ProgressView>,
    /// The status that the route itself would have responded with; of a cancelled job `null`.
    #[schema(example = 200)]
    status: Option<u16>,
    /// The sentence that the route would have responded with, if the job failed.
    error: Option<String>,
    /// The JSON that the route would have responded with, if the job is done. Not in the list, and not for viewers.
    #[serde(skip_serializing_if = "is_added")]
    #[schema(required = false, nullable = false, value_type = Object)]
    result: Option<Vec<u8>>,
}

/// How far a job is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JobProgress)]
pub(in crate::http) struct ProgressView {
    /// `reading`, `comparing` (a training compares learners), `fitting`, `evaluating` or `saving`.
    #[schema(example = "comparing")]
    phase: &'static str,
    /// About which part of it is done, from 0 to 1.
    #[schema(example = 0.4)]
    done: f64,
}

/// [`JobView::into_json`] adds it.
#[allow(clippy::ref_option, reason = "serde calls it so")]
fn is_added(_: &Option<Vec<u8>>) -> bool {
    true
}

/// Whether a user sees a job.
pub(super) fn sees(account: &Account, record: &Record) -> bool {
    !record.is_hidden && (account.role() != Role::User || record.user() == account.name())
}

/// The state of a job: `progress` is there if this process has it.
pub(super) fn state(record: &Record, progress: Option<Progress>) -> &'static str {
    let ending = record.end.as_ref().map(|end| end.ending);
    match (ending, progress) {
        (Some(Ending::Done), _) => "done",
        (Some(Ending::Failed), _) => "failed",
        (Some(Ending::Cancelled), _)
        | (None, Some(Progress { phase: Phase::Waiting, is_cancelled: true, .. })) => "cancelled",
        (None, Some(Progress { phase: Phase::Waiting, .. }) | None) => "queued",
        (None, Some(_)) => "running",
    }
}

impl JobView {
    pub(super) fn new(
        id: &JobId,
        record: Record,
        progress: Option<Progress>,
        account: &Account,
        names: &Names,
    ) -> Self {
        let state = state(&record, progress);
        let progress = progress.filter(|_| state == "running").map(ProgressView::of);
        let uniqueid =
            names.of(&record.uniqueid).map_or(record.uniqueid.as_str(), |(_, name)| name).to_owned();
        let user = (account.role() != Role::User).then(|| record.user().to_owned());
        let end = record.end;
        Self {
            id: id.as_str().to_owned(),
            operation: record.task.operation().name(),
            uniqueid,
            dirhash: record.dirhash,
            user,
            state,
            requested: record.requested.to_string(),
            ended: end.as_ref().map(|end| end.time.to_string()),
            progress,
            status: end.as_ref().and_then(|end| end.status),
            error: end.and_then(|end| end.error),
            result: None,
        }
    }

    pub(super) fn with_result(self, result: Option<Vec<u8>>) -> Self {
        Self { result, ..self }
    }

    /// The JSON with the result, which is passed on byte by byte.
    pub(super) fn into_json(self) -> serde_json::Result<Vec<u8>> {
        let mut json = serde_json::to_vec(&self)?;
        if let Some(result) = self.result {
            // The last character is the brace behind the fields, of which there are some.
            json.pop();
            json.extend_from_slice(b",\"result\":");
            json.extend_from_slice(&result);
            json.push(b'}');
        }
        Ok(json)
    }
}

impl ProgressView {
    fn of(Progress { phase, fraction, .. }: Progress) -> Self {
        Self { phase: phase.name(), done: fraction }
    }
}
