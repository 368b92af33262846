//! The operations that may take long: training, evaluation, prediction and explanation.
//!
//! Owns how a job is performed: for a client that waits for its reply and for one that asks for it later, also after a restart.
//! Must not know how the reply reaches the client.

mod evaluation;
mod explanation;
mod iterations;
mod job;
mod prediction;
mod report_address;
mod training;

use actix_web::web;
use serde::Serialize;
use serde_json::value::RawValue;

use super::error::HttpError;
use super::state::AppState;
use crate::backend::{self, BackendError, EvaluationReply, Explanation, Prediction};
use crate::jobs::{Reporter, Ticket};
use crate::store::{DirHash, ModelKey};
use crate::telemetry::metrics;

pub(in crate::http) use evaluation::failed_run;
pub(in crate::http) use job::{Files, Job, Task};
pub(in crate::http) use prediction::predict;
pub(in crate::http) use report_address::ReportAddress;

/// The reply of a job: the JSON of its route.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(in crate::http) enum Reply {
    Training(backend::Training),
    Evaluation(EvaluationReply),
    Prediction(Prediction),
    Explanation(Explanation),
    /// The JSON that another process made.
    Stored(Box<RawValue>),
}

/// The place of a job in a queue. Long work is listed from now on.
pub(in crate::http) fn ticket(state: &AppState, job: &Job) -> Ticket {
    let user = job.actor.user();
    let listed = match job.task {
        Task::Training => Some(metrics::Operation::Training),
        Task::Evaluation { .. } => Some(metrics::Operation::Evaluation),
        Task::Prediction | Task::Explanation { .. } => None,
    };
    let begin = |operation| state.work.begin(operation, &job.key, user);
    Ticket::new(user, &listed.map_or_else(Reporter::unlisted, begin))
}

/// Does a job, and records it in the audit trail.
pub(in crate::http) async fn perform(
    state: web::Data<AppState>,
    job: Job,
    ticket: Ticket,
) -> Result<Reply, HttpError> {
    let subject = job.subject();
    let Job { task, key, files: Files { dataset, background }, bytes, .. } = job;
    match task {
        Task::Training => {
            training::train(state, subject, key, dataset, bytes, ticket).await.map(Reply::Training)
        }
        Task::Evaluation { request, trained, report } => {
            let dir = trained.map(|dir| DirHash::new("trainedmodeldirhash", &dir)).transpose()?;
            let trained = dir.map(|dir| ModelKey { id: key.id.clone(), dir });
            let what = evaluation::What { key, trained, request, report };
            evaluation::evaluate(state, subject, what, dataset, ticket).await.map(Reply::Evaluation)
        }
        Task::Prediction => predict(state, subject, key, dataset, ticket).await.map(Reply::Prediction),
        Task::Explanation { top } => {
            let request = backend::ExplanationRequest { background, top };
            explanation::explain(state, subject, key, dataset, request, ticket).await.map(Reply::Explanation)
        }
    }
}

/// A short operation that is not looked into while it runs: if it is cancelled then, its result is discarded.
fn unless_cancelled<T, F>(
    ticket: &Ticket,
    operation: F,
) -> impl FnOnce() -> Result<T, BackendError> + use<T, F>
where
    F: FnOnce() -> Result<T, BackendError>,
{
    let reporter = ticket.reporter().clone();
    move || {
        if !reporter.start() {
            return Err(BackendError::Cancelled);
        }
        let result = operation()?;
        if reporter.is_cancelled() { Err(BackendError::Cancelled) } else { Ok(result) }
    }
}
