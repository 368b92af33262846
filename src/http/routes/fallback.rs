//! The responses to unknown paths and to methods that a route does not have.

use actix_web::http::{Method, header};
use actix_web::{HttpRequest, HttpResponse};

use crate::http::error::HttpError;

/// The response to OPTIONS, and to the methods that a route does not have.
pub(in crate::http) fn method_not_allowed(
    request: &HttpRequest,
    allow: &'static str,
) -> Result<HttpResponse, HttpError> {
    if request.method() == Method::OPTIONS {
        return Ok(HttpResponse::Ok().insert_header((header::ALLOW, allow)).finish());
    }
    Err(HttpError::MethodNotAllowed(allow))
}

/// The response to an unknown path.
pub(crate) async fn not_found() -> Result<HttpResponse, HttpError> {
    Err(HttpError::NotFound)
}
