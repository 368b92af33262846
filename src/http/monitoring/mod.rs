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
use crate::queue::Status;
use crate::telemetry::metrics::{CONTENT_TYPE, Snapshot, WorkerQueueState, metrics};

/// All metrics, as a response.
pub(super) async fn metrics_response(state: &web::Data<AppState>) -> HttpResponse {
    let snapshot = Snapshot {
        requests_in_flight: state.shutdown.requests_in_progress(),
        queues: state.jobs.states(),
        cache: state.models.state(),
        store: state.store_count.current(&state.store).await,
        checks: state.readiness.checks(state).await.into(),
        worker_queue: worker_queue(state).await,
    };
    HttpResponse::Ok().content_type(CONTENT_TYPE).body(metrics().text(&snapshot))
}

/// The queue of the workers, if there is one.
async fn worker_queue(state: &AppState) -> Option<WorkerQueueState> {
    let queue = state.async_jobs.queue.as_ref()?;
    Some(queue.status().await.map_or_else(
        |_| WorkerQueueState::default(),
        |Status { workers, waiting, running, .. }| WorkerQueueState {
            is_reachable: true,
            workers,
            running,
            waiting,
        },
    ))
}
