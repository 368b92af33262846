//! `POST /training`: trains a model on the new samples together with the stored ones.

use actix_web::{HttpRequest, HttpResponse, Resource, web};

use super::resource::{post, protected};
use crate::backend::Training;
use crate::http::async_jobs::answer;
use crate::http::error::HttpError;
use crate::http::extract::caller::Caller;
use crate::http::extract::typed_request::{DatasetUpload, Parsed};
use crate::http::openapi::forms::{AcceptedJob, Asynchronous, OtherUser, TrainingForm};
use crate::http::operations::{Files, Job, Task};
use crate::http::state::AppState;

pub(super) fn service() -> Resource {
    post("/training", protected(train))
}

/// Trains a model
///
/// The new samples are added to those of earlier trainings, and the model is trained on all of them. A batch that was sent
/// before counts once. The parameters may also be in the query string.
#[utoipa::path(post, path = "/training", tag = "Moodle", params(OtherUser, Asynchronous),
    request_body(content = TrainingForm, content_type = "multipart/form-data"),
    responses(
    (status = 200, description = "The model is trained (status 0), or the samples do not suffice (status 8). After \
                                  MOODLE_MLBACKEND_KEEPALIVE_SECONDS the response begins with white space, and an error is a \
                                  reply with status 1.", body = Training,
                   example = json!({"status": 0, "info": []})),
    (status = 202, description = "The job of a request with `Prefer: respond-async` is stored.", body = AcceptedJob,
                   headers(("Location" = String, description = "The address of the job: GET /jobs/{id}."),
                           ("Preference-Applied" = String, description = "`respond-async`"))),
))]
pub(in crate::http) async fn train(
    request: HttpRequest,
    state: web::Data<AppState>,
    caller: Caller,
    Parsed(DatasetUpload { key, dataset, bytes }): Parsed<DatasetUpload>,
) -> Result<HttpResponse, HttpError> {
    let files = Files { dataset, background: None };
    let job = Job { task: Task::Training, key, actor: caller.into_actor(), files, bytes };
    answer(&request, &state, job).await
}
