//! `GET /export`: a trained model as a zip.

use actix_web::{HttpResponse, Resource, web};

use super::resource::{get, protected};
use crate::audit::Operation;
use crate::backend;
use crate::http::audit::recorded;
use crate::http::error::HttpError;
use crate::http::extract::caller::Caller;
use crate::http::extract::typed_request::Parsed;
use crate::http::openapi::forms::{ModelQuery, OtherUser, Zip};
use crate::http::response::zip;
use crate::http::state::AppState;
use crate::store::ModelKey;

pub(super) fn service() -> Resource {
    get("/export", protected(export))
}

/// Exports a model
#[utoipa::path(get, path = "/export", tag = "Moodle", params(ModelQuery, OtherUser), responses(
    (status = 200, description = "The files of the model.", body = inline(Zip), content_type = "application/zip"),
    (status = 503, description = "There is no trained model (`There is nothing to export.`), or the server is busy or \
                                  stopping, with the header Retry-After."),
))]
pub(in crate::http) async fn export(
    state: web::Data<AppState>,
    caller: Caller,
    Parsed(key): Parsed<ModelKey>,
) -> Result<HttpResponse, HttpError> {
    perform(&state, caller, key).await.map(zip)
}

/// Exports a model and records that: the archive.
pub(in crate::http) async fn perform(
    state: &web::Data<AppState>,
    caller: Caller,
    key: ModelKey,
) -> Result<Vec<u8>, HttpError> {
    let model = state.model(&key);
    let subject = caller.operation(Operation::Export).with_key(&key);
    let job = recorded(&state.trail, subject, move || backend::export(&model));
    let archive = state.jobs.quick.run(job).await??;
    archive.ok_or(HttpError::NothingToExport)
}
