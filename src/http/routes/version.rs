//! `GET /version`: whether Moodle will talk to us at all.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};

use super::text;
use crate::http::state::AppState;

/// The version and nothing else: a newline behind it and Moodle refuses.
pub(super) async fn version(state: web::Data<AppState>) -> HttpResponse {
    text(StatusCode::OK, state.reported_version.clone())
}
