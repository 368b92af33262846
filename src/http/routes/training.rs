//! `POST /training`: trains a model on the new samples together with the stored ones.

use actix_web::{Resource, web};

use super::resource::{post, protected};
use crate::backend::{self, Training};
use crate::http::error::HttpError;
use crate::http::extract::typed_request::{DatasetUpload, Parsed};
use crate::http::state::AppState;

pub(super) fn service() -> Resource {
    post("/training", protected(train))
}

async fn train(
    state: web::Data<AppState>,
    Parsed(DatasetUpload { key, dataset, bytes }): Parsed<DatasetUpload>,
) -> Result<web::Json<Training>, HttpError> {
    let model = state.begin(&key).await?;
    let live = state.config.live();
    let (limits, options) = (live.dataset.into(), live.training_options());
    let job = move || backend::train(&model, dataset, &limits, options);
    Ok(web::Json(state.jobs.train(key, bytes, job).await??))
}
