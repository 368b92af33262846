//! A training, between its request and its reply.
//!
//! Must not know how a model is trained.

use actix_web::web;

use crate::audit::Subject;
use crate::backend::{self, Training, Upload};
use crate::http::audit::{ended, ending};
use crate::http::error::HttpError;
use crate::http::state::AppState;
use crate::jobs::Ticket;
use crate::store::ModelKey;

pub(super) async fn train(
    state: web::Data<AppState>,
    subject: Subject,
    key: ModelKey,
    dataset: Upload,
    bytes: u64,
    ticket: Ticket,
) -> Result<Training, HttpError> {
    let (model, recording) = state.begin(&key, subject).await?;
    let live = state.config.live();
    let (limits, options) = (live.dataset.into(), live.training_options());
    let reporter = ticket.reporter().clone();
    let job =
        ending(&recording, move || backend::train_reporting(&model, dataset, &limits, options, &reporter));
    ended(&recording, state.jobs.train(key, bytes, &ticket, job).await)
}
