//! `POST /deletemodel`: forgets everything about one model.

use actix_web::{HttpRequest, HttpResponse, web};

use super::{ok, sent};
use crate::http::error::HttpError;
use crate::http::extract::params;
use crate::http::extract::tenant::Caller;
use crate::http::state::AppState;

pub(super) async fn delete(
    request: HttpRequest,
    caller: Caller,
    state: web::Data<AppState>,
    payload: web::Payload,
) -> Result<HttpResponse, HttpError> {
    let form = sent(&request, &caller, payload, &state, None).await?;
    let id = params::model_id(&form, &caller)?;
    let backend = state.backend.clone();
    state.pool.quick(move || backend.delete(&id)).await??;
    Ok(ok())
}
