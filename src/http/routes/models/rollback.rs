//! `POST /models/{uniqueid}/{dirhash}/rollback`: an earlier generation becomes the current one.
#![allow(clippy::doc_markdown, reason = "the text of a route is shown as it is")]

use actix_web::{HttpRequest, HttpResponse, Resource, web};

use super::path::Named;
use super::view::Rollback;
use crate::audit::Operation;
use crate::backend::{self, RolledBack};
use crate::http::audit::{ended, ending};
use crate::http::error::HttpError;
use crate::http::extract::account::Access;
use crate::http::extract::caller::Caller;
use crate::http::extract::form::Form;
use crate::http::openapi::forms::{ModelPath, OtherUser};
use crate::http::routes::resource::{post, protected_for};
use crate::http::state::AppState;
use crate::store::ModelKey;
use crate::text::Untrusted;

/// The largest number of a generation that a request can name.
const MAX_GENERATION: u64 = 1_000_000_000;

pub(in crate::http::routes) fn service() -> Resource {
    post("/models/{uniqueid}/{dirhash}/rollback", protected_for(Access::Change, roll_back))
}

/// Makes an earlier generation the current one
///
/// A copy of it is published under a new number, with its samples: the next training continues from them. Predictions use it
/// at once. Samples that Moodle sent later are in the replaced generation alone, which stays as the one before until the next
/// training (MOODLE_MLBACKEND_KEEP_GENERATIONS): another rollback brings them back. Moodle does not send them again.
#[utoipa::path(post, path = "/models/{uniqueid}/{dirhash}/rollback", tag = "Models",
    params(ModelPath, OtherUser, ("generation" = inline(Option<u32>), Query, minimum = 1, maximum = 1_000_000_000, description =
           "The generation to copy; without it, the intact one before the current one.")),
    responses(
    (status = 200, description = "The rollback is done.", body = Rollback),
    (status = 400, description = "An id in the path or the generation is none."),
    (status = 404, description = "There is no such model, or no such user."),
    (status = 409, description = "There is no such generation, it is damaged, or it is the current one."),
    (status = 507, description = "The server's disk is full; nothing was changed."),
))]
pub(in crate::http) async fn roll_back(
    state: web::Data<AppState>,
    caller: Caller,
    request: HttpRequest,
) -> Result<HttpResponse, HttpError> {
    let Named { key, .. } = Named::of(&request, &state)?;
    let query = Form::of_query(request.query_string().as_bytes());
    let number = query.value("generation").map(generation).transpose()?;
    let done = perform(&state, caller, key, number).await?;
    Ok(HttpResponse::Ok().json(Rollback::new(&done)))
}

/// Rolls a model back to a generation, or to the one before the current one, and records that.
pub(in crate::http) async fn perform(
    state: &web::Data<AppState>,
    caller: Caller,
    key: ModelKey,
    number: Option<u64>,
) -> Result<RolledBack, HttpError> {
    let (store, looked_up) = (state.store.clone(), key.clone());
    let exists = move || backend::is_stored(&store, &looked_up);
    if !state.jobs.quick.run(exists).await?? {
        return Err(HttpError::NoSuchModel);
    }
    let subject = caller.operation(Operation::Rollback).with_key(&key);
    let (model, recording) = state.begin(&key, subject).await?;
    let job = ending(&recording, move || backend::roll_back(&model, number));
    // Not during a training of this model, which would publish what it began with.
    ended(&recording, state.jobs.replace(key, job).await)
}

/// Parses the number of a generation.
pub(in crate::http) fn generation(raw: &str) -> Result<u64, HttpError> {
    let number = raw.parse().ok().filter(|_| raw.bytes().all(|byte| byte.is_ascii_digit()));
    number.filter(|number| (1..=MAX_GENERATION).contains(number)).ok_or_else(|| {
        let raw = Untrusted(raw).quoted(40);
        HttpError::BadRequest(format!("generation is {raw}: send a whole number from 1 to {MAX_GENERATION}."))
    })
}
