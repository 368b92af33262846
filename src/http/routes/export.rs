//! `GET /export`: a trained model, to take elsewhere.

use actix_web::{HttpRequest, HttpResponse, web};

use super::{asked, zip};
use crate::backend;
use crate::http::error::HttpError;
use crate::http::extract::params::Model;
use crate::http::extract::tenant::Caller;
use crate::http::state::AppState;

pub(super) async fn export(
    request: HttpRequest,
    caller: Caller,
    state: web::Data<AppState>,
) -> Result<HttpResponse, HttpError> {
    let form = asked(&request, &caller, &state).await?;
    let model = Model::of(&form, &caller)?;
    let home = state.backend.home(&model.id, &model.dir);
    let archive = state.pool.quick(move || backend::export(&home)).await??;
    archive.map(zip).ok_or(HttpError::NothingToExport)
}
