//! Typed requests: the steps of the routes of Moodle but `/version` before their handlers run.
//!
//! Owns these steps and their order: read the form, note the model's id for the log, keep the debug copy, check the
//! parameters. Must not know what a handler does with them.

use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};

use super::disk_space;
use super::form::{FilePart, Form, content_length};
use super::params;
use super::tenant::Tenant;
use crate::backend::{ExplanationRequest, Upload};
use crate::config::{Config, UploadLimits};
use crate::http::debug_copy::{self, RequestLine};
use crate::http::error::HttpError;
use crate::http::middleware::request_log::request_id;
use crate::http::state::AppState;
use crate::store::{ModelId, ModelKey};

/// What one route reads from its form.
pub(crate) trait FromForm: Sized + 'static {
    /// The file part of the body, if the route has one.
    fn file_part(_limits: &UploadLimits) -> Option<FilePart> {
        None
    }

    /// Another file part, which may be missing.
    fn optional_file_part(_limits: &UploadLimits) -> Option<FilePart> {
        None
    }

    /// Checks the parameters, in the order that the protocol prescribes, and takes the file last.
    fn from_form(form: Form, tenant: &Tenant, config: &Config) -> Result<Self, HttpError>;
}

/// The extractor of a typed request.
pub(crate) struct Parsed<T>(pub(crate) T);

impl<T: FromForm> FromRequest for Parsed<T> {
    type Error = HttpError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, HttpError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move { parse(&request, payload).await.map(Self) })
    }
}

async fn parse<T: FromForm>(request: &HttpRequest, payload: Payload) -> Result<T, HttpError> {
    let state = request.app_data::<web::Data<AppState>>().cloned();
    let state = state.ok_or_else(|| HttpError::internal("reading a request", "the server has no state"))?;
    let tenant = Tenant::of(request)?;
    let limits = state.config.live().uploads;
    let file_part = T::file_part(&limits);
    let file_parts = file_part.into_iter().chain(T::optional_file_part(&limits));
    let body_rate = state.config.connections.body_rate;
    if let Some(part) = file_part {
        // A longer body is refused for its length.
        let length = content_length(request.headers()).filter(|length| *length <= part.limit);
        disk_space::check(&state.config.temp_dir, length).await?;
    }
    let form = Form::read(request, payload, &state.uploads, body_rate, file_parts).await?;
    if let Ok(id) = params::model_id(&form, &tenant) {
        request.extensions_mut().insert(id);
    }
    let form = keep_debug_copy(request, &state, form).await?;
    T::from_form(form, &tenant, &state.config)
}

/// Copies the request to the stash directory, if there is one. A copy that fails is only logged.
async fn keep_debug_copy(
    request: &HttpRequest,
    state: &web::Data<AppState>,
    form: Form,
) -> Result<Form, HttpError> {
    let Some(stash) = state.config.stash_dir.clone() else { return Ok(form) };
    let line = RequestLine {
        id: request_id(request),
        method: request.method().to_string(),
        route: request.path().to_owned(),
    };
    let copy = move || {
        if let Err(error) = debug_copy::save(&stash, &line, &form) {
            tracing::warn!(%error, "cannot keep a copy in MOODLE_ML_STASH_DIR");
        }
        form
    };
    Ok(state.jobs.quick.run(copy).await?)
}

/// A model and a dataset for it.
pub(crate) struct DatasetUpload {
    pub(crate) key: ModelKey,
    pub(crate) dataset: Upload,
    /// The size of the dataset.
    pub(crate) bytes: u64,
}

impl FromForm for DatasetUpload {
    fn file_part(limits: &UploadLimits) -> Option<FilePart> {
        Some(FilePart::dataset(limits))
    }

    fn from_form(form: Form, tenant: &Tenant, _: &Config) -> Result<Self, HttpError> {
        let key = params::model_key(&form, tenant)?;
        let dataset = form.into_upload()?;
        let bytes = dataset.bytes().map_err(HttpError::upload)?;
        Ok(Self { key, dataset, bytes })
    }
}

/// A model, a dataset whose predictions are to be explained, and how.
pub(crate) struct ExplanationUpload {
    pub(crate) key: ModelKey,
    pub(crate) dataset: Upload,
    pub(crate) request: ExplanationRequest,
}

impl FromForm for ExplanationUpload {
    fn file_part(limits: &UploadLimits) -> Option<FilePart> {
        Some(FilePart::dataset(limits))
    }

    fn optional_file_part(limits: &UploadLimits) -> Option<FilePart> {
        Some(FilePart::background(limits))
    }

    fn from_form(mut form: Form, tenant: &Tenant, _: &Config) -> Result<Self, HttpError> {
        let key = params::model_key(&form, tenant)?;
        let top = params::top(&form)?;
        let background = form.take_background();
        Ok(Self { key, dataset: form.into_upload()?, request: ExplanationRequest { background, top } })
    }
}

/// A model and an archive to replace it with.
pub(crate) struct ArchiveUpload {
    pub(crate) key: ModelKey,
    pub(crate) archive: Upload,
}

impl FromForm for ArchiveUpload {
    fn file_part(limits: &UploadLimits) -> Option<FilePart> {
        Some(FilePart::archive(limits))
    }

    fn from_form(form: Form, tenant: &Tenant, _: &Config) -> Result<Self, HttpError> {
        Ok(Self { key: params::model_key(&form, tenant)?, archive: form.into_upload()? })
    }
}

impl FromForm for ModelKey {
    fn from_form(form: Form, tenant: &Tenant, _: &Config) -> Result<Self, HttpError> {
        params::model_key(&form, tenant)
    }
}

impl FromForm for ModelId {
    fn from_form(form: Form, tenant: &Tenant, _: &Config) -> Result<Self, HttpError> {
        params::model_id(&form, tenant)
    }
}
