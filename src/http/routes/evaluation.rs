//! `POST /evaluation`: estimates how good a model trained on the samples would be, or how good a trained one is.

use actix_web::{HttpRequest, HttpResponse, Resource, web};

use super::resource::{post, protected};
use crate::backend::{EvaluationInfo, EvaluationReply, EvaluationRequest, Upload};
use crate::config::{Config, UploadLimits};
use crate::http::async_jobs::answer;
use crate::http::dashboard::addresses::{Addresses, ModelName};
use crate::http::error::HttpError;
use crate::http::extract::account::Account;
use crate::http::extract::caller::Caller;
use crate::http::extract::form::{FilePart, Form};
use crate::http::extract::params;
use crate::http::extract::tenant::Tenant;
use crate::http::extract::typed_request::{FromForm, Parsed};
use crate::http::openapi::forms::{AcceptedJob, Asynchronous, EvaluationForm, OtherUser};
use crate::http::operations::{Files, Job, ReportAddress, Task};
use crate::http::state::AppState;
use crate::store::{DirHash, ModelKey};

pub(in crate::http) struct EvaluationUpload {
    key: ModelKey,
    request: EvaluationRequest,
    /// The `dirhash` of a trained model that is rated instead of new ones.
    trained: Option<DirHash>,
    dataset: Upload,
}

impl FromForm for EvaluationUpload {
    fn file_part(limits: &UploadLimits) -> Option<FilePart> {
        Some(FilePart::dataset(limits))
    }

    fn from_form(form: Form, tenant: &Tenant, config: &Config) -> Result<Self, HttpError> {
        let key = params::model_key(&form, tenant)?;
        let live = config.live();
        let request = params::evaluation(&form, live.max_iterations, live.evaluation_info)?;
        // It follows the file, so it is known only after the whole body was read.
        let trained = params::trained_dir(&form)?;
        Ok(Self { key, request, trained, dataset: form.into_upload()? })
    }
}

pub(super) fn service() -> Resource {
    post("/evaluation", protected(evaluate))
}

/// Evaluates a model
///
/// Trains models on 80 % of the samples and tests them on the rest, again and again; with `trainedmodeldirhash`, it tests that
/// model on all samples. The parameters may also be in the query string.
#[utoipa::path(post, path = "/evaluation", tag = "Moodle", params(OtherUser, Asynchronous),
    request_body(content = EvaluationForm, content_type = "multipart/form-data"),
    responses(
    (status = 200, description = "The result. The figures are absent if nothing could be measured.", body = EvaluationReply),
    (status = 202, description = "The job of a request with `Prefer: respond-async` is stored.", body = AcceptedJob,
                   headers(("Location" = String, description = "The address of the job: GET /jobs/{id}."),
                           ("Preference-Applied" = String, description = "`respond-async`"))),
))]
pub(in crate::http) async fn evaluate(
    request: HttpRequest,
    state: web::Data<AppState>,
    caller: Caller,
    Parsed(EvaluationUpload { key, request: how, trained, dataset }): Parsed<EvaluationUpload>,
) -> Result<HttpResponse, HttpError> {
    let report = report_address(&request, &state, &key)?;
    let bytes = dataset.bytes().map_err(HttpError::upload)?;
    let trained = trained.map(|trained| trained.as_str().to_owned());
    let task = Task::Evaluation { request: how, trained, report };
    let files = Files { dataset, background: None };
    answer(&request, &state, Job { task, key, actor: caller.into_actor(), files, bytes }).await
}

/// `None` if the address of the dashboard is not known, or the reply is to have no sentences of this server.
fn report_address(
    request: &HttpRequest,
    state: &AppState,
    key: &ModelKey,
) -> Result<Option<ReportAddress>, HttpError> {
    let dashboard = &state.config.dashboard;
    let is_wanted = dashboard.is_on && state.config.live().evaluation_info == EvaluationInfo::Full;
    let Some(url) = dashboard.public_url.get().filter(|_| is_wanted) else { return Ok(None) };
    let (account, tenant) = (Account::of(request)?, Tenant::of(request)?);
    let query = Form::of_query(request.query_string().as_bytes());
    let named = query.value("user").filter(|_| account.sees_owners()).unwrap_or(account.name());
    let user = state.config.access.isolate_users.then(|| named.to_owned());
    let id = tenant.visible(key.id.as_str()).unwrap_or_default().to_owned();
    let model = ModelName { id, dir: key.dir.as_str().to_owned(), user };
    Ok(Some(ReportAddress { addresses: Addresses::new(url), model }))
}
