//! The eight routes, one file each, and what their handlers have in common.

mod delete;
mod evaluation;
mod evaluation_log;
mod export;
pub(super) mod fallback;
mod import;
mod prediction;
mod training;
mod version;

use actix_web::http::StatusCode;
use actix_web::http::header::ContentType;
use actix_web::{HttpMessage, HttpRequest, HttpResponse, Route, guard, web};
use actix_web_httpauth::middleware::HttpAuthentication;
use serde::Serialize;

use super::error::HttpError;
use super::extract::form::{FilePart, Form};
use super::extract::params;
use super::extract::tenant::Tenant;
use super::middleware::basic_auth;
use super::middleware::request_log::{About, RequestId};
use super::state::AppState;
use crate::store::{ModelDir, ModelKey};

/// Registers the eight routes. Only the right method asks for credentials: a wrong one is told so
/// first, and `OPTIONS` needs none.
pub(super) fn register(config: &mut web::ServiceConfig) {
    let protected = |route: Route| route.wrap(HttpAuthentication::with_fn(basic_auth::check));
    config
        .service(reading("/version", reads().to(version::version)))
        .service(reading("/evaluationlog", protected(reads().to(evaluation_log::evaluation_log))))
        .service(reading("/export", protected(reads().to(export::export))))
        .service(sending("/training", protected(web::post().to(training::train))))
        .service(sending("/prediction", protected(web::post().to(prediction::predict))))
        .service(sending("/evaluation", protected(web::post().to(evaluation::evaluate))))
        .service(sending("/import", protected(web::post().to(import::import))))
        .service(sending("/deletemodel", protected(web::post().to(delete::delete))));
}

fn reads() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

fn reading(path: &str, route: Route) -> actix_web::Resource {
    let others = web::to(|request: HttpRequest| async move { fallback::other(&request, fallback::READING) });
    web::resource(path).route(route).default_service(others)
}

fn sending(path: &str, route: Route) -> actix_web::Resource {
    let others = web::to(|request: HttpRequest| async move { fallback::other(&request, fallback::SENDING) });
    web::resource(path).route(route).default_service(others)
}

/// Reads a request with a body.
async fn sent(
    request: &HttpRequest,
    tenant: &Tenant,
    payload: web::Payload,
    state: &web::Data<AppState>,
    file: Option<FilePart>,
) -> Result<Form, HttpError> {
    let form = Form::read(request, payload, state, file).await?;
    arrived(request, tenant, state, form).await
}

/// Reads a request without a body.
async fn asked(
    request: &HttpRequest,
    tenant: &Tenant,
    state: &web::Data<AppState>,
) -> Result<Form, HttpError> {
    super::extract::form::refuse_encoded(request.headers())?;
    arrived(request, tenant, state, Form::of_query(request)).await
}

/// Notes for the log what the request is about and keeps a copy for debugging, if asked to.
async fn arrived(
    request: &HttpRequest,
    tenant: &Tenant,
    state: &web::Data<AppState>,
    form: Form,
) -> Result<Form, HttpError> {
    if let Ok(id) = params::model_id(&form, tenant) {
        request.extensions_mut().insert(About(id.as_str().to_owned()));
    }
    if state.stash.is_none() {
        return Ok(form);
    }
    let id = request.extensions().get::<RequestId>().map_or_else(String::new, |id| id.0.clone());
    let (method, route) = (request.method().to_string(), request.path().to_owned());
    let shared = state.clone();
    let keep = move || {
        let kept = shared.stash.as_ref().map(|stash| stash.keep(&id, &method, &route, &form));
        if let Some(Err(error)) = kept {
            tracing::warn!(%error, "cannot keep a copy in MOODLE_ML_STASH_DIR");
        }
        form
    };
    Ok(state.jobs.quick(keep).await?)
}

/// The home of a model for work that will change it. The work begins now, before it waits for its turn.
async fn begin(state: &web::Data<AppState>, model: &ModelKey) -> Result<ModelDir, HttpError> {
    let (backend, ModelKey { id, dir }) = (state.backend.clone(), model.clone());
    Ok(state.jobs.quick(move || backend.begin(&id, &dir)).await??)
}

/// A plain-text answer, without a newline at its end.
pub(super) fn text(status: StatusCode, body: String) -> HttpResponse {
    HttpResponse::build(status).content_type(ContentType::plaintext()).body(body)
}

fn ok() -> HttpResponse {
    text(StatusCode::OK, "Ok".to_owned())
}

fn json(reply: &impl Serialize) -> Result<HttpResponse, HttpError> {
    let body =
        serde_json::to_string(reply).map_err(|error| HttpError::internal("writing an answer", error))?;
    Ok(HttpResponse::Ok().content_type(ContentType::json()).body(body))
}

fn zip(archive: Vec<u8>) -> HttpResponse {
    HttpResponse::Ok().content_type("application/zip").body(archive)
}
