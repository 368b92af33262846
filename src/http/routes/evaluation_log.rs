//! `GET /evaluationlog`: what one evaluation run found, as a zip.

use actix_web::{HttpRequest, HttpResponse, web};

use super::{asked, zip};
use crate::backend;
use crate::http::error::HttpError;
use crate::http::extract::params;
use crate::http::extract::params::Model;
use crate::http::extract::tenant::Caller;
use crate::http::state::AppState;

pub(super) async fn evaluation_log(
    request: HttpRequest,
    caller: Caller,
    state: web::Data<AppState>,
) -> Result<HttpResponse, HttpError> {
    let form = asked(&request, &caller, &state).await?;
    let model = Model::of(&form, &caller)?;
    let run = params::run(&form)?;
    let home = state.backend.home(&model.id, &model.dir);
    Ok(zip(state.pool.quick(move || backend::evaluation_log(&home, run)).await??))
}
