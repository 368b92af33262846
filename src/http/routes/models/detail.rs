//! `GET /models/{uniqueid}/{dirhash}`: everything that is stored about a model, except for its files.

use actix_web::{HttpRequest, HttpResponse, Resource, web};

use super::path::Named;
use super::view::ModelDetail;
use crate::backend;
use crate::http::error::HttpError;
use crate::http::extract::account::Access;
use crate::http::openapi::forms::{ModelPath, OtherUser};
use crate::http::routes::resource::{get, protected_for};
use crate::http::state::AppState;

pub(in crate::http::routes) fn service() -> Resource {
    get("/models/{uniqueid}/{dirhash}", protected_for(Access::Everyone, detail))
}

/// One stored model
///
/// Its generations, evaluations and batches of samples.
#[utoipa::path(get, path = "/models/{uniqueid}/{dirhash}", tag = "Models", params(ModelPath, OtherUser), responses(
    (status = 200, description = "The model.", body = ModelDetail),
    (status = 400, description = "An id in the path is none."),
    (status = 404, description = "There is no such model, or no such user."),
))]
pub(in crate::http) async fn detail(
    state: web::Data<AppState>,
    request: HttpRequest,
) -> Result<HttpResponse, HttpError> {
    let Named { key, tenant, user } = Named::of(&request, &state)?;
    let (store, read) = (state.store.clone(), key.clone());
    let detail = state.jobs.quick.run(move || backend::detail(&store, &read)).await??;
    let detail = detail.ok_or(HttpError::NoSuchModel)?;
    let name = tenant.visible(key.id.as_str()).unwrap_or_default().to_owned();
    Ok(HttpResponse::Ok().json(ModelDetail::new(user, name, &detail)))
}
