//! What all responses of the dashboard have in common: the language, the headers, and pages for errors.
//!
//! Must not know the pages.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderMap, HeaderName, HeaderValue,
    REFERRER_POLICY, SET_COOKIE, VARY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, web};

use super::texts::{Language, Texts};
use super::{cookie, errors, session};
use crate::http::error::HttpError;
use crate::http::extract::form::Form;
use crate::http::middleware::request_log::request_id;
use crate::http::state::AppState;

/// The cookie of a chosen language.
const LANGUAGE: &str = "mlbackend_language";
/// A chosen language is remembered for a year.
const LANGUAGE_SECONDS: u64 = 365 * 24 * 60 * 60;

/// Pages load their own style, script and pictures, send forms to their own server, and can be part of no other page.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The headers that a response has unless its page has set them. With `no-referrer` browsers would send forms with
/// `Origin: null`, which a foreign page can send, too; `same-origin` says nothing to other sites either.
const HEADERS: [(HeaderName, &str); 7] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "same-origin"),
    (CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// The middleware around all pages.
pub(super) async fn dress(
    state: web::Data<AppState>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let query = Form::of_query(request.query_string().as_bytes());
    let chosen = query.value("lang").and_then(Language::of_tag);
    let texts = Texts(chosen.unwrap_or_else(|| language(request.headers())));
    request.extensions_mut().insert(texts);
    let response = next.call(request).await?.map_into_boxed_body();
    let mut response = with_error_page(&state, texts, response);
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    headers.append(VARY, HeaderValue::from_static("Accept-Language, Cookie"));
    if let Some(language) = chosen {
        let scope = session::scope(response.request(), &state);
        if let Some(cookie) = cookie::set(LANGUAGE, language.code(), LANGUAGE_SECONDS, &scope) {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
    }
    Ok(response)
}

/// The chosen language, or else the one that the browser prefers.
fn language(headers: &HeaderMap) -> Language {
    let chosen = cookie::values(headers, LANGUAGE).find_map(Language::of_tag);
    chosen.unwrap_or_else(|| {
        let header = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        Language::preferred(header.unwrap_or_default())
    })
}

/// Replaces the plain response to an error by a page, and logs internal errors.
fn with_error_page(state: &web::Data<AppState>, texts: Texts, response: ServiceResponse) -> ServiceResponse {
    let Some(error) = response.response().error().and_then(|error| error.as_error::<HttpError>()) else {
        return response;
    };
    let id = request_id(response.request());
    error.log(&id);
    let page = errors::page(error, &id, texts, response.request(), state);
    response.into_response(page)
}
