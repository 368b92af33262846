//! The session of a browser: the cookie that a sign-in sets, and the check of it before a page.
//!
//! Owns the cookie and what a page answers without a session. Tokens and keys are those of `auth`. Must not know the pages.

use std::time::{SystemTime, UNIX_EPOCH};

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{ACCEPT, HeaderName, HeaderValue, LOCATION, SET_COOKIE};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpRequest, HttpResponse, web};

use super::addresses::Addresses;
use super::cookie::{self, CookieScope};
use super::errors;
use crate::auth::session::Session;
use crate::http::error::HttpError;
use crate::http::extract::account::{Access, Account};
use crate::http::extract::caller::UserName;
use crate::http::extract::form::Form;
use crate::http::extract::transport::is_encrypted;
use crate::http::state::AppState;

const COOKIE: &str = "mlbackend_session";
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Checks the session and the role before a page, and notes the account, the tenant and the user as the other routes do.
pub(super) async fn check(
    access: Access,
    state: web::Data<AppState>,
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let (session, renewed) = match read(&state, request.request()).await {
        Ok(Some(found)) => found,
        Ok(None) => {
            let response = without_session(&state, request.request());
            return Ok(request.into_response(response));
        }
        Err(error) => return Ok(request.error_response(error)),
    };
    let account = Account::new(&state.config, &session.user);
    let query = Form::of_query(request.query_string().as_bytes());
    request.extensions_mut().insert(UserName(account.name().to_owned()));
    request.extensions_mut().insert(account.clone());
    request.extensions_mut().insert(session);
    let tenant =
        access.check(account.role()).and_then(|()| account.tenant(&state.config, query.value("user")));
    let mut response = match tenant {
        Ok(tenant) => {
            request.extensions_mut().insert(tenant);
            next.call(request).await?
        }
        Err(error) => request.error_response(error),
    };
    // A page that has set the cookie itself, such as the end of the session, decides. A page that follows a stream of events is
    // no sign of its reader.
    let is_stream = is_stream(response.request());
    if let Some(cookie) = renewed.filter(|_| !is_stream && !response.headers().contains_key(SET_COOKIE)) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(response)
}

/// The session of a request, and its new cookie if the token is old.
async fn read(
    state: &web::Data<AppState>,
    request: &HttpRequest,
) -> Result<Option<(Session, Option<HeaderValue>)>, HttpError> {
    let tokens: Vec<String> = cookie::values(request.headers(), COOKIE).map(str::to_owned).collect();
    let Some(users) = state.config.live().users.clone().filter(|_| !tokens.is_empty()) else {
        return Ok(None);
    };
    let now = now();
    let keys = keys(state, now).await?;
    let session = |token: &String| Session::of_token(token, &keys, |user| users.credential(user), now);
    let Some(session) = tokens.iter().find_map(session) else { return Ok(None) };
    if !session.needs_renewal(now) {
        return Ok(Some((session, None)));
    }
    let session = session.renewed(now);
    let token = users.credential(&session.user).and_then(|credential| session.token(&keys, &credential));
    let cookie = token.and_then(|token| cookie_of(&token, session.end() - now, request, state));
    Ok(Some((session, cookie)))
}

/// Begins the session of a user that has signed in: the header that sets its cookie.
pub(super) async fn begin(
    state: &web::Data<AppState>,
    request: &HttpRequest,
    account: &Account,
) -> Result<HeaderValue, HttpError> {
    let now = now();
    let failed = |cause: &str| HttpError::internal("beginning a session", cause.to_owned());
    let keys = keys(state, now).await?;
    let session = Session::begin(account.name(), now).map_err(|error| failed(&error.to_string()))?;
    let users = state.config.live().users.clone();
    let credential = users.and_then(|users| users.credential(account.name()));
    let token = credential.and_then(|credential| session.token(&keys, &credential));
    let token = token.ok_or_else(|| failed("the user or the key is missing"))?;
    let cookie = cookie_of(&token, session.end() - now, request, state);
    cookie.ok_or_else(|| failed("the token is no header"))
}

/// Ends the session of a request, for all servers on this data directory: the header that removes the cookie.
pub(super) async fn end(
    state: &web::Data<AppState>,
    request: &HttpRequest,
) -> Result<Option<HeaderValue>, HttpError> {
    let session = request.extensions().get::<Session>().cloned();
    if let Some(session) = session {
        let file = state.sessions.clone();
        blocking(move || file.end(&session, now())).await?;
    }
    Ok(cookie_of("", 0, request, state))
}

async fn keys(
    state: &web::Data<AppState>,
    now: u64,
) -> Result<crate::auth::session_keys::SessionKeys, HttpError> {
    let file = state.sessions.clone();
    blocking(move || file.keys(now)).await
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, HttpError> {
    let result =
        web::block(work).await.map_err(|error| HttpError::internal("reading session keys", error))?;
    result.map_err(|error| {
        if crate::fs::is_no_space(error.kind()) {
            HttpError::Backend(crate::backend::BackendError::NoSpace)
        } else {
            HttpError::internal("using the file of session keys", error)
        }
    })
}

/// Where the browser sends cookies of the dashboard.
pub(super) fn scope(request: &HttpRequest, state: &AppState) -> CookieScope {
    let prefix = state.config.listen.url_prefix.as_str();
    CookieScope { path: format!("{prefix}/dashboard"), is_secure: is_encrypted(request, state) }
}

fn cookie_of(token: &str, seconds: u64, request: &HttpRequest, state: &AppState) -> Option<HeaderValue> {
    cookie::set(COOKIE, token, seconds, &scope(request, state))
}

/// What a page answers without a session: the way to the form, and back afterwards.
fn without_session(state: &AppState, request: &HttpRequest) -> HttpResponse {
    let header = |name: &HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok());
    if is_stream(request) {
        return HttpResponse::build(StatusCode::UNAUTHORIZED).finish();
    }
    let addresses = Addresses::new(state.config.listen.url_prefix.as_str());
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let path = request.uri().path_and_query().map_or("/dashboard", |target| target.as_str());
    // A browser does not send the cookie with a link on another site, such as Moodle: it does when this page goes on.
    if is_read && header(&FETCH_SITE) == Some("cross-site") {
        return errors::go_on(&addresses.of(path));
    }
    let parameters = if is_read && path != "/dashboard" { vec![("next", path)] } else { Vec::new() };
    let sign_in = addresses.with_query("/dashboard/sign-in", &parameters);
    HttpResponse::SeeOther().insert_header((LOCATION, sign_in)).finish()
}

/// Whether a script asks for a stream of events.
fn is_stream(request: &HttpRequest) -> bool {
    let accept = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/event-stream"))
}

/// The time in seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
