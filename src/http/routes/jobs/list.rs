//! `GET /jobs`: a page of the asynchronous jobs.

use actix_web::http::header::LINK;
use actix_web::{HttpRequest, HttpResponse, Resource, web};

use super::query::{Parameters, place};
use super::view::{JobList, JobView, sees, state as state_of};
use crate::http::async_jobs;
use crate::http::error::HttpError;
use crate::http::extract::account::{Access, Account};
use crate::http::extract::form::Form;
use crate::http::openapi::forms::JobListParameters;
use crate::http::routes::models::list::Names;
use crate::http::routes::resource::{get, protected_for};
use crate::http::state::AppState;

pub(in crate::http::routes) fn service() -> Resource {
    get("/jobs", protected_for(Access::Everyone, list))
}

/// The asynchronous jobs
///
/// A page of them, the newest first, without results. Users see their own jobs; admins and viewers see those of all users.
#[utoipa::path(get, path = "/jobs", tag = "Jobs", params(JobListParameters), responses(
    (status = 200, description = "A page of the list.", body = JobList,
                   headers(("Link" = String, description = "The other pages (RFC 8288): next, prev, first, last."))),
    (status = 400, description = "A parameter cannot be used."),
))]
pub(in crate::http) async fn list(
    state: web::Data<AppState>,
    request: HttpRequest,
) -> Result<HttpResponse, HttpError> {
    let account = Account::of(&request)?;
    let names = Names::of_account(&state, &account)?;
    let parameters = Parameters::read(&Form::of_query(request.query_string().as_bytes()))?;
    let shared = state.clone();
    let jobs = state.jobs.quick.run(move || shared.async_jobs.shelf.list()).await??;
    let jobs: Vec<_> = jobs.into_iter().filter(|(_, record)| sees(&account, record)).collect();
    let progress = async_jobs::progress_of_all(&state, &jobs).await;
    let listed = jobs.into_iter().zip(progress).filter_map(|((id, record), progress)| {
        let is_wanted = parameters.state.is_none_or(|wanted| wanted == state_of(&record, progress));
        is_wanted.then_some((place(&id, &record), (id, record, progress)))
    });
    let page = parameters.page(listed.collect());
    let links = parameters.links(&page, state.config.listen.url_prefix.as_str());
    let view = |(id, record, progress)| JobView::new(&id, record, progress, &account, &names);
    let list = JobList { jobs: page.items.into_iter().map(view).collect() };
    Ok(HttpResponse::Ok().insert_header((LINK, links)).json(list))
}
