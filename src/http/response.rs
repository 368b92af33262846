//! The responses that routes and errors share.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::ContentType;

/// Plain text, without a newline at its end.
pub(super) fn text(status: StatusCode, body: impl Into<String>) -> HttpResponse {
    HttpResponse::build(status).content_type(ContentType::plaintext()).body(body.into())
}

/// `Ok`, as Moodle expects it.
pub(super) fn ok() -> HttpResponse {
    text(StatusCode::OK, "Ok")
}

/// A zip archive.
pub(super) fn zip(archive: Vec<u8>) -> HttpResponse {
    HttpResponse::Ok().content_type("application/zip").body(archive)
}
