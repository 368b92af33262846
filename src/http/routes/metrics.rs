//! `GET /metrics` at the address where Moodle is served: for one user that the settings name.

use actix_web::{HttpRequest, HttpResponse, Resource, web};

use super::resource::{get, protected};
use crate::http::error::HttpError;
use crate::http::middleware::basic_auth;
use crate::http::monitoring::metrics_response;
use crate::http::state::AppState;

pub(super) fn service() -> Resource {
    get("/metrics", protected(metrics))
}

/// The credentials are right; other users may not see the numbers of all models.
async fn metrics(state: web::Data<AppState>, request: HttpRequest) -> Result<HttpResponse, HttpError> {
    let name = basic_auth::read(request.headers()).map(|credentials| credentials.name);
    if name.is_none() || name.as_deref() != state.config.monitoring.user() {
        return Err(HttpError::NotMetricsUser);
    }
    Ok(metrics_response(&state).await)
}
