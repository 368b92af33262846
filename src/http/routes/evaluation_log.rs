//! `GET /evaluationlog`: what one evaluation run found, as a zip.

use actix_web::{HttpRequest, HttpResponse, web};

use super::{asked, zip};
use crate::backend;
use crate::http::error::HttpError;
use crate::http::extract::params;
use crate::http::extract::tenant::Tenant;
use crate::http::state::AppState;

pub(super) async fn evaluation_log(
    request: HttpRequest,
    tenant: Tenant,
    state: web::Data<AppState>,
) -> Result<HttpResponse, HttpError> {
    let form = asked(&request, &tenant, &state).await?;
    let model = params::model_key(&form, &tenant)?;
    let run = params::run(&form)?;
    let home = state.backend.home(&model.id, &model.dir);
    Ok(zip(state.jobs.quick(move || backend::evaluation_log(&home, run)).await??))
}
