//! Around every request: its id, its log line, and its error as the client may see it.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, web};
use tracing::Instrument;

use super::head_limits;
use crate::config::TRUSTED_PROXIES;
use crate::http::connection::backpressure::ReadGate;
use crate::http::error::HttpError;
use crate::http::routes::fallback;
use crate::http::state::AppState;

/// What we call ourselves; `/version` is taken by the version that Moodle wants to hear.
pub(crate) const SERVER: &str = concat!("moodle-mlbackend/", env!("CARGO_PKG_VERSION"));

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// How a request is called in the log and in the answer to a failed one.
#[derive(Clone)]
pub(crate) struct RequestId(pub(crate) String);

/// Where a request came from, as far as trusted proxies tell.
#[derive(Clone, Copy)]
pub(crate) struct Client(pub(crate) IpAddr);

/// Which model a request was about, for its log line.
#[derive(Clone)]
pub(crate) struct About(pub(crate) String);

/// Gives the request an id, turns errors into answers and writes one line to the log.
pub(crate) async fn observe(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let started = Instant::now();
    let id = new_id();
    request.extensions_mut().insert(RequestId(id.clone()));
    let span = tracing::info_span!("request", id);
    let _working = request.request().conn_data::<ReadGate>().map(ReadGate::begin);
    let state = request.app_data::<web::Data<AppState>>().cloned();
    let client = client(&request, state.as_ref());
    request.extensions_mut().insert(client);
    let running = state.as_ref().map(|state| state.stopping.begin());
    let refusal = refusal(&request, matches!(running, Some(None)));
    let mut response = match refusal {
        Some(error) => request.into_response(error.answer(&id)),
        None => answered(next.call(request).instrument(span).await?.map_into_boxed_body(), &id),
    };
    if let Ok(value) = HeaderValue::try_from(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    log(&response, &id, client, started);
    Ok(response)
}

/// Why a request is not even looked at.
fn refusal(request: &ServiceRequest, stopping: bool) -> Option<HttpError> {
    // Who only asks for the version makes no work.
    if stopping && request.path() != "/version" {
        return Some(HttpError::Stopping);
    }
    head_limits::check(request.request()).err()
}

/// Where a request came from. Says once in a process' life when that is a proxy that was not named.
fn client(request: &ServiceRequest, state: Option<&web::Data<AppState>>) -> Client {
    // A connection over TCP has an address.
    let peer = request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
    let Some(state) = state else { return Client(peer) };
    if state.proxies.misses(peer, request.headers()) {
        state.missed_proxy.call_once(|| {
            tracing::warn!(
                "a proxy at {peer} says for whom it asks, and is not believed: all who come through it count as \
                 one client. If it is yours, name it in {TRUSTED_PROXIES}"
            );
        });
    }
    Client(state.proxies.client(peer, request.headers()))
}

/// Errors get their answer here, where the id is known.
fn answered(response: ServiceResponse, id: &str) -> ServiceResponse {
    let failed = response.response().error().and_then(|error| error.as_error::<HttpError>());
    let Some(error) = failed else { return response };
    if let HttpError::Internal(cause) = error {
        tracing::error!(id, cause, "request failed");
    }
    let answer = error.answer(id);
    response.into_response(answer)
}

fn log(response: &ServiceResponse, id: &str, client: Client, started: Instant) {
    let request = response.request();
    let about = request.extensions().get::<About>().cloned();
    tracing::info!(
        id,
        client = %client.0,
        // Nothing that a stranger wrote gets into the log: of methods the known ones, and the pattern, not the path.
        method = fallback::name(request.method()),
        route = request.match_pattern().as_deref().unwrap_or("unknown"),
        uniqueid = about.as_ref().map(|about| about.0.as_str()),
        status = response.status().as_u16(),
        ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        "answered"
    );
}

/// 16 hexadecimal digits. Ids need not be secret, so a machine without randomness still gets one.
fn new_id() -> String {
    let number = getrandom::u64().unwrap_or_else(|_| u64::from(std::process::id()));
    format!("{number:016x}")
}
