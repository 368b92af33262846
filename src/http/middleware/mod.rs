//! What every request passes before its handler: limits of the head, the request log, authentication.

pub(crate) mod basic_auth;
pub(crate) mod head_limits;
pub(crate) mod request_log;
