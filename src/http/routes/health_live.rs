//! `GET /health/live`: whether the process serves requests.

use actix_web::{HttpRequest, HttpResponse, Resource, web};
use serde_json::json;

use super::resource;
use crate::http::response::ok;

pub(crate) fn service() -> Resource {
    resource::get_any(&["/health/live", "/healthz", "/v2/health/live"], web::to(live))
}

/// Whether the process serves requests
///
/// Also at `/healthz`, and at `/v2/health/live` as JSON.
#[utoipa::path(get, path = "/health/live", tag = "Monitoring", responses(
    (status = 200, description = "`Ok`", body = String, content_type = "text/plain"),
))]
pub(in crate::http) async fn live(request: HttpRequest) -> HttpResponse {
    if resource::is_kserve(&request) {
        return HttpResponse::Ok().json(json!({"live": true}));
    }
    ok()
}
