//! `POST /deletemodel`: forgets everything about one model.

use actix_web::{HttpRequest, HttpResponse, web};

use super::{ok, sent};
use crate::http::error::HttpError;
use crate::http::extract::params;
use crate::http::extract::tenant::Tenant;
use crate::http::state::AppState;

pub(super) async fn delete(
    request: HttpRequest,
    tenant: Tenant,
    state: web::Data<AppState>,
    payload: web::Payload,
) -> Result<HttpResponse, HttpError> {
    let form = sent(&request, &tenant, payload, &state, None).await?;
    let id = params::model_id(&form, &tenant)?;
    let backend = state.backend.clone();
    state.jobs.quick(move || backend.delete(&id)).await??;
    Ok(ok())
}
