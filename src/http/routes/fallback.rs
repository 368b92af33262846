//! Methods by their names, and answers for what no route takes: other methods, other paths.

use actix_web::http::{Method, StatusCode, header};
use actix_web::{HttpRequest, HttpResponse};

use super::text;

/// The methods of the routes that only read.
pub(crate) const READING: &str = "GET, HEAD, OPTIONS";
/// The methods of the routes that take a body.
pub(crate) const SENDING: &str = "OPTIONS, POST";

/// What a method is called in the log; those that HTTP does not know may be called anything.
pub(crate) fn name(method: &Method) -> &str {
    match *method {
        Method::GET
        | Method::HEAD
        | Method::POST
        | Method::PUT
        | Method::DELETE
        | Method::OPTIONS
        | Method::PATCH
        | Method::CONNECT
        | Method::TRACE => method.as_str(),
        _ => "other",
    }
}

/// OPTIONS, and the methods that a route does not have.
pub(crate) fn other(request: &HttpRequest, allowed: &'static str) -> HttpResponse {
    let mut response = if request.method() == Method::OPTIONS {
        HttpResponse::Ok().finish()
    } else {
        let told = format!("This address takes {allowed} requests only.");
        text(StatusCode::METHOD_NOT_ALLOWED, told)
    };
    response.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static(allowed));
    response
}

/// Paths that there are not.
pub(crate) async fn not_found() -> HttpResponse {
    let told =
        "There is nothing at this address. Moodle needs the server's host and port, and no path behind them.";
    text(StatusCode::NOT_FOUND, told.to_owned())
}
