//! `GET /models`: a page of the stored models.

use std::collections::HashMap;

use actix_web::http::header::LINK;
use actix_web::{HttpRequest, HttpResponse, Resource, web};

use super::query::Parameters;
use super::view::{ModelItem, ModelList};
use crate::backend::{self, ListQuery, Page};
use crate::http::error::HttpError;
use crate::http::extract::account::{Access, Account, Owners};
use crate::http::extract::form::Form;
use crate::http::extract::tenant::Tenant;
use crate::http::openapi::forms::ListParameters;
use crate::http::routes::resource::{get, protected_for};
use crate::http::state::AppState;

pub(in crate::http::routes) fn service() -> Resource {
    get("/models", protected_for(Access::Everyone, list))
}

/// The stored models
///
/// A page of them. Users see their own models; admins and viewers see those of all users.
#[utoipa::path(get, path = "/models", tag = "Models", params(ListParameters), responses(
    (status = 200, description = "A page of the list.", body = ModelList,
                   headers(("Link" = String, description = "The other pages (RFC 8288): next, prev, first, last."))),
    (status = 400, description = "A parameter cannot be used."),
    (status = 404, description = "The parameter user names no user, or users are not isolated."),
))]
pub(in crate::http) async fn list(
    state: web::Data<AppState>,
    request: HttpRequest,
) -> Result<HttpResponse, HttpError> {
    let query = Form::of_query(request.query_string().as_bytes());
    let (account, user) = (Account::of(&request)?, query.value("user"));
    let owners = account.owners(&state.config, user)?;
    let parameters = Parameters::read(&query)?;
    let names = Names { owners, account, user: user.map(str::to_owned), tenants: tenants(&state) };
    let prefix = state.config.listen.url_prefix.as_str().to_owned();
    let store = state.store.clone();
    let page = move || {
        let mut cursor = parameters.cursor.clone();
        if let Some(place) = &mut cursor.place {
            place.id = names.on_disk(&place.id);
        }
        let has_id = |id: &str| names.of(id).is_some_and(|(_, name)| name.starts_with(&parameters.id_prefix));
        let query = ListQuery {
            has_id: &has_id,
            dir: parameters.dir.clone(),
            origin: parameters.origin,
            sort: parameters.sort,
            cursor,
            limit: parameters.per_page,
            matches: &|_| true,
        };
        let page = backend::list(&store, &query)?;
        let links = parameters.links(&page, &prefix, |id| names.in_cursor(id));
        Ok::<_, HttpError>((names.view(&page), links))
    };
    let (list, links) = state.jobs.quick.run(page).await??;
    Ok(HttpResponse::Ok().insert_header((LINK, links)).json(list))
}

/// The users by the prefix of their models' ids on the disk.
fn tenants(state: &web::Data<AppState>) -> HashMap<String, String> {
    let live = state.config.live();
    let names = live.users.iter().flat_map(|users| users.names());
    names.map(|name| (Tenant::isolated(name).prefix().to_owned(), name.to_owned())).collect()
}

/// How the models of a list are called.
pub(in crate::http) struct Names {
    owners: Owners,
    account: Account,
    /// The parameter `user`.
    user: Option<String>,
    tenants: HashMap<String, String>,
}

impl Names {
    /// Those of all models that a user sees.
    pub(in crate::http) fn of_account(
        state: &web::Data<AppState>,
        account: &Account,
    ) -> Result<Self, HttpError> {
        let owners = account.owners(&state.config, None)?;
        Ok(Self { owners, account: account.clone(), user: None, tenants: tenants(state) })
    }

    /// Whether nothing is hidden: operations without a model are for such users.
    pub(in crate::http) fn sees_all(&self) -> bool {
        match &self.owners {
            Owners::All => true,
            Owners::One(tenant) => tenant.prefix().is_empty(),
        }
    }

    /// The owner and the name of a model on the disk; `None` if it is not listed.
    pub(in crate::http) fn of<'a>(&'a self, on_disk: &'a str) -> Option<(&'a str, &'a str)> {
        let owned = || {
            // The prefix ends with the first underscore.
            let (prefix, name) = on_disk.split_at(on_disk.find('_')? + 1);
            Some((self.tenants.get(prefix)?.as_str(), name)).filter(|_| !name.is_empty())
        };
        match &self.owners {
            Owners::All => owned().or(Some(("", on_disk))),
            // Models without an owner among the users.
            Owners::One(tenant) if tenant.prefix().is_empty() && self.account.sees_owners() => {
                owned().is_none().then_some(("", on_disk))
            }
            Owners::One(tenant) => Some((self.user.as_deref().unwrap_or_default(), tenant.visible(on_disk)?)),
        }
    }

    /// The id in a cursor: of the list of all users, that on the disk, by which it is sorted.
    pub(in crate::http) fn in_cursor(&self, on_disk: &str) -> String {
        match &self.owners {
            Owners::All => on_disk.to_owned(),
            Owners::One(tenant) => tenant.visible(on_disk).unwrap_or(on_disk).to_owned(),
        }
    }

    pub(in crate::http) fn on_disk(&self, in_cursor: &str) -> String {
        match &self.owners {
            Owners::All => in_cursor.to_owned(),
            Owners::One(tenant) => format!("{}{in_cursor}", tenant.prefix()),
        }
    }

    fn view(&self, page: &Page) -> ModelList {
        let item = |model: &backend::Summary| {
            let (user, name) = self.of(model.id.as_str())?;
            let user = self.account.sees_owners().then(|| user.to_owned());
            Some(ModelItem::new(user, name.to_owned(), model))
        };
        ModelList { models: page.models.iter().filter_map(|(_, model)| item(model)).collect() }
    }
}
