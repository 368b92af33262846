//! `GET /version`: the version that Moodle checks before its first request.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};

use crate::http::response::text;
use crate::http::state::AppState;

/// Only the version: Moodle refuses a trailing newline.
pub(super) async fn version(state: web::Data<AppState>) -> HttpResponse {
    text(StatusCode::OK, state.config.reported_version.clone())
}
