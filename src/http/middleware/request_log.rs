//! The outermost middleware: a request's id, its log line, and the response to its error.

use std::fmt;
use std::net::IpAddr;
use std::sync::Once;
use std::time::Instant;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::http::{ConnectionType, Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpRequest, HttpResponse, web};

use super::streamed_body::{Ending, watched};
use super::{foreign_origin, head_limits, url_prefix};
use crate::config::TRUSTED_PROXIES;
use crate::http::connection::backpressure::ReadGate;
use crate::http::error::HttpError;
use crate::http::extract::form::content_length;
use crate::http::problem;
use crate::http::shutdown::RequestGuard;
use crate::http::state::AppState;
use crate::store::ModelId;
use crate::telemetry::metrics::metrics;
use crate::telemetry::request_id::RequestId;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The maximum length of an id that a proxy gives.
const MAX_GIVEN_ID: usize = 128;

/// The routes of monitoring systems.
const MONITORING: [&str; 3] = ["/health/live", "/health/ready", "/metrics"];

/// The warning about an untrusted proxy is logged once per process.
static PROXY_WARNING: Once = Once::new();

/// The address of the client, behind trusted proxies.
#[derive(Clone, Copy)]
pub(crate) struct ClientAddress(pub(crate) IpAddr);

/// The text of the address. That of the standard library takes a fifth of the time of a log line for the four numbers.
impl fmt::Display for ClientAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let IpAddr::V4(address) = self.0 else { return self.0.fmt(f) };
        for (at, number) in address.octets().into_iter().enumerate() {
            if at > 0 {
                f.write_str(".")?;
            }
            f.write_str(itoa::Buffer::new().format(number))?;
        }
        Ok(())
    }
}

/// Gives the request an id, turns errors into responses and logs one line.
pub(crate) async fn log_request(
    state: web::Data<AppState>,
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    #[cfg(feature = "monitoring-switch")]
    if let Some(value) = request.headers().get("x-monitoring") {
        crate::telemetry::switch::measuring::switch(value == "on");
    }
    let started = Instant::now();
    // Counted before the connection's request begins: a shutdown waits for one of the two.
    let in_progress = state.shutdown.begin();
    url_prefix::strip(&mut request, &state.config.listen.url_prefix);
    let id = given_id(&request, &state).map_or_else(new_id, RequestId::new);
    request.extensions_mut().insert(id.clone());
    let response_pending = request.request().conn_data::<ReadGate>().map(ReadGate::begin);
    let client = client_address(&request, &state);
    request.extensions_mut().insert(client);
    let errors = Errors { id: id.as_str(), prefix: state.config.listen.url_prefix.as_str() };
    let mut response = match refuse(&request, &in_progress, &state) {
        Err(error) => {
            let response = errors.response(&error, request.path());
            request.into_response(response)
        }
        Ok(()) => errors.named(id.clone().scope(next.call(request)).await?.map_into_boxed_body()),
    };
    if let Ok(value) = HeaderValue::from_str(id.as_str()) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    if state.shutdown.is_requested() {
        // The client opens a new connection for its next request, which another process may accept.
        response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    }
    let line = LogLine::of(&response, id, client, started);
    if response.response().body().size() != BodySize::Stream {
        line.log(Ending::Complete(None));
        return Ok(response);
    }
    // The request ends with its body: until then no other is read from the connection, and a shutdown waits.
    let end = move |ending| {
        line.log(ending);
        drop((in_progress, response_pending));
    };
    let late_status = response.request().extensions().get().cloned();
    Ok(response.map_body(|_, body| BoxBody::new(watched(body, late_status, end))))
}

/// Refuses a request before its route is known.
fn refuse(request: &ServiceRequest, in_progress: &RequestGuard, state: &AppState) -> Result<(), HttpError> {
    if in_progress.refuses(request.path(), content_length(request.headers())) {
        return Err(HttpError::Stopping);
    }
    head_limits::check(request.request())?;
    foreign_origin::check(request.request(), state)
}

/// The client's address. Warns if the request comes through a proxy that is not trusted.
fn client_address(request: &ServiceRequest, state: &AppState) -> ClientAddress {
    // Every TCP connection has a peer address, and no other one has.
    let peer = request.peer_addr().map(|peer| peer.ip());
    let proxies = &state.config.access.trusted_proxies;
    if let Some(peer) = peer.filter(|peer| proxies.misses(*peer, request.headers())) {
        PROXY_WARNING.call_once(|| {
            tracing::warn!(
                "ignoring X-Forwarded-For from {peer}, which is not a trusted proxy: all its clients share one login \
                 and connection limit. If it is your proxy, add it to {TRUSTED_PROXIES}"
            );
        });
    }
    ClientAddress(proxies.client(peer, request.headers()))
}

/// How errors of a request are answered.
struct Errors<'a> {
    /// The id of the request.
    id: &'a str,
    /// The path below which a proxy publishes the server.
    prefix: &'a str,
}

impl Errors<'_> {
    /// Replaces the response to an error by one that names the request's id, and logs internal errors.
    fn named(&self, response: ServiceResponse) -> ServiceResponse {
        let Some(error) = response.response().error().and_then(|error| error.as_error::<HttpError>()) else {
            return response;
        };
        error.log(self.id);
        let error_response = self.response(error, response.request().path());
        response.into_response(error_response)
    }

    fn response(&self, error: &HttpError, path: &str) -> HttpResponse {
        if problem::applies_to(path) {
            problem::response(error, self.id, self.prefix)
        } else {
            error.response(self.id)
        }
    }
}

/// The log line of a request.
struct LogLine {
    id: RequestId,
    client: ClientAddress,
    method: Method,
    route: String,
    model: Option<ModelId>,
    status: StatusCode,
    started: Instant,
}

impl LogLine {
    fn of(response: &ServiceResponse, id: RequestId, client: ClientAddress, started: Instant) -> Self {
        let request = response.request();
        Self {
            id,
            client,
            method: request.method().clone(),
            // A client's own text must not get into the log: only the route's pattern, not the path.
            route: request.match_pattern().unwrap_or_else(|| "unknown".to_owned()),
            model: request.extensions().get::<ModelId>().cloned(),
            status: response.status(),
            started,
        }
    }

    /// Logs it. After a failure that the sent status could not report, `late_status` is the status that it has otherwise.
    fn log(&self, ending: Ending) {
        let (late_status, disconnected) = match ending {
            Ending::Complete(late_status) => (late_status.map(|status| status.as_u16()), None),
            Ending::Dropped => (None, Some(true)),
        };
        let elapsed = self.started.elapsed();
        metrics().request_completed(&self.route, late_status.unwrap_or(self.status.as_u16()), elapsed);
        // Checks and scrapes that succeed every few seconds would hide the rest.
        if self.status.is_success() && MONITORING.contains(&self.route.as_str()) {
            return tracing::debug!(
                id = self.id.as_str(),
                route = self.route,
                status = self.status.as_u16(),
                "request completed"
            );
        }
        tracing::info!(
            // As a field, a text; otherwise it is formatted.
            message = "request completed",
            id = self.id.as_str(),
            client = %self.client,
            // The same: only known methods.
            method = known_method(&self.method),
            route = self.route,
            uniqueid = self.model.as_ref().map(ModelId::as_str),
            status = self.status.as_u16(),
            late_status,
            disconnected,
            ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
        );
    }
}

/// The method's name; `other` for those that HTTP does not define, which can be any text.
fn known_method(method: &Method) -> &str {
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

/// The id that a trusted proxy gave the request, so that its log and this one have the same. It goes into log lines and
/// responses, hence the few characters: those of nginx' and Apache's ids, of UUIDs and of base64.
fn given_id<'a>(request: &'a ServiceRequest, state: &AppState) -> Option<&'a str> {
    // Only a proxy on this machine connects to a Unix socket, which has no address.
    let is_trusted = request
        .peer_addr()
        .is_none_or(|peer| state.config.access.trusted_proxies.trusts(peer.ip().to_canonical()));
    let id = request.headers().get(REQUEST_ID)?.to_str().ok()?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.@+/=:".contains(&byte);
    let is_valid = (1..=MAX_GIVEN_ID).contains(&id.len()) && id.bytes().all(allowed);
    (is_valid && is_trusted).then_some(id)
}

/// The id of a request as text; empty before it has one.
pub(crate) fn request_id(request: &HttpRequest) -> String {
    request.extensions().get::<RequestId>().map_or_else(String::new, RequestId::to_string)
}

/// 16 hexadecimal digits. Ids need not be secret: without randomness the process id is used.
fn new_id() -> RequestId {
    let number = getrandom::u64().unwrap_or_else(|_| u64::from(std::process::id()));
    RequestId::new(&format!("{number:016x}"))
}
