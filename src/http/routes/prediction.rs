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
    Ok(web::Json(queue.run(predict).await??))
}
