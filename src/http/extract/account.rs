//! The account of a request, its authenticated user: its role, and whose models it may address.
//!
//! Owns the roles. Every route checks what a role permits ([`Access`]) before its handler runs. Must not know how credentials
//! are checked.

use actix_web::{HttpMessage, HttpRequest};

use super::tenant::Tenant;
use crate::config::Config;
use crate::http::error::HttpError;

/// What a user may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Uses its own models, or those that all users share.
    User,
    /// Also sees and changes the models of other users.
    Admin,
    /// Sees the models of all users, and uses none.
    Viewer,
}

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Moodle's routes: all but viewers.
    Moodle,
    /// All users. The handler checks whose models it shows.
    Everyone,
    /// Changes to a model: all but viewers.
    Change,
    /// Admins alone.
    Admin,
}

impl Access {
    /// # Errors
    /// The refusal for this role.
    pub(crate) fn check(self, role: Role) -> Result<(), HttpError> {
        match (self, role) {
            (Self::Everyone, _) | (_, Role::Admin) | (Self::Moodle | Self::Change, Role::User) => Ok(()),
            (Self::Moodle | Self::Change, Role::Viewer) => Err(HttpError::Viewer),
            (Self::Admin, _) => Err(HttpError::NotAdmin),
        }
    }
}

/// The authenticated user of a request.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    name: String,
    role: Role,
    isolated: bool,
}

/// Whose models a request is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Owners {
    /// One tenant, which all users are without isolation.
    One(Tenant),
    /// All users: names of models are those on the disk.
    All,
}

impl Account {
    /// The user of this name.
    pub(crate) fn new(config: &Config, name: &str) -> Self {
        let live = config.live();
        let role = if live.admins.contains(name) {
            Role::Admin
        } else if live.viewers.contains(name) {
            Role::Viewer
        } else {
            Role::User
        };
        Self { name: name.to_owned(), role, isolated: config.access.isolate_users }
    }

    /// The user that the authentication noted.
    pub(crate) fn of(request: &HttpRequest) -> Result<Self, HttpError> {
        let account = request.extensions().get::<Self>().cloned();
        account.ok_or_else(|| HttpError::internal("finding the user", "the request is not authenticated"))
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn role(&self) -> Role {
        self.role
    }

    /// Whether models have owners that this user can distinguish.
    pub(crate) fn sees_owners(&self) -> bool {
        self.isolated && self.role != Role::User
    }

    /// The tenant of a request of Moodle: the user itself, or the one that an admin names with the parameter `user`. Other
    /// users may send a parameter of this name, as ever, and it means nothing.
    pub(crate) fn tenant(&self, config: &Config, user: Option<&str>) -> Result<Tenant, HttpError> {
        let named = user.filter(|_| self.sees_owners());
        named.map_or_else(|| Ok(self.own()), |user| tenant_of(config, user))
    }

    /// Whose models a request to the list is about.
    ///
    /// # Errors
    /// For a user that does not exist, or whose models this one may not see.
    pub(crate) fn owners(&self, config: &Config, user: Option<&str>) -> Result<Owners, HttpError> {
        match user {
            None if self.sees_owners() => Ok(Owners::All),
            Some(user) if self.role == Role::User && user != self.name => Err(HttpError::OtherUser),
            None => Ok(Owners::One(self.own())),
            Some(_) if !self.isolated => Err(HttpError::SharedModels),
            Some(user) => tenant_of(config, user).map(Owners::One),
        }
    }

    /// The tenant that one model of a request belongs to: without the parameter `user`, the user itself.
    pub(crate) fn owner(&self, config: &Config, user: Option<&str>) -> Result<Tenant, HttpError> {
        Ok(match self.owners(config, user)? {
            Owners::One(tenant) => tenant,
            Owners::All => self.own(),
        })
    }

    fn own(&self) -> Tenant {
        if self.isolated { Tenant::isolated(&self.name) } else { Tenant::shared() }
    }
}

/// The tenant with this name. An empty one stands for models without an owner among the users, which have the names of their
/// folders as ids.
fn tenant_of(config: &Config, user: &str) -> Result<Tenant, HttpError> {
    if user.is_empty() {
        return Ok(Tenant::shared());
    }
    let live = config.live();
    let exists = live.users.iter().any(|users| users.names().any(|name| name == user));
    if exists { Ok(Tenant::isolated(user)) } else { Err(HttpError::NoSuchUser) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(Access::Moodle, [true, true, false])]
    #[case(Access::Everyone, [true, true, true])]
    #[case(Access::Change, [true, true, false])]
    #[case(Access::Admin, [false, true, false])]
    fn a_role_permits_a_kind_of_route(#[case] access: Access, #[case] expected: [bool; 3]) {
        let permitted = [Role::User, Role::Admin, Role::Viewer].map(|role| access.check(role).is_ok());
        assert_eq!(permitted, expected, "user, admin, viewer");
    }
}
