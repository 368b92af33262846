//! `POST /deletemodel`: deletes everything under one `uniqueid`.

use actix_web::{HttpResponse, Resource, web};

use super::resource::{post, protected};
use crate::audit::Operation;
use crate::backend;
use crate::http::audit::recorded;
use crate::http::error::HttpError;
use crate::http::extract::caller::Caller;
use crate::http::extract::typed_request::Parsed;
use crate::http::openapi::forms::{DeletionForm, OtherUser};
use crate::http::response::ok;
use crate::http::state::AppState;
use crate::store::ModelId;

pub(super) fn service() -> Resource {
    post("/deletemodel", protected(delete))
}

/// Deletes everything under a `uniqueid`
///
/// That succeeds if there is nothing, too.
#[utoipa::path(post, path = "/deletemodel", tag = "Moodle", params(OtherUser),
    request_body(content = DeletionForm, content_type = "multipart/form-data"),
    responses((status = 200, description = "`Ok`", body = String, content_type = "text/plain"),
))]
pub(in crate::http) async fn delete(
    state: web::Data<AppState>,
    caller: Caller,
    Parsed(id): Parsed<ModelId>,
) -> Result<HttpResponse, HttpError> {
    perform(&state, caller, id).await?;
    Ok(ok())
}

/// Deletes everything under an id and records that.
pub(in crate::http) async fn perform(
    state: &web::Data<AppState>,
    caller: Caller,
    id: ModelId,
) -> Result<(), HttpError> {
    let store = state.store.clone();
    let subject = caller.operation(Operation::Deletion).with_id(&id);
    let deleted = id.clone();
    let delete = recorded(&state.trail, subject, move || backend::delete(&store, &id));
    let jobs = state.clone();
    // The uploads and results of asynchronous jobs are about the same samples.
    let job = move || delete().and_then(|()| jobs.async_jobs.delete(&deleted));
    state.jobs.quick.run(job).await?
}
