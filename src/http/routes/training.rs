//! `POST /training`: trains a model on the new samples together with the stored ones.

use actix_web::{HttpRequest, HttpResponse, Resource, web};

use super::job_log;
use super::resource::{post, protected};
use crate::backend;
use crate::http::error::HttpError;
use crate::http::extract::typed_request::{DatasetUpload, Parsed};
use crate::http::long_reply;
use crate::http::state::AppState;

pub(super) fn service() -> Resource {
    post("/training", protected(train))
}

async fn train(
    request: HttpRequest,
    state: web::Data<AppState>,
    Parsed(DatasetUpload { key, dataset, bytes }): Parsed<DatasetUpload>,
) -> Result<HttpResponse, HttpError> {
    let model = state.begin(&key).await?;
    let limits = state.config.dataset.into();
    let options = state.config.training_options();
    let job =
        move || job_log::with_duration("training", || backend::train(&model, dataset, &limits, options));
    let work = {
        let state = state.clone();
        async move { Ok(state.jobs.train(key, bytes, job).await??) }
    };
    long_reply::json(&request, &state, work).await
}
