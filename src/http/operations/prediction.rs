//! A prediction, between its request and its reply.
//!
//! Must not know how samples are predicted.

use actix_web::web;

use super::unless_cancelled;
use crate::audit::Subject;
use crate::backend::{self, Prediction, Upload};
use crate::http::audit::recorded;
use crate::http::error::HttpError;
use crate::http::state::AppState;
use crate::jobs::Ticket;
use crate::store::ModelKey;

/// Predicts samples. Also for the page of the dashboard.
pub(in crate::http) async fn predict(
    state: web::Data<AppState>,
    subject: Subject,
    key: ModelKey,
    dataset: Upload,
    ticket: Ticket,
) -> Result<Prediction, HttpError> {
    let (model, limits) = (state.model(&key), state.config.live().dataset.into());
    let imported = if let Some(imported) = state.models.uses_imported(&model) {
        imported
    } else {
        let model = model.clone();
        state.jobs.quick.run(move || backend::uses_imported_model(&model)).await?
    };
    let queue = if imported { &state.jobs.imported } else { &state.jobs.quick };
    let predict = {
        let state = state.clone();
        move || backend::predict(&model, &state.models, dataset, &limits)
    };
    let predict = recorded(&state.trail, subject, unless_cancelled(&ticket, predict));
    queue.run_for(&ticket, predict).await?
}
