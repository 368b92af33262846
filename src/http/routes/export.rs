//! `GET /export`: a trained model, to take elsewhere.

use actix_web::{HttpRequest, HttpResponse, web};

use super::{asked, zip};
use crate::backend;
use crate::http::error::HttpError;
use crate::http::extract::params;
use crate::http::extract::tenant::Tenant;
use crate::http::state::AppState;

pub(super) async fn export(
    request: HttpRequest,
    tenant: Tenant,
    state: web::Data<AppState>,
) -> Result<HttpResponse, HttpError> {
    let form = asked(&request, &tenant, &state).await?;
    let model = params::model_key(&form, &tenant)?;
    let home = state.backend.home(&model.id, &model.dir);
    let archive = state.jobs.quick(move || backend::export(&home)).await??;
    archive.map(zip).ok_or(HttpError::NothingToExport)
}
