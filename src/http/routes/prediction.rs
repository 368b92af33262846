//! `POST /prediction`: asks a trained model.

use actix_web::{HttpRequest, HttpResponse, web};

use super::{json, sent};
use crate::backend;
use crate::http::error::HttpError;
use crate::http::extract::form::FilePart;
use crate::http::extract::params;
use crate::http::extract::tenant::Tenant;
use crate::http::state::AppState;

pub(super) async fn predict(
    request: HttpRequest,
    tenant: Tenant,
    state: web::Data<AppState>,
    payload: web::Payload,
) -> Result<HttpResponse, HttpError> {
    let form = sent(&request, &tenant, payload, &state, Some(FilePart::dataset(&state.uploads))).await?;
    let model = params::model_key(&form, &tenant)?;
    let dataset = form.into_file()?;
    let home = state.backend.home(&model.id, &model.dir);
    let limits = state.dataset;
    json(&state.jobs.quick(move || backend::predict(&home, dataset.path(), &limits)).await??)
}
