//! `GET /docs`: the description of all routes as a page to read.
//!
//! It needs no credentials, for the reasons of `openapi_json.rs`.

use actix_web::http::header::{
    CONTENT_SECURITY_POLICY, ContentType, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::{HttpResponse, Resource, web};

use super::resource::get;
use crate::http::openapi::Served;

pub(super) fn service() -> Resource {
    get("/docs", web::to(docs))
}

/// This document as a page
#[utoipa::path(get, path = "/docs", tag = "Documentation", responses(
    (status = 200, description = "The page, without scripts.", body = String, content_type = "text/html"),
))]
pub(in crate::http) async fn docs(served: web::Data<Served>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(ContentType::html())
        .insert_header((CONTENT_SECURITY_POLICY, served.policy.as_str()))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .body(served.page.clone())
}
