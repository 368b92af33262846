//! What a page knows about the request that it answers: the language, the user, and where its links lead.
//!
//! Must not know a particular page.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};

use super::addresses::{Addresses, ModelName};
use super::texts::{Language, Texts};
use crate::http::error::HttpError;
use crate::http::extract::account::{Account, Role};
use crate::http::extract::form::Form;
use crate::http::routes::models::path::Named;
use crate::http::state::AppState;

/// The request of a page.
pub(super) struct Visit {
    pub(super) texts: Texts,
    pub(super) addresses: Addresses,
    /// The signed-in user, if there is one.
    pub(super) account: Option<Account>,
    /// The path without the prefix of a proxy.
    pub(super) path: String,
    /// The parameters of the address.
    pub(super) query: Form,
    /// The parameters but for the language.
    parameters: Vec<(String, String)>,
}

impl Visit {
    pub(super) fn of(request: &HttpRequest, prefix: &str) -> Self {
        let texts = request.extensions().get::<Texts>().copied().unwrap_or(Texts(Language::English));
        let pairs: Vec<(String, String)> =
            serde_urlencoded::from_str(request.query_string()).unwrap_or_default();
        Self {
            texts,
            addresses: Addresses::new(prefix),
            account: request.extensions().get::<Account>().cloned(),
            path: request.path().to_owned(),
            query: Form::of_query(request.query_string().as_bytes()),
            parameters: pairs.into_iter().filter(|(name, _)| name != "lang").collect(),
        }
    }

    /// The signed-in user of a page that needs one.
    ///
    /// # Errors
    /// If the page was registered without the check of the session.
    pub(super) fn account(&self) -> Result<&Account, HttpError> {
        let missing = || HttpError::internal("showing a page", "the request has no session");
        self.account.as_ref().ok_or_else(missing)
    }

    /// Whether the user may change models.
    pub(super) fn may_change(&self) -> bool {
        self.account.as_ref().is_some_and(|account| account.role() != Role::Viewer)
    }

    /// Whether the user sees and changes the models of all users.
    pub(super) fn is_admin(&self) -> bool {
        self.account.as_ref().is_some_and(|account| account.role() == Role::Admin)
    }

    /// The address of this page in another language.
    pub(super) fn in_language(&self, language: Language) -> String {
        let mut parameters: Vec<(&str, &str)> =
            self.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        parameters.push(("lang", language.code()));
        self.addresses.with_query(&self.path, &parameters)
    }

    /// The model of the address, as other addresses name it.
    pub(super) fn model_name(named: &Named) -> ModelName {
        let id = named.tenant.visible(named.key.id.as_str()).unwrap_or_default().to_owned();
        ModelName { id, dir: named.key.dir.as_str().to_owned(), user: named.user.clone() }
    }
}

impl FromRequest for Visit {
    type Error = HttpError;
    type Future = Ready<Result<Self, HttpError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let state = request.app_data::<web::Data<AppState>>();
        let missing = || HttpError::internal("showing a page", "the server has no state");
        ready(
            state.map(|state| Self::of(request, state.config.listen.url_prefix.as_str())).ok_or_else(missing),
        )
    }
}
