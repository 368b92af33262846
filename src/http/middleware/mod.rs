//! The steps before a handler: limits of the request's head, the request log, the origin of requests, authentication.

pub(crate) mod basic_auth;
mod foreign_origin;
pub(crate) mod head_limits;
pub(crate) mod request_log;
pub(crate) mod streamed_body;
mod url_prefix;
