//! `GET /diagnostics/keepalive`: a response that takes as long as the client asks for, as those to long work do.
//!
//! `moodle-mlbackend doctor` shows with it that the proxies between Moodle and the server wait long enough, without a training of
//! minutes. Waiting costs no thread; how long and how many at once are fixed limits. Must not know how responses begin:
//! `long_reply` does.
#![allow(clippy::doc_markdown, reason = "the text of a route is shown as it is")]

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, Resource, web};
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};
use utoipa::ToSchema;

use super::resource::{get, protected};
use crate::config::Config;
use crate::http::error::HttpError;
use crate::http::extract::form::Form;
use crate::http::extract::params;
use crate::http::extract::tenant::Tenant;
use crate::http::extract::typed_request::{FromForm, Parsed};
use crate::http::long_reply;
use crate::http::state::AppState;

/// Longer than the read timeout of a proxy by default: 60 seconds with nginx and Apache.
const MAX_SECONDS: u64 = 75;

/// Each holds a connection.
const MAX_WAITING: usize = 2;

/// How soon a waiting response notices that the server stops.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

static SLOTS: Semaphore = Semaphore::const_new(MAX_WAITING);

pub(in crate::http) struct Wait {
    seconds: u64,
}

impl FromForm for Wait {
    fn from_form(form: Form, _: &Tenant, _: &Config) -> Result<Self, HttpError> {
        Ok(Self { seconds: params::seconds(&form, MAX_SECONDS)? })
    }
}

/// A response that took its time.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Waited {
    /// How long the server has waited.
    #[schema(example = 25)]
    seconds: u64,
    /// The value of MOODLE_MLBACKEND_KEEPALIVE_SECONDS: the longest silence before a reply.
    #[schema(example = 20)]
    keepalive_seconds: u64,
}

pub(super) fn service() -> Resource {
    get("/diagnostics/keepalive", protected(keepalive))
}

/// A slow response, to test proxies
///
/// Responds after a number of seconds, as the server responds to work of that length: after MOODLE_MLBACKEND_KEEPALIVE_SECONDS
/// with white space, and then with the result. A proxy with a shorter read timeout ends the request. At most two requests wait at
/// the same time.
#[utoipa::path(get, path = "/diagnostics/keepalive", tag = "Monitoring",
    params(("seconds" = String, Query, description = "How long the server waits: 0 to 75.", pattern = "^0*([0-9]|[1-6][0-9]|7[0-5])$")),
    responses(
    (status = 200, description = "The time is over.", body = Waited),
    (status = 400, description = "`seconds` is not a whole number from 0 to 75."),
    (status = 500, description = "`seconds` is missing (`The requested key seconds is not available.`), or the server has no users."),
))]
pub(in crate::http) async fn keepalive(
    state: web::Data<AppState>,
    request: HttpRequest,
    Parsed(Wait { seconds }): Parsed<Wait>,
) -> Result<HttpResponse, HttpError> {
    let busy = |_| HttpError::QueueFull { waiting: MAX_WAITING, limit: "a fixed limit" };
    let slot = SLOTS.try_acquire().map_err(busy)?;
    let keepalive_seconds = state.config.keepalive.interval().map_or(0, |interval| interval.as_secs());
    let waiting = state.clone();
    let work = async move {
        let _slot = slot;
        wait(&waiting, Duration::from_secs(seconds)).await?;
        Ok(Waited { seconds, keepalive_seconds })
    };
    long_reply::json(&request, &state, work).await
}

/// Waits, but not for a server that stops.
async fn wait(state: &AppState, time: Duration) -> Result<(), HttpError> {
    let end = Instant::now() + time;
    loop {
        let rest = end.saturating_duration_since(Instant::now());
        if rest.is_zero() {
            return Ok(());
        }
        if state.shutdown.is_requested() {
            return Err(HttpError::Stopping);
        }
        sleep(rest.min(POLL_INTERVAL)).await;
    }
}
