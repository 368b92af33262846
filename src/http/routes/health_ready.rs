//! `GET /health/ready`: whether the server can do its work now. It says no more than that, because it needs no credentials:
//! the log says why it is not ready.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, Resource, web};
use serde_json::json;

use super::resource;
use crate::http::response::{ok, text};
use crate::http::state::AppState;

pub(crate) fn service() -> Resource {
    resource::get_any(&["/health/ready", "/ready", "/v2/health/ready"], web::to(ready))
}

/// Whether the server can do its work now
///
/// Also at `/ready`, and at `/v2/health/ready` as JSON.
#[utoipa::path(get, path = "/health/ready", tag = "Monitoring", responses(
    (status = 200, description = "`Ok`", body = String, content_type = "text/plain"),
    (status = 503, description = "It cannot, or it is stopping; its log says why."),
))]
pub(in crate::http) async fn ready(state: web::Data<AppState>, request: HttpRequest) -> HttpResponse {
    let ready = state.readiness.is_ready(&state).await;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    if resource::is_kserve(&request) {
        return HttpResponse::build(status).json(json!({"ready": ready}));
    }
    if ready { ok() } else { text(status, "The server is not ready. Its log says why.") }
}
