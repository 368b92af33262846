//! The steps before a handler: limits of the request's head, the request log, authentication.

pub(crate) mod basic_auth;
pub(crate) mod head_limits;
pub(crate) mod request_log;
mod url_prefix;
