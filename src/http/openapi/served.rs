//! The texts that are served.
//!
//! Must not know how they are rendered, nor their routes.

use actix_web::web::Bytes;

/// The document and its page.
#[derive(Debug)]
pub(in crate::http) struct Served {
    /// `/openapi.json`.
    pub(in crate::http) json: Bytes,
    /// `/docs`.
    pub(in crate::http) page: Bytes,
    /// The Content-Security-Policy of the page.
    pub(in crate::http) policy: String,
}
