//! `GET /dashboard/live`: the trainings and evaluations that wait or run, with their progress; and
//! `GET /dashboard/live/events`: the same list as server-sent events.
//!
//! Owns when an event is sent and when a stream ends: soon when the server stops, because a stream would delay that. The
//! script of the pages replaces the list with that of an event; without it, a link loads the page again. Must not know what
//! work does.

use std::convert::Infallible;
use std::time::Duration;

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, Resource, web};
use futures_util::{Stream as Events, stream};
use maud::{Markup, html};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};

use crate::http::dashboard::activity::{operation, shortened};
use crate::http::dashboard::layout::{Section, at, foreign, page};
use crate::http::dashboard::routing::{page as route, protected};
use crate::http::dashboard::streams::Stream;
use crate::http::dashboard::texts::{Texts, count};
use crate::http::dashboard::visit::Visit;
use crate::http::error::HttpError;
use crate::http::extract::account::Access;
use crate::http::long_reply::streaming;
use crate::http::routes::models::list::Names;
use crate::http::state::AppState;
use crate::jobs::{Phase, Work};
use crate::store::ModelKey;
use crate::{audit, telemetry::metrics};

/// How often a stream looks for changes.
const INTERVAL: Duration = Duration::from_millis(500);
/// A comment after this time without a change: proxies close silent connections after a minute, and writing shows whether the
/// browser is still there.
const QUIET_TIME: Duration = Duration::from_secs(5);
/// The browser then asks again, with its session and its role of that time.
const MAX_TIME: Duration = Duration::from_mins(5);
/// When the browser asks again, in milliseconds.
const RETRY: u32 = 2000;

pub(in crate::http::dashboard) fn service() -> Resource {
    route("/live", protected(Access::Everyone, live))
}

pub(in crate::http::dashboard) fn events_service() -> Resource {
    route("/live/events", protected(Access::Everyone, events))
}

async fn live(state: web::Data<AppState>, visit: Visit) -> Result<HttpResponse, HttpError> {
    let names = Names::of_account(&state, visit.account()?)?;
    let texts = visit.texts;
    let title = texts.text("live-title");
    let content = html! {
        div class="head" {
            div { h1 { (title) } p class="lead" { (texts.text("live-lead")) } }
            a class="button quiet" href=(visit.addresses.of("/dashboard/live")) { (texts.text("live-refresh")) }
        }
        div data-events=(visit.addresses.of("/dashboard/live/events")) { (list(texts, &state, &names)) }
    };
    Ok(page(&visit, Section::Live, &title, &content))
}

async fn events(
    state: web::Data<AppState>,
    visit: Visit,
    request: HttpRequest,
) -> Result<HttpResponse, HttpError> {
    let account = visit.account()?;
    let names = Names::of_account(&state, account)?;
    // The page goes on without it, with its link.
    let Some(open) = state.streams.open(account.name()) else {
        return Ok(HttpResponse::TooManyRequests().finish());
    };
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let followed = Followed {
        texts: visit.texts,
        state,
        names,
        ticks,
        begun: Instant::now(),
        last: None,
        sent: Instant::now(),
        _open: open,
    };
    let mut builder = HttpResponse::Ok();
    builder.content_type("text/event-stream").insert_header((CACHE_CONTROL, "no-store, no-transform"));
    // nginx would hold the events back.
    builder.insert_header(("X-Accel-Buffering", "no"));
    Ok(streaming(request.version(), builder, parts(followed)))
}

/// A stream that a browser follows.
struct Followed {
    texts: Texts,
    state: web::Data<AppState>,
    names: Names,
    ticks: Interval,
    begun: Instant,
    /// The list that was sent last.
    last: Option<String>,
    sent: Instant,
    _open: Stream,
}

fn parts(followed: Followed) -> impl Events<Item = Result<Bytes, Infallible>> {
    stream::unfold(followed, async |mut followed| {
        loop {
            followed.ticks.tick().await;
            if followed.state.shutdown.is_requested() || followed.begun.elapsed() >= MAX_TIME {
                return None;
            }
            if let Some(part) = followed.next() {
                followed.sent = Instant::now();
                return Some((Ok(part), followed));
            }
        }
    })
}

impl Followed {
    /// What is sent now, if something is.
    fn next(&mut self) -> Option<Bytes> {
        let list = list(self.texts, &self.state, &self.names).into_string();
        if self.last.as_ref() == Some(&list) {
            return (self.sent.elapsed() >= QUIET_TIME).then(|| Bytes::from_static(b":\n\n"));
        }
        let event = event(&list);
        self.last = Some(list);
        Some(event)
    }
}

/// An event with the list: each line of it is a field of its own.
fn event(list: &str) -> Bytes {
    let data: String = list.lines().flat_map(|line| ["data: ", line, "\n"]).collect();
    Bytes::from(format!("retry: {RETRY}\nevent: work\n{data}\n"))
}

/// The work on models that the user sees.
fn list(texts: Texts, state: &AppState, names: &Names) -> Markup {
    let works = state.work.now(|key| names.of(key.id.as_str()).is_some());
    html! {
        @if works.is_empty() { p class="card empty" { (texts.text("live-none")) } }
        @for work in &works { (item(texts, names, work)) }
    }
}

fn item(texts: Texts, names: &Names, work: &Work<ModelKey>) -> Markup {
    let name = names.of(work.key.id.as_str()).map_or("", |(_, name)| name);
    let title = operation(
        texts,
        match work.operation {
            metrics::Operation::Evaluation => audit::Operation::Evaluation,
            metrics::Operation::Prediction => audit::Operation::Prediction,
            metrics::Operation::Training => audit::Operation::Training,
        },
    );
    let percent = (work.fraction * 100.0).floor() as u32;
    let heading = format!("work-{}", work.number);
    html! {
        section class="card work" {
            div class="head" {
                h2 id=(heading) { (title) " · " code title=(name) { (foreign(&shortened(name))) } }
                span class={"badge" @if work.phase != Phase::Waiting { " good" }} { (texts.text(phase(work.phase))) }
            }
            progress max="100" value=(percent) aria-labelledby=(heading) { (percent) " %" }
            p class="small" { (foreign(&work.user)) " · " (at(texts, work.since)) " · " (texts.text_with("live-progress", &[("percent", count(percent))])) }
        }
    }
}

fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Waiting => "phase-waiting",
        Phase::Reading => "phase-reading",
        Phase::Comparing => "phase-comparing",
        Phase::Fitting => "phase-fitting",
        Phase::Evaluating => "phase-evaluating",
        Phase::Saving => "phase-saving",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_one_field_for_each_line() {
        let expected = format!("retry: {RETRY}\nevent: work\ndata: <p>a\ndata: b</p>\n\n");
        assert_eq!(event("<p>a\nb</p>"), Bytes::from(expected));
    }
}
