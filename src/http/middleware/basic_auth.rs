//! HTTP Basic authentication in front of every route but `/version`.

use std::net::IpAddr;
use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, web};
use actix_web_httpauth::headers::authorization::{Basic, Scheme};

use super::request_log::ClientAddress;
use crate::http::error::HttpError;
use crate::http::extract::tenant::Tenant;
use crate::http::state::AppState;

/// Authenticates a request before its body is read, and notes its [`Tenant`] for the handler.
pub(crate) async fn check(
    state: web::Data<AppState>,
    client: web::ReqData<ClientAddress>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    match authenticate(&state, client.0, read(request.headers())).await {
        Ok(tenant) => {
            request.extensions_mut().insert(tenant);
            Ok(next.call(request).await?.map_into_boxed_body())
        }
        Err(error) => Ok(request.error_response(error)),
    }
}

async fn authenticate(
    state: &web::Data<AppState>,
    client: IpAddr,
    credentials: Option<(String, String)>,
) -> Result<Tenant, HttpError> {
    let users = state.config.users.as_ref().ok_or(HttpError::NoUsers)?;
    let (name, password) = credentials.ok_or(HttpError::NoCredentials)?;
    // Before the password is compared: a throttled client must not learn whether its guess was right.
    state.throttle.admit(client, &name, Instant::now())?;
    let tenant = if state.config.access.isolate_users { Tenant::isolated(&name) } else { Tenant::shared() };
    if users.remembered(&name, &password) {
        return Ok(tenant);
    }
    let attempt = state.throttle.begin(client, &name, Instant::now())?;
    let verified = if users.is_slow() {
        let state_for_job = state.clone();
        let verify =
            move || state_for_job.config.users.as_ref().is_some_and(|users| users.verify(&name, &password));
        state.jobs.passwords.run(verify).await
    } else {
        Ok(users.verify(&name, &password))
    };
    match verified {
        Ok(false) => Err(HttpError::WrongCredentials),
        right_or_unknown => {
            attempt.forgive();
            right_or_unknown?;
            Ok(tenant)
        }
    }
}

/// Reads user and password. More lenient than `actix_web_httpauth`: the scheme may be in any case and the base64
/// unpadded, as some proxies and clients write them.
pub(crate) fn read(headers: &HeaderMap) -> Option<(String, String)> {
    let header = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = header.trim().split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let encoded = encoded.trim().trim_end_matches('=');
    let padding = "=".repeat(encoded.len().wrapping_neg() % 4);
    let header = HeaderValue::try_from(format!("Basic {encoded}{padding}")).ok()?;
    let basic = Basic::parse(&header).ok()?;
    let (name, password) = (basic.user_id(), basic.password()?);
    (!name.is_empty()).then(|| (name.to_owned(), password.to_owned()))
}
