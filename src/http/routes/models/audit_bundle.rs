//! `GET /models/{uniqueid}/{dirhash}/audit-bundle`: everything that an auditor needs about a model, as a zip.
#![allow(clippy::doc_markdown, reason = "the text of a route is shown as it is")]

use actix_web::http::header::{CONTENT_DISPOSITION, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, Resource, web};

use super::path::Named;
use crate::audit::Operation;
use crate::backend;
use crate::http::audit::recorded;
use crate::http::error::HttpError;
use crate::http::extract::account::Access;
use crate::http::extract::caller::Caller;
use crate::http::openapi::forms::{ModelPath, OtherUser, Zip};
use crate::http::response::zip;
use crate::http::routes::resource::{get, protected_for};
use crate::http::state::AppState;

pub(in crate::http::routes) fn service() -> Resource {
    get("/models/{uniqueid}/{dirhash}/audit-bundle", protected_for(Access::Admin, audit_bundle))
}

/// A file for an auditor of a model
///
/// The model card, the report of the last evaluation, the history of the trainings, the model's lines of the audit trail, versions, the
/// bill of materials, and how to reproduce the model. Contains nothing of a student. Only for users that MOODLE_MLBACKEND_ADMINS names.
#[utoipa::path(get, path = "/models/{uniqueid}/{dirhash}/audit-bundle", tag = "Models", params(ModelPath, OtherUser), responses(
    (status = 200, description = "The files.", body = inline(Zip), content_type = "application/zip"),
    (status = 400, description = "An id in the path is none."),
    (status = 404, description = "There is no such model, or no such user."),
))]
pub(in crate::http) async fn audit_bundle(
    state: web::Data<AppState>,
    caller: Caller,
    request: HttpRequest,
) -> Result<HttpResponse, HttpError> {
    let Named { key, .. } = Named::stored(&request, &state).await?;
    let subject = caller.operation(Operation::AuditBundle).with_key(&key);
    let store = state.store.clone();
    let bundle = recorded(&state.trail, subject, move || backend::audit_bundle(&store, &key));
    let bundle = state.jobs.quick.run(bundle).await??.ok_or(HttpError::NoSuchModel)?;
    let mut response = zip(bundle);
    let name = HeaderValue::from_static("attachment; filename=\"audit-bundle.zip\"");
    response.headers_mut().insert(CONTENT_DISPOSITION, name);
    Ok(response)
}
