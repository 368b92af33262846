//! `GET /version`: the version that Moodle checks before its first request.
#![allow(clippy::doc_markdown, reason = "the text of a route is shown as it is")]

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, Resource, web};

use super::resource;
use crate::http::response::text;
use crate::http::state::AppState;

pub(super) fn service() -> Resource {
    resource::get("/version", web::to(version))
}

/// The version that Moodle checks
///
/// Moodle accepts versions from 3.0.5 and below 4 (MOODLE_MLBACKEND_REPORTED_VERSION).
#[utoipa::path(get, path = "/version", tag = "Moodle", responses(
    (status = 200, description = "The version of the protocol, without a newline.", body = String, content_type = "text/plain"),
))]
// Only the version: Moodle refuses a trailing newline.
pub(in crate::http) async fn version(state: web::Data<AppState>) -> HttpResponse {
    text(StatusCode::OK, state.config.live().reported_version.clone())
}
