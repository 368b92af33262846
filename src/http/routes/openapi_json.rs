//! `GET /openapi.json`: the description of all routes for programs.
//!
//! It needs no credentials, like the page: it is the same for every server of this version, and a browser that has none cannot
//! be made to send them.
#![allow(clippy::doc_markdown, reason = "the text of a route is shown as it is")]

use actix_web::{HttpResponse, Resource, web};

use super::resource::get;
use crate::http::openapi::Served;

pub(super) fn service() -> Resource {
    get("/openapi.json", web::to(openapi_json))
}

/// The OpenAPI document
#[utoipa::path(get, path = "/openapi.json", tag = "Documentation", responses(
    (status = 200, description = "The document, OpenAPI 3.1.", body = serde_json::Value, content_type = "application/json"),
))]
pub(in crate::http) async fn openapi_json(served: web::Data<Served>) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(served.json.clone())
}
