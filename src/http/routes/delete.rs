//! `POST /deletemodel`: deletes everything under one `uniqueid`.

use actix_web::{HttpResponse, Resource, web};

use super::resource::{post, protected};
use crate::backend;
use crate::http::error::HttpError;
use crate::http::extract::typed_request::Parsed;
use crate::http::response::ok;
use crate::http::state::AppState;
use crate::store::ModelId;

pub(super) fn service() -> Resource {
    post("/deletemodel", protected(delete))
}

async fn delete(state: web::Data<AppState>, Parsed(id): Parsed<ModelId>) -> Result<HttpResponse, HttpError> {
    let store = state.store.clone();
    state.jobs.quick.run(move || backend::delete(&store, &id)).await??;
    Ok(ok())
}
