//! `POST /prediction`: predicts new samples with a trained model.

use actix_web::{Resource, web};

use super::resource::{post, protected};
use crate::backend::{self, Prediction};
use crate::http::error::HttpError;
use crate::http::extract::typed_request::{DatasetUpload, Parsed};
use crate::http::state::AppState;

pub(super) fn service() -> Resource {
    post("/prediction", protected(predict))
}

async fn predict(
    state: web::Data<AppState>,
    Parsed(DatasetUpload { key, dataset, .. }): Parsed<DatasetUpload>,
) -> Result<web::Json<Prediction>, HttpError> {
    let (model, limits) = (state.model(&key), state.config.dataset.into());
    Ok(web::Json(state.jobs.quick.run(move || backend::predict(&model, dataset, &limits)).await??))
}
