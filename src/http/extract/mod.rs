//! From a request to typed values: forms, uploads, parameters and the tenant.

pub(crate) mod form;
pub(crate) mod params;
pub(crate) mod tenant;
