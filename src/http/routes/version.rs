//! `GET /version`: the version that Moodle checks before its first request.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, Resource, web};

use super::resource;
use crate::http::response::text;
use crate::http::state::AppState;

pub(super) fn service() -> Resource {
    resource::get("/version", web::to(version))
}

/// Only the version: Moodle refuses a trailing newline.
async fn version(state: web::Data<AppState>) -> HttpResponse {
    text(StatusCode::OK, state.config.live().reported_version.clone())
}
