//! The texts that are served, rendered once when the server starts.
//!
//! Must not know their routes.

use actix_web::web::Bytes;

use super::reader::Api;
use super::{document, html};

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

/// Renders both for a server that a proxy publishes below a path, which is empty for the root.
pub(in crate::http) fn served(prefix: &str) -> Served {
    let document = document(prefix);
    // Its keys are texts, so that writing it cannot fail.
    let json = document.to_pretty_json().unwrap_or_default();
    let page = html::page(&Api::read(&document));
    Served { json: json.into(), page: page.into(), policy: html::policy() }
}
