//! `POST /import`: replaces a model with one from elsewhere.

use actix_web::{HttpRequest, HttpResponse, web};

use super::{begin, ok, sent};
use crate::backend;
use crate::http::error::HttpError;
use crate::http::extract::form::FilePart;
use crate::http::extract::params::Model;
use crate::http::extract::tenant::Caller;
use crate::http::state::AppState;

pub(super) async fn import(
    request: HttpRequest,
    caller: Caller,
    state: web::Data<AppState>,
    payload: web::Payload,
) -> Result<HttpResponse, HttpError> {
    let form = sent(&request, &caller, payload, &state, Some(FilePart::archive(&state.uploads))).await?;
    let model = Model::of(&form, &caller)?;
    let archive = form.into_file()?;
    let home = begin(&state, &model).await?;
    let (limits, within) = (state.dataset, state.import);
    state.pool.replace(model, move || backend::import(&home, archive.path(), &limits, &within)).await??;
    Ok(ok())
}
