//! Pages about errors.
//!
//! Owns which heading an error has in the reader's language. The sentence beneath is that of all routes, in English. Must not
//! know what caused an error.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, ResponseError as _, web};
use maud::html;

use super::layout::{Section, page_with};
use super::texts::Texts;
use super::visit::Visit;
use crate::http::error::HttpError;
use crate::http::state::AppState;

/// The response to an address below `/dashboard` that has no page.
pub(super) async fn no_page() -> Result<HttpResponse, HttpError> {
    Err(HttpError::NotFound)
}

/// The page about an error; `request_id` is the request's name in the log.
pub(super) fn page(
    error: &HttpError,
    request_id: &str,
    texts: Texts,
    request: &HttpRequest,
    state: &web::Data<AppState>,
) -> HttpResponse {
    let visit = Visit::of(request, state.config.listen.url_prefix.as_str());
    let status = error.status_code();
    let title = texts.text(heading(status));
    // About an unknown address, the sentence of all routes speaks of Moodle's settings.
    let detail = match error {
        HttpError::NotFound => None,
        error => Some(error.message(request_id)),
    };
    let content = html! {
        h1 { (title) }
        @if let Some(detail) = &detail { p class="notice bad" lang="en" { (detail) } }
        p { a class="button" href=(visit.addresses.of("/dashboard")) { (texts.text("error-to-overview")) } }
        p class="small" { (texts.text("error-request")) " " code { (request_id) } }
    };
    let response = page_with(status, &visit, Section::Other, &title, &content);
    // A challenge would open the browser's own window for a password.
    let mut response = error.with_headers(response);
    response.headers_mut().remove(actix_web::http::header::WWW_AUTHENTICATE);
    response
}

fn heading(status: StatusCode) -> &'static str {
    match status {
        StatusCode::FORBIDDEN => "error-forbidden",
        StatusCode::NOT_FOUND => "error-not-found",
        StatusCode::CONFLICT => "error-conflict",
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => "error-busy",
        StatusCode::INSUFFICIENT_STORAGE => "error-disk-full",
        status if status.is_client_error() => "error-invalid",
        _ => "error-internal",
    }
}
