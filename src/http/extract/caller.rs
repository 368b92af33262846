//! The caller of a request, for the audit trail.
//!
//! Must not know what the caller requests.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};

use crate::audit::{Actor, Operation, Subject};
use crate::http::error::HttpError;
use crate::http::middleware::request_log::ClientAddress;
use crate::telemetry::request_id::RequestId;

/// The name of the authenticated user.
#[derive(Debug, Clone)]
pub(crate) struct UserName(pub(crate) String);

/// The authenticated user of a request, with the address of the client and the request's id.
#[derive(Debug, Clone)]
pub(crate) struct Caller(Actor);

impl Caller {
    /// The caller of a request that is authenticated.
    pub(crate) fn of(request: &HttpRequest) -> Result<Self, HttpError> {
        let extensions = request.extensions();
        let user = extensions.get::<UserName>();
        let (address, id) = (extensions.get::<ClientAddress>(), extensions.get::<RequestId>());
        match (user, address, id) {
            (Some(user), Some(address), Some(id)) => Ok(Self(Actor::remote(&user.0, address.0, id.as_str()))),
            _ => Err(HttpError::internal("finding the caller", "the request is not authenticated")),
        }
    }

    /// The name of the user.
    pub(crate) fn user(&self) -> &str {
        self.0.user()
    }

    /// The caller as the audit trail names it.
    pub(crate) fn into_actor(self) -> Actor {
        self.0
    }

    /// An operation for this caller.
    pub(crate) fn operation(self, operation: Operation) -> Subject {
        Subject::new(operation, self.0)
    }
}

impl FromRequest for Caller {
    type Error = HttpError;
    type Future = Ready<Result<Self, HttpError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::of(request))
    }
}
