//! What monitoring asks the server: whether it is ready, and its metrics.
//!
//! Owns how often the costly parts are looked at. Must not know who may ask: the routes do.

pub(crate) mod listener;
mod readiness;
mod store_count;

use actix_web::{HttpResponse, web};

pub(super) use readiness::Readiness;
pub(super) use store_count::StoreCount;

use super::state::AppState;
use crate::telemetry::metrics::{CONTENT_TYPE, Snapshot, metrics};

/// All metrics, as a response.
pub(super) async fn metrics_response(state: &web::Data<AppState>) -> HttpResponse {
    let snapshot = Snapshot {
        requests_in_flight: state.shutdown.requests_in_progress(),
        queues: state.jobs.states(),
        cache: state.models.state(),
        store: state.store_count.current(&state.store).await,
        checks: state.readiness.checks(state).await.into(),
    };
    HttpResponse::Ok().content_type(CONTENT_TYPE).body(metrics().text(&snapshot))
}
