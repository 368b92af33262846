//! `POST /prediction`: predicts new samples with a trained model.

use actix_web::{HttpRequest, HttpResponse, Resource, web};

use super::resource::{post, protected};
use crate::audit::{Operation, Subject};
use crate::backend::{self, Prediction, Upload};
use crate::http::audit::recorded;
use crate::http::error::HttpError;
use crate::http::extract::caller::Caller;
use crate::http::extract::typed_request::{DatasetUpload, Parsed};
use crate::http::long_reply;
use crate::http::openapi::forms::{OtherUser, PredictionForm};
use crate::http::state::AppState;
use crate::store::ModelKey;

pub(super) fn service() -> Resource {
    post("/prediction", protected(predict))
}

/// Predicts samples
///
/// The parameters may also be in the query string.
#[utoipa::path(post, path = "/prediction", tag = "Moodle", params(OtherUser),
    request_body(content = PredictionForm, content_type = "multipart/form-data"),
    responses(
    (status = 200, description = "The predictions (status 0), or there is no trained model (status 2).", body = Prediction,
                   example = json!({"status": 0, "info": [], "predictions": [["183021-0", "1", "0.8952252"]]})),
))]
pub(in crate::http) async fn predict(
    request: HttpRequest,
    state: web::Data<AppState>,
    caller: Caller,
    Parsed(DatasetUpload { key, dataset, bytes }): Parsed<DatasetUpload>,
) -> Result<HttpResponse, HttpError> {
    let subject =
        caller.operation(Operation::Prediction).with_key(&key).with_upload(Some(bytes), dataset.sha256());
    let work = predicted(state.clone(), subject, key, dataset);
    long_reply::json(&request, &state, work).await
}

/// Also for the page of the dashboard.
pub(in crate::http) async fn predicted(
    state: web::Data<AppState>,
    subject: Subject,
    key: ModelKey,
    dataset: Upload,
) -> Result<Prediction, HttpError> {
    let (model, limits) = (state.model(&key), state.config.live().dataset.into());
    let imported = if let Some(imported) = state.models.uses_imported(&model) {
        imported
    } else {
        let model = model.clone();
        state.jobs.quick.run(move || backend::uses_imported_model(&model)).await?
    };
    let queue = if imported { &state.jobs.imported } else { &state.jobs.quick };
    let predict = {
        let state = state.clone();
        move || backend::predict(&model, &state.models, dataset, &limits)
    };
    let predict = recorded(&state.trail, subject, predict);
    queue.run(predict).await?
}
