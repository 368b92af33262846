//! `POST /training`: trains a model on the new samples together with the stored ones.

use actix_web::{HttpRequest, HttpResponse, Resource, web};

use super::resource::{post, protected};
use crate::audit::{Operation, Subject};
use crate::backend::{self, Training, Upload};
use crate::http::audit::{ended, ending};
use crate::http::error::HttpError;
use crate::http::extract::caller::Caller;
use crate::http::extract::typed_request::{DatasetUpload, Parsed};
use crate::http::long_reply;
use crate::http::openapi::forms::{OtherUser, TrainingForm};
use crate::http::state::AppState;
use crate::jobs::Reporter;
use crate::store::ModelKey;
use crate::telemetry::metrics;

pub(super) fn service() -> Resource {
    post("/training", protected(train))
}

/// Trains a model
///
/// The new samples are added to those of earlier trainings, and the model is trained on all of them. A batch that was sent
/// before counts once. The parameters may also be in the query string.
#[utoipa::path(post, path = "/training", tag = "Moodle", params(OtherUser),
    request_body(content = TrainingForm, content_type = "multipart/form-data"),
    responses(
    (status = 200, description = "The model is trained (status 0), or the samples do not suffice (status 8). After \
                                  MOODLE_MLBACKEND_KEEPALIVE_SECONDS the response begins with white space, and an error is a \
                                  reply with status 1.", body = Training,
                   example = json!({"status": 0, "info": []})),
))]
pub(in crate::http) async fn train(
    request: HttpRequest,
    state: web::Data<AppState>,
    caller: Caller,
    Parsed(DatasetUpload { key, dataset, bytes }): Parsed<DatasetUpload>,
) -> Result<HttpResponse, HttpError> {
    let reporter = state.work.begin(metrics::Operation::Training, &key, caller.user());
    let subject =
        caller.operation(Operation::Training).with_key(&key).with_upload(Some(bytes), dataset.sha256());
    let work = trained(state.clone(), subject, key, dataset, bytes, reporter);
    long_reply::json(&request, &state, work).await
}

async fn trained(
    state: web::Data<AppState>,
    subject: Subject,
    key: ModelKey,
    dataset: Upload,
    bytes: u64,
    reporter: Reporter,
) -> Result<Training, HttpError> {
    let (model, recording) = state.begin(&key, subject).await?;
    let live = state.config.live();
    let (limits, options) = (live.dataset.into(), live.training_options());
    let job =
        ending(&recording, move || backend::train_reporting(&model, dataset, &limits, options, &reporter));
    ended(&recording, state.jobs.train(key, bytes, job).await)
}
