//! An evaluation, between its request and its reply.
//!
//! Must not know how a model is evaluated.

use actix_web::web;

use super::iterations;
use super::report_address::ReportAddress;
use crate::audit::Subject;
use crate::backend::{self, EvaluationReply, EvaluationRequest, TimeBudget, Upload};
use crate::http::audit::{ended, ending};
use crate::http::error::HttpError;
use crate::http::state::AppState;
use crate::jobs::Ticket;
use crate::store::{ModelKey, RunId};

/// What is evaluated, and how.
pub(super) struct What {
    pub(super) key: ModelKey,
    /// The trained model that is rated instead of new ones.
    pub(super) trained: Option<ModelKey>,
    pub(super) request: EvaluationRequest,
    pub(super) report: Option<ReportAddress>,
}

pub(super) async fn evaluate(
    state: web::Data<AppState>,
    subject: Subject,
    What { key, trained, request, report }: What,
    dataset: Upload,
    ticket: Ticket,
) -> Result<EvaluationReply, HttpError> {
    let (model, recording) = state.begin(&key, subject).await?;
    let trained = trained.map(|key| state.model(&key));
    let live = state.config.live();
    let (limits, time) = (live.dataset.into(), live.evaluation_time);
    let reporter = ticket.reporter().clone();
    let job = move || {
        let budget = TimeBudget::cancellable(time, reporter.clone(), iterations::reports(&reporter));
        let trained = trained.as_ref();
        backend::evaluate_reporting(&model, trained, dataset, &request, &limits, &budget, &reporter)
    };
    let mut reply = ended(&recording, state.jobs.heavy.run_for(&ticket, ending(&recording, job)).await)?;
    reply.info.extend(report.map(|report| report.sentence(reply.runid)));
    state.shutdown.expect_follow_up(key, reply.runid);
    Ok(reply)
}

/// The run that an evaluation reports which failed after its response had begun: Moodle stores the log of each run in a
/// directory of its own. Without one, Moodle still shows the error.
pub(in crate::http) async fn failed_run(state: web::Data<AppState>, key: ModelKey) -> Option<RunId> {
    let model = state.model(&key);
    let run = state.jobs.quick.run(move || backend::failed_run(&model)).await.ok()?.ok()?;
    state.shutdown.expect_follow_up(key, run);
    Some(run)
}
