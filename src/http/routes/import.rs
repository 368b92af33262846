//! `POST /import`: replaces a model with the one in an archive.

use actix_web::{HttpResponse, Resource, web};

use super::resource::{post, protected};
use crate::audit::Operation;
use crate::backend;
use crate::http::audit::{ended, ending};
use crate::http::disk_quota;
use crate::http::error::HttpError;
use crate::http::extract::caller::Caller;
use crate::http::extract::typed_request::{ArchiveUpload, Parsed};
use crate::http::openapi::forms::{ImportForm, OtherUser};
use crate::http::response::ok;
use crate::http::state::AppState;

pub(super) fn service() -> Resource {
    post("/import", protected(import))
}

/// Imports a model
///
/// It replaces the stored one.
#[utoipa::path(post, path = "/import", tag = "Moodle", params(OtherUser),
    request_body(content = ImportForm, content_type = "multipart/form-data"),
    responses((status = 200, description = "`Ok`", body = String, content_type = "text/plain"),
))]
pub(in crate::http) async fn import(
    state: web::Data<AppState>,
    caller: Caller,
    Parsed(upload): Parsed<ArchiveUpload>,
) -> Result<HttpResponse, HttpError> {
    perform(&state, caller, upload).await?;
    Ok(ok())
}

/// Imports a model and records that.
pub(in crate::http) async fn perform(
    state: &web::Data<AppState>,
    caller: Caller,
    ArchiveUpload { key, archive }: ArchiveUpload,
) -> Result<(), HttpError> {
    let bytes = archive.bytes().map_err(HttpError::upload)?;
    disk_quota::check(state, &key.id, caller.user(), bytes).await?;
    let subject = caller.operation(Operation::Import).with_key(&key);
    let subject = subject.with_upload(Some(bytes), archive.sha256());
    let (model, recording) = state.begin(&key, subject).await?;
    let live = state.config.live();
    let (limits, import) = (live.dataset.into(), live.import);
    let job = ending(&recording, move || backend::import(&model, archive, &limits, &import));
    ended(&recording, state.jobs.replace(key, job).await).map(drop)
}
