//! The model that a path names.
//!
//! Must not know what is done with it.

use actix_web::{HttpMessage, HttpRequest, web};

use crate::backend;
use crate::http::error::HttpError;
use crate::http::extract::account::Account;
use crate::http::extract::form::Form;
use crate::http::extract::tenant::Tenant;
use crate::http::state::AppState;
use crate::store::{DirHash, ModelId, ModelKey};

/// A model of a request, and the tenant that it belongs to.
pub(in crate::http) struct Named {
    pub(in crate::http) key: ModelKey,
    pub(in crate::http) tenant: Tenant,
    /// The parameter `user`, for those that see whose a model is.
    pub(in crate::http) user: Option<String>,
}

impl Named {
    /// The model of a path with `{uniqueid}` and `{dirhash}`, and of the parameter `user`. Notes its id for the log.
    pub(in crate::http) fn of(request: &HttpRequest, state: &web::Data<AppState>) -> Result<Self, HttpError> {
        let (id, dir) = (segment(request, "uniqueid")?, segment(request, "dirhash")?);
        let account = Account::of(request)?;
        let query = Form::of_query(request.query_string().as_bytes());
        let user = query.value("user");
        let tenant = account.owner(&state.config, user)?;
        let key = ModelKey { id: tenant.model(id)?, dir: DirHash::new("dirhash", dir)? };
        request.extensions_mut().insert(key.id.clone());
        let user = account.sees_owners().then(|| user.unwrap_or(account.name()).to_owned());
        Ok(Self { key, tenant, user })
    }

    /// The same, if this model is stored.
    pub(in crate::http) async fn stored(
        request: &HttpRequest,
        state: &web::Data<AppState>,
    ) -> Result<Self, HttpError> {
        let named = Self::of(request, state)?;
        let (store, key) = (state.store.clone(), named.key.clone());
        let is_stored = state.jobs.quick.run(move || backend::is_stored(&store, &key)).await??;
        if is_stored { Ok(named) } else { Err(HttpError::NoSuchModel) }
    }
}

/// A segment of the path that is an id as it is: a guess could name another model.
fn segment<'a>(request: &'a HttpRequest, name: &'static str) -> Result<&'a str, HttpError> {
    let raw = request.match_info().get(name).unwrap_or_default();
    if ModelId::new(raw).is_ok_and(|id| id.as_str() == raw) {
        return Ok(raw);
    }
    Err(HttpError::BadRequest(format!(
        "{name} in the path is no id of a model: send 1 to 200 of the characters A-Z a-z 0-9 _ - $."
    )))
}
