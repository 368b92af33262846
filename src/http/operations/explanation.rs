//! An explanation, between its request and its reply.
//!
//! Must not know how predictions are explained.

use actix_web::web;

use super::unless_cancelled;
use crate::audit::Subject;
use crate::backend::{self, Explanation, ExplanationRequest, Upload};
use crate::http::audit::recorded;
use crate::http::error::HttpError;
use crate::http::state::AppState;
use crate::jobs::Ticket;
use crate::store::ModelKey;

pub(super) async fn explain(
    state: web::Data<AppState>,
    subject: Subject,
    key: ModelKey,
    dataset: Upload,
    request: ExplanationRequest,
    ticket: Ticket,
) -> Result<Explanation, HttpError> {
    let (model, limits) = (state.model(&key), state.config.live().dataset.into());
    let explain = move || backend::explain(&model, dataset, request, &limits);
    let job = recorded(&state.trail, subject, unless_cancelled(&ticket, explain));
    state.jobs.imported.run_for(&ticket, job).await?
}
