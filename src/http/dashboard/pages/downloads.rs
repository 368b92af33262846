//! Files of a model to download: its archive, the ONNX file, the samples, the audit bundle, the report of an evaluation.
//!
//! Owns their names. Who may download what is the same as on the other routes. Must not know what the files contain.

use actix_web::http::header::CONTENT_DISPOSITION;
use actix_web::{HttpRequest, HttpResponse, Resource, web};

use crate::audit::Operation;
use crate::backend;
use crate::http::audit::recorded;
use crate::http::dashboard::routing::{page, protected};
use crate::http::error::HttpError;
use crate::http::extract::account::Access;
use crate::http::extract::caller::Caller;
use crate::http::routes::export;
use crate::http::routes::models::audit_bundle::audit_bundle as audit_bundle_route;
use crate::http::routes::models::path::Named;
use crate::http::routes::models::samples::samples as samples_route;
use crate::http::state::AppState;
use crate::store::RunId;

/// `GET /dashboard/models/{uniqueid}/{dirhash}/model.zip`: as `GET /export`.
pub(in crate::http::dashboard) fn archive() -> Resource {
    page("/models/{uniqueid}/{dirhash}/model.zip", protected(Access::Moodle, send_archive))
}

/// `GET …/model.onnx`: the current model.
pub(in crate::http::dashboard) fn onnx() -> Resource {
    page("/models/{uniqueid}/{dirhash}/model.onnx", protected(Access::Moodle, send_onnx))
}

/// `GET …/samples.csv`: as `GET /models/{uniqueid}/{dirhash}/samples`.
pub(in crate::http::dashboard) fn samples() -> Resource {
    page("/models/{uniqueid}/{dirhash}/samples.csv", protected(Access::Admin, samples_route))
}

/// `GET …/audit-bundle.zip`: as `GET /models/{uniqueid}/{dirhash}/audit-bundle`.
pub(in crate::http::dashboard) fn audit_bundle() -> Resource {
    page("/models/{uniqueid}/{dirhash}/audit-bundle.zip", protected(Access::Admin, audit_bundle_route))
}

/// `GET …/runs/{run}/report.zip`: all files of an evaluation.
pub(in crate::http::dashboard) fn evaluation() -> Resource {
    page("/models/{uniqueid}/{dirhash}/runs/{run}/report.zip", protected(Access::Everyone, send_evaluation))
}

async fn send_archive(
    state: web::Data<AppState>,
    caller: Caller,
    request: HttpRequest,
) -> Result<HttpResponse, HttpError> {
    let Named { key, .. } = Named::of(&request, &state)?;
    Ok(file("application/zip", "model.zip", export::perform(&state, caller, key).await?))
}

async fn send_onnx(
    state: web::Data<AppState>,
    caller: Caller,
    request: HttpRequest,
) -> Result<HttpResponse, HttpError> {
    let Named { key, .. } = Named::of(&request, &state)?;
    let model = state.model(&key);
    let subject = caller.operation(Operation::Export).with_key(&key);
    let job = recorded(&state.trail, subject, move || backend::export_onnx(&model));
    let onnx = state.jobs.quick.run(job).await??.ok_or(HttpError::NothingToExport)?;
    Ok(file("application/octet-stream", "model.onnx", onnx))
}

async fn send_evaluation(
    state: web::Data<AppState>,
    request: HttpRequest,
) -> Result<HttpResponse, HttpError> {
    let Named { key, .. } = Named::of(&request, &state)?;
    let model = state.model(&key);
    let run = run(&request)?;
    let archive = state.jobs.quick.run(move || backend::evaluation_log(&model, Some(run))).await??;
    Ok(file("application/zip", "report.zip", archive))
}

/// The run of an address.
pub(in crate::http::dashboard) fn run(request: &HttpRequest) -> Result<RunId, HttpError> {
    let raw = request.match_info().get("run").unwrap_or_default();
    let digits = !raw.is_empty() && raw.bytes().all(|byte| byte.is_ascii_digit());
    raw.parse().ok().filter(|_| digits).map(RunId).ok_or(HttpError::NotFound)
}

fn file(kind: &'static str, name: &str, content: Vec<u8>) -> HttpResponse {
    let disposition = format!("attachment; filename=\"{name}\"");
    HttpResponse::Ok().content_type(kind).insert_header((CONTENT_DISPOSITION, disposition)).body(content)
}
