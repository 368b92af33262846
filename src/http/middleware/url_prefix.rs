//! The path below which a proxy publishes the server: requests with it are answered like those without.
//!
//! Must not know which routes exist.

use actix_web::dev::ServiceRequest;
use actix_web::http::Uri;
use actix_web::http::uri::PathAndQuery;

use crate::config::UrlPrefix;

/// Removes the prefix from the path of a request that has it.
pub(super) fn strip(request: &mut ServiceRequest, prefix: &UrlPrefix) {
    let Some(uri) = without_prefix(request.uri(), prefix) else { return };
    request.match_info_mut().get_mut().update(&uri);
    request.head_mut().uri = uri;
}

fn without_prefix(uri: &Uri, prefix: &UrlPrefix) -> Option<Uri> {
    let path = prefix.strip(uri.path())?;
    let target = match uri.query() {
        Some(query) => PathAndQuery::try_from(format!("{path}?{query}")),
        None => PathAndQuery::try_from(path),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(target.ok()?);
    Uri::from_parts(parts).ok()
}
