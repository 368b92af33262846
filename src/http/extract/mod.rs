//! From a request to typed values: forms, parameters, uploads, the tenant and the caller.

pub(crate) mod account;
pub(crate) mod caller;
mod disk_space;
pub(crate) mod form;
pub(crate) mod params;
pub(crate) mod tenant;
pub(crate) mod transport;
pub(crate) mod typed_request;
