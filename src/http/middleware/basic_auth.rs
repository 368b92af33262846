//! HTTP Basic authentication in front of every route but `/version`.

use std::net::IpAddr;
use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, web};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::request_log::ClientAddress;
use crate::auth::users::of_latin1;
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
    credentials: Option<Credentials>,
) -> Result<Tenant, HttpError> {
    let users = state.config.users.as_ref().ok_or(HttpError::NoUsers)?;
    let Credentials { name, passwords } = credentials.ok_or(HttpError::NoCredentials)?;
    // Before the password is compared: a throttled client must not learn whether its guess was right.
    state.throttle.admit(client, &name, Instant::now())?;
    let tenant = if state.config.access.isolate_users { Tenant::isolated(&name) } else { Tenant::shared() };
    if passwords.iter().any(|password| users.remembered(&name, password)) {
        return Ok(tenant);
    }
    let attempt = state.throttle.begin(client, &name, Instant::now())?;
    let verify = {
        let state = state.clone();
        move || {
            let users = state.config.users.as_ref();
            users.is_some_and(|users| passwords.iter().any(|password| users.verify(&name, password)))
        }
    };
    let verified = if users.is_slow() { state.jobs.passwords.run(verify).await } else { Ok(verify()) };
    match verified {
        Ok(false) => Err(HttpError::WrongCredentials),
        right_or_unknown => {
            attempt.forgive();
            right_or_unknown?;
            Ok(tenant)
        }
    }
}

/// A user's name, and the bytes that the password may stand for.
pub(crate) struct Credentials {
    pub(crate) name: String,
    pub(crate) passwords: Vec<Vec<u8>>,
}

/// Reads user and password. Lenient as some proxies and clients need it: the scheme may be in any case, the base64
/// unpadded, and the text in UTF-8 or in Latin-1.
pub(crate) fn read(headers: &HeaderMap) -> Option<Credentials> {
    let header = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = header.trim().split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = STANDARD_NO_PAD.decode(encoded.trim().trim_end_matches('=')).ok()?;
    let colon = decoded.iter().position(|&byte| byte == b':')?;
    let (name, password) = (&decoded[..colon], &decoded[colon + 1..]);
    let (name, other_password) = match std::str::from_utf8(&decoded) {
        // An entry may have been hashed in Latin-1.
        Ok(_) => (String::from_utf8_lossy(name).into_owned(), to_latin1(password)),
        Err(_) => (of_latin1(name), Some(of_latin1(password).into_bytes())),
    };
    let mut passwords = vec![password.to_vec()];
    passwords.extend(other_password.filter(|other| other != password));
    (!name.is_empty()).then_some(Credentials { name, passwords })
}

/// A text of UTF-8 in Latin-1, if that has all its characters.
fn to_latin1(text: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(text).ok()?;
    text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect()
}
