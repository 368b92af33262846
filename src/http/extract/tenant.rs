//! Tenants: the authenticated user of a request, and which stored models are theirs.
//!
//! Owns how the models of isolated users are named on disk: their ids begin with the user. The store and all tools
//! work on these ids as they do without isolation. A handler gets an id only through a [`Tenant`], so no route can
//! skip the isolation.

use actix_web::{HttpMessage, HttpRequest};
use sha2::{Digest, Sha256};

use crate::http::error::HttpError;
use crate::store::{IdError, ModelId};

/// Characters of a user's name that are visible in the names of its folders.
const VISIBLE_CHARS: usize = 20;
/// Bytes of the hash that distinguishes users.
const HASH_BYTES: usize = 16;

/// The authenticated user of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tenant {
    /// The beginning of the ids of its models; `None` if all users share all models.
    prefix: Option<String>,
}

impl Tenant {
    /// A user that shares all models with the others.
    pub(crate) fn shared() -> Self {
        Self { prefix: None }
    }

    /// A user that can only use its own models.
    pub(crate) fn isolated(name: &str) -> Self {
        Self { prefix: Some(prefix(name)) }
    }

    /// The tenant that the authentication noted.
    pub(crate) fn of(request: &HttpRequest) -> Result<Self, HttpError> {
        let tenant = request.extensions().get::<Self>().cloned();
        tenant.ok_or_else(|| HttpError::internal("finding the tenant", "the request is not authenticated"))
    }

    /// The tenant's own name of a model with this id on disk; `None` for models of others. Of an id whose name on disk is its
    /// hash, that is the hash, which names the same model.
    pub(crate) fn visible<'a>(&self, on_disk: &'a str) -> Option<&'a str> {
        let name = on_disk.strip_prefix(self.prefix.as_deref().unwrap_or_default())?;
        (!name.is_empty()).then_some(name)
    }

    /// The beginning of the ids on disk of its models.
    pub(crate) fn prefix(&self) -> &str {
        self.prefix.as_deref().unwrap_or_default()
    }

    /// The id on disk of the tenant's model `raw`.
    pub(crate) fn model(&self, raw: &str) -> Result<ModelId, IdError> {
        let id = ModelId::new(raw)?;
        let Some(prefix) = &self.prefix else { return Ok(id) };
        // With the prefix the longest ids are too long and become a hash. A collision with that short form is with
        // a model of the same user.
        ModelId::new(&format!("{prefix}{}", id.as_str())).or_else(|_| {
            let short = hex::encode(Sha256::digest(id.as_str()));
            ModelId::new(&format!("{prefix}{short}"))
        })
    }
}

/// The beginning of the folder names of an isolated user's models. User names may hold any character, and some file
/// systems do not distinguish `Ann` and `ann`: the hash distinguishes users, the text before it is for people. The
/// prefix has no underscore before its last character, so no id makes one user's folder another user's.
pub(crate) fn prefix(name: &str) -> String {
    let visible: String = name.chars().filter(char::is_ascii_alphanumeric).take(VISIBLE_CHARS).collect();
    format!("{visible}-{}_", hex::encode(&Sha256::digest(name)[..HASH_BYTES]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn id(tenant: &Tenant, raw: &str) -> String {
        tenant.model(raw).expect("a usable id").as_str().to_owned()
    }

    #[test]
    fn a_shared_tenant_uses_the_ids_of_the_request() {
        assert_eq!(id(&Tenant::shared(), "m 1.x"), "m1x");
    }

    #[test]
    fn the_ids_of_an_isolated_user_begin_with_its_name_and_hash() {
        // printf %s moodle | sha256sum
        let expected = "moodle-36afd15faa2d18332a87daddcafa4ac4_m1";
        assert_eq!(id(&Tenant::isolated("moodle"), "m 1"), expected);
    }

    #[test]
    fn an_isolated_tenant_refuses_invalid_ids_with_the_same_error() {
        for raw in ["", "..", &"x".repeat(201)] {
            assert_eq!(Tenant::isolated("ann").model(raw), ModelId::new(raw), "{raw:?}");
        }
    }

    #[test]
    fn the_longest_ids_stay_valid_and_distinct() {
        let tenant = Tenant::isolated(&"ann".repeat(30));
        let ids = ["x".repeat(200), "x".repeat(199), format!("{}y", "x".repeat(199))];
        let [one, two, three] = ids.map(|raw| id(&tenant, &raw));
        assert!(one != two && two != three && one != three);
    }

    proptest! {
        #[test]
        fn no_id_reaches_the_models_of_another_user(
            one in "[^,:\\p{Cc}]{1,30}", other in "[^,:\\p{Cc}]{1,30}", raw in "[A-Za-z0-9_$-]{1,200}", prefixed: bool,
        ) {
            prop_assume!(one != other);
            let wanted = id(&Tenant::isolated(&other), "m");
            // The worst case: the name of the other user's folder.
            let sent = if prefixed { wanted.clone() } else { raw };
            let got = id(&Tenant::isolated(&one), &sent);
            prop_assert_ne!(&got, &wanted);
            prop_assert!(!got.to_lowercase().starts_with(&prefix(&other).to_lowercase()));
        }
    }
}
