//! Pages about errors, and one that goes on to another page.
//!
//! Owns which heading an error has in the reader's language. The sentence beneath is that of all routes, in English. Must not
//! know what caused an error.

use actix_web::http::StatusCode;
use actix_web::http::header::ContentType;
use actix_web::{HttpRequest, HttpResponse, ResponseError as _, web};
use maud::{DOCTYPE, html};

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

/// A page that goes on to an address of this server. The browser then counts it as a link of this site.
pub(super) fn go_on(address: &str) -> HttpResponse {
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="refresh" content=(format!("0; url={address}"));
                title { "moodle-mlbackend" }
            }
            body { p { a href=(address) { "moodle-mlbackend" } } }
        }
    };
    HttpResponse::Ok().content_type(ContentType::html()).body(markup.into_string())
}
