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
use crate::http::state::AppState;
use crate::store::ModelKey;

pub(super) fn service() -> Resource {
    post("/training", protected(train))
}

async fn train(
    request: HttpRequest,
    state: web::Data<AppState>,
    caller: Caller,
    Parsed(DatasetUpload { key, dataset, bytes }): Parsed<DatasetUpload>,
) -> Result<HttpResponse, HttpError> {
    let subject =
        caller.operation(Operation::Training).with_key(&key).with_upload(Some(bytes), dataset.sha256());
    let work = trained(state.clone(), subject, key, dataset, bytes);
    long_reply::json(&request, &state, work).await
}

async fn trained(
    state: web::Data<AppState>,
    subject: Subject,
    key: ModelKey,
    dataset: Upload,
    bytes: u64,
) -> Result<Training, HttpError> {
    let (model, recording) = state.begin(&key, subject).await?;
    let live = state.config.live();
    let (limits, options) = (live.dataset.into(), live.training_options());
    let job = ending(&recording, move || backend::train(&model, dataset, &limits, options));
    ended(&recording, state.jobs.train(key, bytes, job).await)
}
