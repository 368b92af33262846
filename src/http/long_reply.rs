//! The replies to long work: JSON, with white space before it if the work takes longer than the keep-alive interval.
//!
//! Proxies close a connection on which nothing arrives for a minute, and Moodle loses a result whose response does not
//! arrive. White space before a JSON value means nothing (RFC 8259, section 2), and PHP's parser skips it.
//!
//! Owns when a response begins. A reply within the interval is an ordinary response, and an error keeps its status. After
//! that the status is sent already: an error becomes a reply with status 1. Must not know what the work does.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;

use actix_web::http::Version;
use actix_web::http::header::{CACHE_CONTROL, ContentType};
use actix_web::web::{self, Bytes};
use actix_web::{HttpMessage, HttpRequest, HttpResponse, HttpResponseBuilder, Responder, ResponseError, rt};
use futures_util::{Stream, stream};
use serde::Serialize;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, timeout};

use super::error::HttpError;
use super::middleware::request_log::request_id;
use super::middleware::streamed_body::LateStatus;
use super::state::AppState;
use crate::backend::Failure;
use crate::store::RunId;
use crate::telemetry::request_id::CurrentRequest;

/// One space is enough for every timeout.
const WHITE_SPACE: Bytes = Bytes::from_static(b" ");

/// The id of the run that a failed evaluation reports.
pub(super) type FailedRun = Pin<Box<dyn Future<Output = Option<RunId>>>>;

/// The response to work that may take long.
///
/// Once the response has begun, the work no longer depends on the connection: queued work of a client that has closed its
/// connection runs, and white space, by which such a client is noticed, must not change that.
///
/// # Errors
/// Those of the work, within the keep-alive interval.
pub(super) async fn json<T: Serialize + 'static>(
    request: &HttpRequest,
    state: &web::Data<AppState>,
    work: impl Future<Output = Result<T, HttpError>> + 'static,
) -> Result<HttpResponse, HttpError> {
    json_with_run(request, state, work, Box::pin(async { None })).await
}

/// The same for an evaluation.
pub(super) async fn json_with_run<T: Serialize + 'static>(
    request: &HttpRequest,
    state: &web::Data<AppState>,
    work: impl Future<Output = Result<T, HttpError>> + 'static,
    failed_run: FailedRun,
) -> Result<HttpResponse, HttpError> {
    let respond = |reply: T| web::Json(reply).respond_to(request).map_into_boxed_body();
    let Some(interval) = state.config.keepalive.interval() else { return work.await.map(respond) };
    let mut work = Box::pin(work);
    if let Ok(result) = timeout(interval, &mut work).await {
        return result.map(respond);
    }
    let mut ticks = interval_at(Instant::now() + interval, interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let id = request_id(request);
    let status = LateStatus::default();
    request.extensions_mut().insert(status.clone());
    let waiting = Waiting {
        work: rt::spawn(CurrentRequest::get().scope(logged(work, id.clone()))),
        ticks,
        discarded: state.shutdown.discarded(),
        failure: LateFailure { id, status, run: failed_run },
    };
    Ok(response(request.version(), parts(waiting)))
}

/// Logs an internal error even if the client has gone.
async fn logged<T>(work: impl Future<Output = Result<T, HttpError>>, id: String) -> Result<T, HttpError> {
    let result = work.await;
    if let Err(error) = &result {
        error.log(&id);
    }
    result
}

/// A response of which only the beginning is known.
fn response(
    version: Version,
    parts: impl Stream<Item = Result<Bytes, Infallible>> + 'static,
) -> HttpResponse {
    let mut builder = HttpResponse::Ok();
    builder.content_type(ContentType::json());
    // Proxies must pass the white space on: compression and nginx's buffers would hold it back.
    builder.insert_header((CACHE_CONTROL, "no-transform")).insert_header(("X-Accel-Buffering", "no"));
    streaming(version, builder, parts)
}

/// The response whose body is sent in parts.
pub(super) fn streaming(
    version: Version,
    mut builder: HttpResponseBuilder,
    parts: impl Stream<Item = Result<Bytes, Infallible>> + 'static,
) -> HttpResponse {
    if version >= Version::HTTP_11 {
        return builder.streaming(parts);
    }
    // HTTP/1.0, nginx's default, has no chunks: the body ends with the connection.
    let mut response = builder.force_close().streaming(parts);
    response.head_mut().no_chunking(true);
    response
}

/// A response that has begun.
struct Waiting<T> {
    work: JoinHandle<Result<T, HttpError>>,
    ticks: Interval,
    /// Whether the server ends without waiting for the work.
    discarded: watch::Receiver<bool>,
    failure: LateFailure,
}

/// What an error after the beginning needs.
struct LateFailure {
    id: String,
    status: LateStatus,
    run: FailedRun,
}

impl LateFailure {
    async fn reply(self, error: HttpError) -> Bytes {
        self.status.set(error.status_code());
        let run = if matches!(error, HttpError::Stopping) { None } else { self.run.await };
        // It consists of texts and numbers, of which JSON is always made.
        to_json(&Failure::new(&error.message(&self.id), run)).unwrap_or_default()
    }
}

/// White space until the work ends, then the reply.
fn parts<T: Serialize + 'static>(waiting: Waiting<T>) -> impl Stream<Item = Result<Bytes, Infallible>> {
    stream::unfold(Some(waiting), async |waiting| {
        let mut waiting = waiting?;
        let result = tokio::select! {
            biased;
            ended = &mut waiting.work => ended,
            () = is_true(&mut waiting.discarded) => Ok(Err(HttpError::Stopping)),
            _ = waiting.ticks.tick() => return Some((Ok(WHITE_SPACE), Some(waiting))),
        };
        let result = result.unwrap_or_else(|error| Err(HttpError::internal("waiting for a job", error)));
        let reply = match result.and_then(|reply| to_json(&reply)) {
            Ok(reply) => reply,
            Err(error) => waiting.failure.reply(error).await,
        };
        Some((Ok(reply), None))
    })
}

async fn is_true(value: &mut watch::Receiver<bool>) {
    // It fails only if the sender was dropped, with the rest of the server.
    let _ = value.wait_for(|value| *value).await;
}

fn to_json(reply: &impl Serialize) -> Result<Bytes, HttpError> {
    let json = serde_json::to_vec(reply);
    json.map(Bytes::from).map_err(|error| HttpError::internal("writing a reply", error))
}
