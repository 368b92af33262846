//! `POST /prediction`: predicts new samples with a trained model.

use actix_web::{HttpRequest, HttpResponse, Resource, web};

use super::resource::{post, protected};
use crate::backend::Prediction;
use crate::http::async_jobs::answer;
use crate::http::error::HttpError;
use crate::http::extract::caller::Caller;
use crate::http::extract::typed_request::{DatasetUpload, Parsed};
use crate::http::openapi::forms::{AcceptedJob, Asynchronous, OtherUser, PredictionForm};
use crate::http::operations::{Files, Job, Task};
use crate::http::state::AppState;

pub(super) fn service() -> Resource {
    post("/prediction", protected(predict))
}

/// Predicts samples
///
/// The parameters may also be in the query string.
#[utoipa::path(post, path = "/prediction", tag = "Moodle", params(OtherUser, Asynchronous),
    request_body(content = PredictionForm, content_type = "multipart/form-data"),
    responses(
    (status = 200, description = "The predictions (status 0), or there is no trained model (status 2).", body = Prediction,
                   example = json!({"status": 0, "info": [], "predictions": [["183021-0", "1", "0.8952252"]]})),
    (status = 202, description = "The job of a request with `Prefer: respond-async` is stored.", body = AcceptedJob,
                   headers(("Location" = String, description = "The address of the job: GET /jobs/{id}."),
                           ("Preference-Applied" = String, description = "`respond-async`"))),
))]
pub(in crate::http) async fn predict(
    request: HttpRequest,
    state: web::Data<AppState>,
    caller: Caller,
    Parsed(DatasetUpload { key, dataset, bytes }): Parsed<DatasetUpload>,
) -> Result<HttpResponse, HttpError> {
    let files = Files { dataset, background: None };
    let job = Job { task: Task::Prediction, key, actor: caller.into_actor(), files, bytes };
    answer(&request, &state, job).await
}
