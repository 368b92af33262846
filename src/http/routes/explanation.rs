//! `POST /explanation`: how much each indicator contributes to the predictions of samples.

use actix_web::{HttpRequest, HttpResponse, Resource, web};

use super::resource::{post, protected};
use crate::backend::Explanation;
use crate::http::async_jobs::answer;
use crate::http::error::HttpError;
use crate::http::extract::caller::Caller;
use crate::http::extract::typed_request::{ExplanationUpload, Parsed};
use crate::http::openapi::forms::{AcceptedJob, Asynchronous, ExplanationForm, OtherUser};
use crate::http::operations::{Files, Job, Task};
use crate::http::state::AppState;

pub(super) fn service() -> Resource {
    post("/explanation", protected(explain))
}

/// Explains predictions
///
/// For each sample, how much each indicator contributes to the log-odds of the second of two classes, or to the log-probability
/// of each of more classes. Base value and contributions add up to this output. Contributions describe the model and are not
/// causes: docs/explanations.md. The parameters may also be in the query string.
#[utoipa::path(post, path = "/explanation", tag = "Moodle", params(OtherUser, Asynchronous),
    request_body(content = ExplanationForm, content_type = "multipart/form-data"),
    responses(
    (status = 200, description = "The explanations.", body = Explanation,
                   example = json!({
                       "status": 0,
                       "info": [],
                       "method": "exact",
                       "background": {"samples": 100, "origin": "kept"},
                       "scale": "log-odds",
                       "outputs": [{"class": "1", "base": -0.81}],
                       "indicators": [{
                           "name": "\\core\\analytics\\indicator\\any_access_after_start",
                           "words": "any access after start"
                       }],
                       "explanations": [{
                           "sampleid": "183021-0",
                           "prediction": "1",
                           "probability": 0.713,
                           "outputs": [{
                               "class": "1",
                               "value": 0.91,
                               "contributions": [{
                                   "indicator": 0,
                                   "value": -1.0,
                                   "words": "no access after start",
                                   "contribution": 1.2
                               }],
                               "others": 0.52
                           }]
                       }]
                   })),
    (status = 202, description = "The job of a request with `Prefer: respond-async` is stored.", body = AcceptedJob,
                   headers(("Location" = String, description = "The address of the job: GET /jobs/{id}."),
                           ("Preference-Applied" = String, description = "`respond-async`"))),
    (status = 409, description = "There is no trained model, or no samples are kept to compare with: send a background."),
))]
pub(in crate::http) async fn explain(
    request: HttpRequest,
    state: web::Data<AppState>,
    caller: Caller,
    Parsed(ExplanationUpload { key, dataset, request: how }): Parsed<ExplanationUpload>,
) -> Result<HttpResponse, HttpError> {
    let bytes = dataset.bytes().map_err(HttpError::upload)?;
    let (task, files) = (Task::Explanation { top: how.top }, Files { dataset, background: how.background });
    answer(&request, &state, Job { task, key, actor: caller.into_actor(), files, bytes }).await
}
