//! `GET /models/{uniqueid}/{dirhash}/samples`: the kept samples of a model as a dataset.
//!
//! Samples are about students, so only admins may read them. The text is made in parts, on threads for blocking work: a dataset
//! of a million samples is never in memory as text.
#![allow(clippy::doc_markdown, reason = "the text of a route is shown as it is")]

use actix_web::http::header::CONTENT_DISPOSITION;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, Resource, error, web};
use futures_util::stream;

use super::path::Named;
use crate::audit::Operation;
use crate::backend;
use crate::http::audit::recorded;
use crate::http::error::HttpError;
use crate::http::extract::account::Access;
use crate::http::extract::caller::Caller;
use crate::http::openapi::forms::{ModelPath, OtherUser};
use crate::http::routes::resource::{get, protected_for};
use crate::http::state::AppState;

/// The number of samples whose text is made at once.
const SAMPLES_OF_A_PART: usize = 500;

pub(in crate::http::routes) fn service() -> Resource {
    get("/models/{uniqueid}/{dirhash}/samples", protected_for(Access::Admin, samples))
}

/// The kept samples of a model
///
/// A dataset in Moodle's format that trains the same model again. Only for users that MOODLE_MLBACKEND_ADMINS names. Samples of
/// classes that the target no longer has are not in it; the classes and features are those of the current generation.
#[utoipa::path(get, path = "/models/{uniqueid}/{dirhash}/samples", tag = "Models", params(ModelPath, OtherUser), responses(
    (status = 200, description = "The dataset.", body = String, content_type = "text/csv"),
    (status = 400, description = "An id in the path is none."),
    (status = 404, description = "There is no such model or no such user, or the model has no samples."),
))]
pub(in crate::http) async fn samples(
    state: web::Data<AppState>,
    caller: Caller,
    request: HttpRequest,
) -> Result<HttpResponse, HttpError> {
    let Named { key, .. } = Named::stored(&request, &state).await?;
    let subject = caller.operation(Operation::SampleDownload).with_key(&key);
    let model = state.model(&key);
    let read = recorded(&state.trail, subject, move || backend::samples(&model));
    let writer = state.jobs.quick.run(read).await??.0.ok_or(HttpError::NoSamples)?;
    let parts = stream::try_unfold(writer, |mut writer| async {
        let next = web::block(move || Some((writer.next_part(SAMPLES_OF_A_PART)?, writer)));
        let next = next.await.map_err(error::ErrorInternalServerError)?;
        Ok::<_, error::Error>(next.map(|(part, writer)| (Bytes::from(part), writer)))
    });
    let name = (CONTENT_DISPOSITION, "attachment; filename=\"samples.csv\"");
    Ok(HttpResponse::Ok()
        .content_type("text/csv; charset=utf-8")
        .insert_header(name)
        .streaming(Box::pin(parts)))
}
