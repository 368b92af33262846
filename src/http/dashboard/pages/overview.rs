//! `GET /dashboard`: whether the server is healthy, what it did last, and what to do on an empty one.
//!
//! Facts about the server itself are for users that see all models. Must not know how the facts are measured.

use std::path::Path;

use actix_web::http::header::HOST;
use actix_web::{HttpRequest, HttpResponse, Resource, web};
use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};

use crate::backend;
use crate::fs::free_bytes;
use crate::http::connection::tls::CertificateEnd;
use crate::http::dashboard::activity::{Activity, Entry, result, table};
use crate::http::dashboard::layout::{Section, at, copyable, page, tile};
use crate::http::dashboard::routing::{page as route, protected};
use crate::http::dashboard::texts::{Texts, count};
use crate::http::dashboard::visit::Visit;
use crate::http::error::HttpError;
use crate::http::extract::account::Access;
use crate::http::extract::transport::is_encrypted;
use crate::http::routes::models::list::Names;
use crate::http::state::AppState;
use crate::telemetry::metrics::{Check, Queue, QueueState};

/// A certificate that ends in fewer days is marked, as in the log.
const MIN_DAYS: i64 = 14;

pub(in crate::http::dashboard) fn service() -> Resource {
    route("", protected(Access::Everyone, overview))
}

/// What the page shows.
struct Facts {
    checks: [(Check, bool); 3],
    models: usize,
    activity: Activity,
    queue: QueueState,
    free_bytes: Option<u64>,
    certificate: Option<Timestamp>,
    /// Whether the user sees facts about the server.
    sees_server: bool,
    /// Where browsers reach the server: the host, the port and whether encrypted.
    address: (String, String, bool),
}

async fn overview(
    state: web::Data<AppState>,
    certificate: web::Data<CertificateEnd>,
    visit: Visit,
    request: HttpRequest,
) -> Result<HttpResponse, HttpError> {
    let account = visit.account()?;
    let names = Names::of_account(&state, account)?;
    let (sees_server, sees_owners) = (names.sees_all(), account.sees_owners());
    let (store, data_dir) = (state.store.clone(), state.config.data_dir.clone());
    let read = move || {
        let models = backend::count_models(&store, |id| names.of(id).is_some())?;
        let activity = Activity::read(&store, &names, sees_owners)?;
        Ok::<_, HttpError>((models, activity, free_bytes(Path::new(&data_dir)).ok()))
    };
    let (models, activity, free_bytes) = state.jobs.quick.run(read).await??;
    let queue = state.jobs.states().into_iter().find(|(queue, _)| *queue == Queue::Heavy);
    let facts = Facts {
        checks: state.readiness.checks(&state).await,
        models,
        activity,
        queue: queue.map(|(_, state)| state).unwrap_or_default(),
        free_bytes,
        certificate: certificate.get(),
        sees_server,
        address: address(&request, &state),
    };
    let texts = visit.texts;
    let content = html! {
        h1 { (texts.text("overview-title")) }
        (status(texts, &facts))
        (tiles(texts, &facts))
        @if facts.models == 0 && visit.may_change() { (first_steps(&visit, &facts, account.name())) }
        @if !facts.activity.problems.is_empty() {
            section class="card" {
                h2 { (texts.text_with("overview-problems", &[("count", count(facts.activity.problem_count))])) }
                (table(&visit, &texts.text("overview-problems-label"), &facts.activity.problems))
            }
        }
        section class="card" {
            h2 { (texts.text("overview-recent")) }
            @if facts.activity.recent.is_empty() {
                p class="empty" { (texts.text("overview-nothing-yet")) }
            } @else {
                (table(&visit, &texts.text("overview-recent"), &facts.activity.recent))
            }
        }
    };
    Ok(page(&visit, Section::Overview, &texts.text("overview-title"), &content))
}

fn status(texts: Texts, facts: &Facts) -> Markup {
    let failed: Vec<Check> =
        facts.checks.iter().filter(|(_, passed)| !passed).map(|(check, _)| *check).collect();
    if failed.is_empty() {
        return html! {
            section class="card status good" {
                span class="sign" aria-hidden="true" { "✓" }
                div { strong { (texts.text("status-healthy")) } p { (texts.text("status-healthy-detail")) } }
            }
        };
    }
    let sentence = |check: &Check| match check {
        Check::Store => texts.text("status-store"),
        Check::Disk => texts.text("status-disk"),
        Check::Running => texts.text("status-stopping"),
    };
    html! {
        section class="card status bad" {
            span class="sign" aria-hidden="true" { "!" }
            div { strong { (texts.text("status-unhealthy")) } @for check in &failed { p { (sentence(check)) } } }
        }
    }
}

fn tiles(texts: Texts, facts: &Facts) -> Markup {
    let activity = &facts.activity;
    let problems = activity.problem_count;
    html! {
        dl class="tiles" {
            (tile(&texts.text("tile-models"), &html! { (texts.whole(facts.models as u64)) }, &html! {}))
            (last(texts, &texts.text("tile-training"), activity.training.as_ref()))
            (last(texts, &texts.text("tile-evaluation"), activity.evaluation.as_ref()))
            (last(texts, &texts.text("tile-prediction"), activity.prediction.as_ref()))
            (tile(&texts.text("tile-problems"), &html! { (texts.whole(problems as u64)) }, &html! { (texts.text("tile-problems-when")) }))
            @if facts.sees_server { (server_tiles(texts, facts)) }
        }
    }
}

fn server_tiles(texts: Texts, facts: &Facts) -> Markup {
    let QueueState { running, waiting } = facts.queue;
    let waiting = texts.text_with("tile-queue-waiting", &[("count", count(waiting))]);
    html! {
        (tile(&texts.text("tile-queue"), &html! { (texts.text_with("tile-queue-running", &[("count", count(running))])) }, &html! { (waiting) }))
        @if let Some(free) = facts.free_bytes {
            (tile(&texts.text("tile-disk"), &html! { (texts.size(free)) }, &html! { (texts.text("tile-disk-free")) }))
        }
        (tile(&texts.text("tile-version"), &html! { (env!("CARGO_PKG_VERSION")) }, &html! {}))
        @if let Some(end) = facts.certificate {
            @let is_soon = end.duration_since(Timestamp::now()) < SignedDuration::from_hours(24 * MIN_DAYS);
            (tile(&texts.text("tile-certificate"), &at(texts, end), &html! {
                @if is_soon { span class="badge bad" { (texts.text("tile-certificate-soon")) } }
            }))
        }
    }
}

fn last(texts: Texts, name: &str, entry: Option<&Entry>) -> Markup {
    match entry {
        Some(entry) => tile(name, &at(texts, entry.line.time), &result(texts, entry)),
        None => tile(name, &html! { "–" }, &html! { (texts.text("tile-never")) }),
    }
}

/// Where the reader's browser reaches the server, which is what Moodle probably needs, too.
fn address(request: &HttpRequest, state: &AppState) -> (String, String, bool) {
    let public = &state.config.dashboard.public_url;
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("127.0.0.1");
    let origin = public.origin().unwrap_or_else(|| {
        let scheme = if is_encrypted(request, state) { "https" } else { "http" };
        format!("{scheme}://{host}")
    });
    let (scheme, authority) = origin.split_once("://").unwrap_or(("http", &origin));
    let https = scheme == "https";
    let usual = if https { "443" } else { "80" };
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (host, port),
        _ => (authority, usual),
    };
    (host.to_owned(), port.to_owned(), https)
}

fn first_steps(visit: &Visit, facts: &Facts, user: &str) -> Markup {
    let texts = visit.texts;
    let (host, port, https) = &facts.address;
    let https_flag = if *https { " --https" } else { "" };
    // Only what a shell leaves alone is part of a command.
    let plain = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || ".-_[]:@".contains(c));
    let command = format!(
        "moodle-mlbackend connect --moodle /var/www/moodle --host {host} --port {port}{https_flag} --user {user}"
    );
    html! {
        section class="card" {
            h2 { (texts.text("first-title")) }
            p class="lead" { (texts.text("first-lead")) }
            @if plain(user) && plain(host) {
                h3 { (texts.text("first-command")) }
                p { (texts.text("first-command-hint")) }
                p { (copyable(&command)) }
            }
            h3 { (texts.text("first-by-hand")) }
            p { (texts.text("first-by-hand-hint")) }
            p { (copyable("/admin/settings.php?section=mlbackendsettingspython")) }
            dl class="facts" {
                dt lang="en" { "Use a server" } dd { (texts.text("first-ticked")) }
                dt lang="en" { "Host" } dd { (copyable(host)) }
                dt lang="en" { "Port" } dd { (copyable(port)) }
                dt lang="en" { "Use HTTPS" } dd { @if *https { (texts.text("first-ticked")) } @else { (texts.text("first-not-ticked")) } }
                dt lang="en" { "Username" } dd { (copyable(user)) }
                dt lang="en" { "Password" } dd { (texts.text("first-password")) }
            }
            p { (texts.text("first-processor")) }
            p { (copyable("/admin/settings.php?section=analyticssettings")) }
            p { (texts.text("first-then")) }
        }
    }
}
