//! `/dashboard/sign-in`: the form for user and password, and what it is sent to.
//!
//! Users, passwords and throttling are those of all routes. Must not know how a session is stored.

use actix_web::http::StatusCode;
use actix_web::http::header::{LOCATION, SET_COOKIE};
use actix_web::{HttpRequest, HttpResponse, Resource, ResponseError as _, web};
use maud::{Markup, html};

use crate::http::dashboard::addresses::is_page;
use crate::http::dashboard::layout::{Section, page, page_with};
use crate::http::dashboard::routing::form;
use crate::http::dashboard::session;
use crate::http::dashboard::texts::count;
use crate::http::dashboard::visit::Visit;
use crate::http::error::HttpError;
use crate::http::extract::form::Form;
use crate::http::middleware::basic_auth::{Credentials, authenticate};
use crate::http::middleware::request_log::ClientAddress;
use crate::http::state::AppState;

pub(in crate::http::dashboard) fn service() -> Resource {
    form("/sign-in", web::to(show), web::to(sign_in))
}

async fn show(visit: Visit) -> HttpResponse {
    let next = visit.query.value("next").unwrap_or_default().to_owned();
    let title = visit.texts.text("sign-in");
    page(&visit, Section::Other, &title, &content(&visit, &next, "", None))
}

async fn sign_in(
    state: web::Data<AppState>,
    client: web::ReqData<ClientAddress>,
    visit: Visit,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, HttpError> {
    let body_rate = state.config.connections.body_rate;
    let sent = Form::read(&request, payload.into_inner(), &state.uploads, body_rate, None).await?;
    let value = |name| sent.value(name).unwrap_or_default();
    let (user, next) = (value("user"), value("next"));
    let credentials = Credentials::of_form(user, value("password"));
    let texts = visit.texts;
    let (status, problem) = match authenticate(&state, client.0, Some(credentials)).await {
        Ok(account) => {
            let cookie = session::begin(&state, &request, &account).await?;
            let next = if is_page(next) { next } else { "/dashboard" };
            let location = (LOCATION, visit.addresses.of(next));
            return Ok(HttpResponse::SeeOther()
                .insert_header(location)
                .insert_header((SET_COOKIE, cookie))
                .finish());
        }
        // Not 401, which would make the browser ask for a password itself.
        Err(HttpError::WrongCredentials) => (StatusCode::FORBIDDEN, texts.text("sign-in-wrong")),
        Err(error @ HttpError::TooManyFailures(_)) => {
            let HttpError::TooManyFailures(wait) = &error else { return Err(error) };
            let seconds = [("seconds", count(wait.seconds()))];
            (error.status_code(), texts.text_with("sign-in-throttled", &seconds))
        }
        Err(HttpError::NoUsers) => (StatusCode::SERVICE_UNAVAILABLE, texts.text("sign-in-no-users")),
        Err(error) => return Err(error),
    };
    let content = content(&visit, next, user, Some(&problem));
    Ok(page_with(status, &visit, Section::Other, &texts.text("sign-in"), &content))
}

fn content(visit: &Visit, next: &str, user: &str, problem: Option<&str>) -> Markup {
    let texts = visit.texts;
    let invalid = problem.map(|_| "true");
    html! {
        div class="narrow" {
            form class="card" method="post" action=(visit.addresses.of("/dashboard/sign-in")) {
                h1 { (texts.text("sign-in")) }
                p class="small" { (texts.text("sign-in-hint")) }
                @if let Some(problem) = problem { p class="notice bad" role="alert" id="problem" { (problem) } }
                @if is_page(next) { input type="hidden" name="next" value=(next); }
                label for="user" { (texts.text("sign-in-user")) }
                input type="text" id="user" name="user" value=(user) autocomplete="username" autocapitalize="none"
                      spellcheck="false" required aria-invalid=[invalid] autofocus[user.is_empty()];
                label for="password" { (texts.text("sign-in-password")) }
                input type="password" id="password" name="password" autocomplete="current-password" required
                      aria-invalid=[invalid] autofocus[!user.is_empty()];
                button type="submit" { (texts.text("sign-in")) }
            }
        }
    }
}
