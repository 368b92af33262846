//! Who asks, and which of the stored models are theirs.
//!
//! Owns how isolated users' models are named on the disk. There, everything is kept by one id as ever, so
//! the store and all tools work as they do without isolation; an isolated user's ids just begin with who it is.
//! A handler gets no id but through a [`Tenant`], so no route can forget it.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use sha2::{Digest, Sha256};

use crate::http::error::HttpError;
use crate::store::{IdError, ModelId};

/// Characters of a user's name that show in the names of its folders.
const SHOWN: usize = 20;
/// Bytes of the hash of a user's name that tell it from others.
const TOLD_APART: usize = 16;

/// Who asks; known once the password was right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tenant {
    /// What the ids of its models begin with; `None` when all users share all models.
    prefix: Option<String>,
}

impl Tenant {
    /// One of the users that share all models.
    pub(crate) fn sharing() -> Self {
        Self { prefix: None }
    }

    /// A user that sees the models that it has made, and no others.
    pub(crate) fn isolated(name: &str) -> Self {
        Self { prefix: Some(prefix(name)) }
    }

    /// The id that the model has on the disk which the tenant calls `raw`.
    pub(crate) fn model(&self, raw: &str) -> Result<ModelId, IdError> {
        let id = ModelId::new(raw)?;
        let Some(prefix) = &self.prefix else { return Ok(id) };
        // Beside the user there is no room for the longest ids. What such a short form may be mistaken for is
        // the same user's, too.
        ModelId::new(&format!("{prefix}{}", id.as_str())).or_else(|_| {
            let short = hex::encode(Sha256::digest(id.as_str()));
            ModelId::new(&format!("{prefix}{short}"))
        })
    }
}

/// What the folders of an isolated user's models begin with. Names may hold any character, and some file systems
/// take `Ann` for `ann`: the hash tells users apart, what stands before it is for people. There is
/// no underscore before the last one, so no choice of an id makes one user's folder another's.
pub(crate) fn prefix(name: &str) -> String {
    let shown: String = name.chars().filter(char::is_ascii_alphanumeric).take(SHOWN).collect();
    format!("{shown}-{}_", hex::encode(&Sha256::digest(name)[..TOLD_APART]))
}

impl FromRequest for Tenant {
    type Error = HttpError;
    type Future = Ready<Result<Self, HttpError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let tenant = request.extensions().get::<Self>().cloned();
        ready(tenant.ok_or_else(|| HttpError::internal("finding out who asks", "nobody has logged in")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn id(tenant: &Tenant, raw: &str) -> String {
        tenant.model(raw).expect("a usable id").as_str().to_owned()
    }

    #[test]
    fn who_shares_has_the_ids_that_were_sent() {
        assert_eq!(id(&Tenant::sharing(), "m 1.x"), "m1x");
    }

    #[test]
    fn an_isolated_users_ids_show_whose_they_are() {
        // printf %s moodle | sha256sum
        let expected = "moodle-36afd15faa2d18332a87daddcafa4ac4_m1";
        assert_eq!(id(&Tenant::isolated("moodle"), "m 1"), expected);
    }

    #[test]
    fn ids_that_are_refused_are_refused_in_the_same_words() {
        for raw in ["", "..", &"x".repeat(201)] {
            assert_eq!(Tenant::isolated("ann").model(raw), ModelId::new(raw), "{raw:?}");
        }
    }

    #[test]
    fn the_longest_ids_stay_usable_and_apart() {
        let tenant = Tenant::isolated(&"ann".repeat(30));
        let ids = ["x".repeat(200), "x".repeat(199), format!("{}y", "x".repeat(199))];
        let [one, two, three] = ids.map(|raw| id(&tenant, &raw));
        assert!(one != two && two != three && one != three);
    }

    proptest! {
        #[test]
        fn no_choice_of_an_id_reaches_another_users_models(
            one in "[^,:\\p{Cc}]{1,30}", other in "[^,:\\p{Cc}]{1,30}", raw in "[A-Za-z0-9_$-]{1,200}", prefixed: bool,
        ) {
            prop_assume!(one != other);
            let wanted = id(&Tenant::isolated(&other), "m");
            // The worst that can be sent: the very name of the other's folder.
            let sent = if prefixed { wanted.clone() } else { raw };
            let got = id(&Tenant::isolated(&one), &sent);
            prop_assert_ne!(&got, &wanted);
            prop_assert!(!got.to_lowercase().starts_with(&prefix(&other).to_lowercase()));
        }
    }
}
