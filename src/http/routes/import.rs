//! `POST /import`: replaces a model with the one in an archive.

use actix_web::{HttpResponse, Resource, web};

use super::resource::{post, protected};
use crate::backend;
use crate::http::error::HttpError;
use crate::http::extract::typed_request::{ArchiveUpload, Parsed};
use crate::http::response::ok;
use crate::http::state::AppState;

pub(super) fn service() -> Resource {
    post("/import", protected(import))
}

async fn import(
    state: web::Data<AppState>,
    Parsed(ArchiveUpload { key, archive }): Parsed<ArchiveUpload>,
) -> Result<HttpResponse, HttpError> {
    let model = state.begin(&key).await?;
    let live = state.config.live();
    let (limits, import) = (live.dataset.into(), live.import);
    let job = move || backend::import(&model, archive, &limits, &import);
    state.jobs.replace(key, job).await??;
    Ok(ok())
}
