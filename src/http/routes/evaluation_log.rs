//! `GET /evaluationlog`: the report of one evaluation run, as a zip.

use actix_web::{HttpResponse, Resource, web};

use super::resource::{get, protected};
use crate::backend;
use crate::config::Config;
use crate::http::error::HttpError;
use crate::http::extract::form::Form;
use crate::http::extract::params;
use crate::http::extract::tenant::Tenant;
use crate::http::extract::typed_request::{FromForm, Parsed};
use crate::http::openapi::forms::{ModelQuery, OtherUser, Zip};
use crate::http::response::zip;
use crate::http::state::AppState;
use crate::store::{ModelKey, RunId};

pub(in crate::http) struct RunQuery {
    key: ModelKey,
    run: Option<RunId>,
}

impl FromForm for RunQuery {
    fn from_form(form: Form, tenant: &Tenant, _: &Config) -> Result<Self, HttpError> {
        Ok(Self { key: params::model_key(&form, tenant)?, run: params::run(&form)? })
    }
}

pub(super) fn service() -> Resource {
    get("/evaluationlog", protected(evaluation_log))
}

/// The report of an evaluation
#[utoipa::path(get, path = "/evaluationlog", tag = "Moodle",
    params(ModelQuery, ("runid" = String, Query, description = "The `runid` of the evaluation's reply."), OtherUser),
    responses(
    (status = 200, description = "The files of the report; an empty archive of 22 bytes if there is no such run.",
                   body = inline(Zip), content_type = "application/zip"),
))]
pub(in crate::http) async fn evaluation_log(
    state: web::Data<AppState>,
    Parsed(RunQuery { key, run }): Parsed<RunQuery>,
) -> Result<HttpResponse, HttpError> {
    let model = state.model(&key);
    let log = state.jobs.quick.run(move || backend::evaluation_log(&model, run)).await??;
    if let Some(run) = run {
        state.shutdown.followed_up(&key, run);
    }
    Ok(zip(log))
}
