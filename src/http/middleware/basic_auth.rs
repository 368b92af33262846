//! HTTP Basic authentication in front of every route but `/version` and the health checks.

use std::net::IpAddr;
use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, web};
use actix_web_httpauth::headers::authorization::{Basic, Scheme};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::request_log::ClientAddress;
use crate::auth::users::of_latin1;
use crate::http::error::HttpError;
use crate::http::extract::account::{Access, Account};
use crate::http::extract::caller::UserName;
use crate::http::extract::form::Form;
use crate::http::extract::tenant::Tenant;
use crate::http::state::AppState;
use crate::telemetry::metrics::{LoginFailure, metrics};

/// Authenticates a request before its body is read, and notes its [`Account`], [`Tenant`] and [`UserName`] for the handler.
pub(crate) async fn check(
    access: Access,
    state: web::Data<AppState>,
    client: web::ReqData<ClientAddress>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    match authenticate(&state, client.0, read(request.headers())).await {
        Ok(account) => match permitted(access, &state, &account, request.query_string()) {
            Ok(tenant) => {
                request.extensions_mut().insert(UserName(account.name().to_owned()));
                request.extensions_mut().insert(account);
                request.extensions_mut().insert(tenant);
                Ok(next.call(request).await?.map_into_boxed_body())
            }
            Err(error) => Ok(request.error_response(error)),
        },
        Err(error) => Ok(request.error_response(error)),
    }
}

/// Whether the user may use the route, and the tenant of a request of Moodle.
fn permitted(
    access: Access,
    state: &web::Data<AppState>,
    account: &Account,
    query: &str,
) -> Result<Tenant, HttpError> {
    access.check(account.role())?;
    if access != Access::Moodle {
        return account.tenant(&state.config, None);
    }
    account.tenant(&state.config, Form::of_query(query.as_bytes()).value("user"))
}

/// Checks credentials, within the limits of failed logins, and counts a failure.
///
/// # Errors
/// The refusal.
pub(crate) async fn authenticate(
    state: &web::Data<AppState>,
    client: IpAddr,
    credentials: Option<Credentials>,
) -> Result<Account, HttpError> {
    let authenticated = verify(state, client, credentials).await;
    match &authenticated {
        Err(HttpError::WrongCredentials) => metrics().login_failed(LoginFailure::Wrong),
        Err(HttpError::TooManyFailures(_)) => metrics().login_failed(LoginFailure::Throttled),
        _ => {}
    }
    authenticated
}

async fn verify(
    state: &web::Data<AppState>,
    client: IpAddr,
    credentials: Option<Credentials>,
) -> Result<Account, HttpError> {
    let users = state.config.live().users.clone().ok_or(HttpError::NoUsers)?;
    let Credentials { name, passwords } = credentials.ok_or(HttpError::NoCredentials)?;
    // Before the password is compared: a throttled client must not learn whether its guess was right.
    state.throttle.admit(client, &name, Instant::now())?;
    let account = Account::new(&state.config, &name);
    if passwords.iter().any(|password| users.remembered(&name, password)) {
        return Ok(account);
    }
    let attempt = state.throttle.begin(client, &name, Instant::now())?;
    let verify = {
        let users = users.clone();
        move || passwords.iter().any(|password| users.verify(&name, password))
    };
    let verified = if users.is_slow() { state.jobs.passwords.run(verify).await } else { Ok(verify()) };
    match verified {
        Ok(false) => Err(HttpError::WrongCredentials),
        right_or_unknown => {
            attempt.forgive();
            right_or_unknown?;
            Ok(account)
        }
    }
}

/// A user's name, and the bytes that the password may stand for.
pub(crate) struct Credentials {
    pub(crate) name: String,
    pub(crate) passwords: Vec<Vec<u8>>,
}

impl Credentials {
    /// A name and a password as a form has them, in UTF-8.
    pub(crate) fn of_form(name: &str, password: &str) -> Self {
        let other = to_latin1(password).filter(|other| other != password.as_bytes());
        let passwords = std::iter::once(password.as_bytes().to_vec()).chain(other).collect();
        Self { name: name.to_owned(), passwords }
    }
}

/// Reads user and password. Lenient as some proxies and clients need it: the scheme may be in any case, the base64
/// unpadded, and the text in UTF-8, as `actix_web_httpauth` reads it, or in Latin-1.
pub(crate) fn read(headers: &HeaderMap) -> Option<Credentials> {
    let header = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = header.trim().split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let encoded = encoded.trim().trim_end_matches('=');
    let padding = "=".repeat(encoded.len().wrapping_neg() % 4);
    let header = HeaderValue::try_from(format!("Basic {encoded}{padding}")).ok()?;
    let (name, password, other) = if let Ok(basic) = Basic::parse(&header) {
        // `None` is an empty one. An entry may have been hashed in Latin-1.
        let password = basic.password().unwrap_or_default();
        (basic.user_id().to_owned(), password.as_bytes().to_vec(), to_latin1(password))
    } else {
        let decoded = STANDARD_NO_PAD.decode(encoded).ok()?;
        let colon = decoded.iter().position(|&byte| byte == b':')?;
        let (name, password) = (&decoded[..colon], &decoded[colon + 1..]);
        (of_latin1(name), password.to_vec(), Some(of_latin1(password).into_bytes()))
    };
    let other = other.filter(|other| *other != password);
    let passwords = std::iter::once(password).chain(other).collect();
    (!name.is_empty()).then_some(Credentials { name, passwords })
}

/// A text in Latin-1, if that has all its characters.
fn to_latin1(text: &str) -> Option<Vec<u8>> {
    text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect()
}
