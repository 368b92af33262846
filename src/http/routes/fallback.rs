//! The responses to unknown paths and to methods that a route does not have.

use actix_web::http::{Method, StatusCode, header};
use actix_web::{HttpRequest, HttpResponse};

use crate::http::response::text;

/// The response to OPTIONS, and to the methods that a route does not have.
pub(super) fn method_not_allowed(request: &HttpRequest, allow: &'static str) -> HttpResponse {
    let mut response = if request.method() == Method::OPTIONS {
        HttpResponse::Ok().finish()
    } else {
        text(StatusCode::METHOD_NOT_ALLOWED, format!("This address only accepts {allow} requests."))
    };
    response.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static(allow));
    response
}

/// The response to an unknown path.
pub(crate) async fn not_found() -> HttpResponse {
    text(
        StatusCode::NOT_FOUND,
        "There is nothing at this address. Give Moodle the server's host and port, without a path.",
    )
}
