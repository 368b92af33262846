//! `POST /import`: replaces a model with the one in an archive.

use actix_web::{HttpResponse, web};

use crate::backend;
use crate::http::error::HttpError;
use crate::http::extract::typed_request::{ArchiveUpload, Parsed};
use crate::http::response::ok;
use crate::http::state::AppState;

pub(super) async fn import(
    state: web::Data<AppState>,
    Parsed(ArchiveUpload { key, archive }): Parsed<ArchiveUpload>,
) -> Result<HttpResponse, HttpError> {
    let model = state.begin(&key).await?;
    let (limits, import) = (state.config.dataset.into(), state.config.import);
    let job = move || backend::import(&model, archive, &limits, &import);
    state.jobs.quick.run_locked(Some(state.jobs.lock_of(key)), job).await??;
    Ok(ok())
}
