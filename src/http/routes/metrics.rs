//! `GET /metrics` at the address where Moodle is served: for one user that the settings name.
#![allow(clippy::doc_markdown, reason = "the text of a route is shown as it is")]

use actix_web::{HttpRequest, HttpResponse, Resource, web};

use super::resource::{get, protected_for};
use crate::http::error::HttpError;
use crate::http::extract::account::Access;
use crate::http::middleware::basic_auth;
use crate::http::monitoring::metrics_response;
use crate::http::state::AppState;

pub(super) fn service() -> Resource {
    get("/metrics", protected_for(Access::Everyone, metrics))
}

/// Metrics for Prometheus
///
/// For the user that MOODLE_MLBACKEND_METRICS_USER names.
#[utoipa::path(get, path = "/metrics", tag = "Monitoring", responses(
    (status = 200, description = "The metrics in Prometheus' text format.", body = String, content_type = "text/plain"),
    (status = 403, description = "Another user may read the metrics, or none."),
))]
// The credentials are right; other users may not see the numbers of all models.
pub(in crate::http) async fn metrics(
    state: web::Data<AppState>,
    request: HttpRequest,
) -> Result<HttpResponse, HttpError> {
    let name = basic_auth::read(request.headers()).map(|credentials| credentials.name);
    if name.is_none() || name.as_deref() != state.config.monitoring.user() {
        return Err(HttpError::NotMetricsUser);
    }
    Ok(metrics_response(&state).await)
}
