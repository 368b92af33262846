//! `POST /import`: replaces a model with one from elsewhere.

use actix_web::{HttpRequest, HttpResponse, web};

use super::{begin, ok, sent};
use crate::backend;
use crate::http::error::HttpError;
use crate::http::extract::form::FilePart;
use crate::http::extract::params;
use crate::http::extract::tenant::Tenant;
use crate::http::state::AppState;

pub(super) async fn import(
    request: HttpRequest,
    tenant: Tenant,
    state: web::Data<AppState>,
    payload: web::Payload,
) -> Result<HttpResponse, HttpError> {
    let form = sent(&request, &tenant, payload, &state, Some(FilePart::archive(&state.uploads))).await?;
    let model = params::model_key(&form, &tenant)?;
    let archive = form.into_file()?;
    let home = begin(&state, &model).await?;
    let (limits, within) = (state.dataset, state.import);
    state.jobs.replace(model, move || backend::import(&home, archive.path(), &limits, &within)).await??;
    Ok(ok())
}
