//! `POST /evaluation`: estimates how good a model trained on the samples would be, or how good a trained one is.

use actix_web::{HttpRequest, HttpResponse, Resource, web};

use super::job_log;
use super::resource::{post, protected};
use crate::audit::{Operation, Subject};
use crate::backend::{self, EvaluationInfo, EvaluationReply, EvaluationRequest, TimeBudget, Upload};
use crate::config::{Config, UploadLimits};
use crate::http::audit::{ended, ending};
use crate::http::dashboard::addresses::{Addresses, ModelName};
use crate::http::error::HttpError;
use crate::http::extract::account::Account;
use crate::http::extract::caller::Caller;
use crate::http::extract::form::{FilePart, Form};
use crate::http::extract::params;
use crate::http::extract::tenant::Tenant;
use crate::http::extract::typed_request::{FromForm, Parsed};
use crate::http::long_reply;
use crate::http::openapi::forms::{EvaluationForm, OtherUser};
use crate::http::state::AppState;
use crate::jobs::{Phase, Reporter};
use crate::store::{ModelKey, RunId};
use crate::telemetry::metrics;

pub(in crate::http) struct EvaluationUpload {
    key: ModelKey,
    request: EvaluationRequest,
    trained: Option<ModelKey>,
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
        let trained = params::trained_dir(&form)?.map(|dir| ModelKey { id: key.id.clone(), dir });
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
#[utoipa::path(post, path = "/evaluation", tag = "Moodle", params(OtherUser),
    request_body(content = EvaluationForm, content_type = "multipart/form-data"),
    responses(
    (status = 200, description = "The result. The figures are absent if nothing could be measured.", body = EvaluationReply),
))]
pub(in crate::http) async fn evaluate(
    request: HttpRequest,
    state: web::Data<AppState>,
    caller: Caller,
    Parsed(upload): Parsed<EvaluationUpload>,
) -> Result<HttpResponse, HttpError> {
    let reporter = state.work.begin(metrics::Operation::Evaluation, &upload.key, caller.user());
    let subject = caller.operation(Operation::Evaluation).with_key(&upload.key);
    let subject = subject.with_upload(upload.dataset.bytes().ok(), upload.dataset.sha256());
    let address = report_address(&request, &state, &upload.key)?;
    let failed_run = Box::pin(failed_run(state.clone(), upload.key.clone()));
    let work = evaluated(state.clone(), subject, upload, address, reporter);
    long_reply::json_with_run(&request, &state, work, failed_run).await
}

async fn evaluated(
    state: web::Data<AppState>,
    subject: Subject,
    upload: EvaluationUpload,
    address: Option<ReportAddress>,
    reporter: Reporter,
) -> Result<EvaluationReply, HttpError> {
    let (model, recording) = state.begin(&upload.key, subject).await?;
    let trained = upload.trained.map(|key| state.model(&key));
    let live = state.config.live();
    let (limits, time) = (live.dataset.into(), live.evaluation_time);
    let job = move || {
        reporter.enters(Phase::Reading);
        let budget = TimeBudget::new(time, job_log::iterations(&reporter));
        backend::evaluate(&model, trained.as_ref(), upload.dataset, &upload.request, &limits, &budget)
    };
    let mut reply = ended(&recording, state.jobs.heavy.run(ending(&recording, job)).await)?;
    reply.info.extend(address.map(|address| address.sentence(reply.runid)));
    state.shutdown.expect_follow_up(upload.key, reply.runid);
    Ok(reply)
}

/// Where the dashboard shows the reports of a model.
struct ReportAddress {
    addresses: Addresses,
    model: ModelName,
}

impl ReportAddress {
    /// The sentence for Moodle's administrator. Moodle puts it into its page as HTML: ids have no character that means anything
    /// there, and those of a user are encoded.
    fn sentence(&self, run: RunId) -> String {
        let address = self.addresses.model(&self.model, &format!("/runs/{run}"));
        format!("The report is also in the dashboard of the server: {address}")
    }
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

/// The run that an evaluation reports which failed after its response had begun: Moodle stores the log of each run in a
/// directory of its own. Without one, Moodle still shows the error.
async fn failed_run(state: web::Data<AppState>, key: ModelKey) -> Option<RunId> {
    let model = state.model(&key);
    let run = state.jobs.quick.run(move || backend::failed_run(&model)).await.ok()?.ok()?;
    state.shutdown.expect_follow_up(key, run);
    Some(run)
}
