//! How a request came: through a trusted proxy, and encrypted or not.
//!
//! Must not know what follows from that.

use actix_web::HttpRequest;
use actix_web::http::header::HeaderName;

use crate::http::state::AppState;

const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Whether TLS decrypts the bytes of a connection; noted for each connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Encrypted(pub(crate) bool);

/// Whether the peer is a trusted proxy, whose headers say how its client connected. Only a proxy on this machine connects to a
/// Unix socket, which has no address.
pub(crate) fn is_from_trusted_proxy(request: &HttpRequest, state: &AppState) -> bool {
    let proxies = &state.config.access.trusted_proxies;
    request.peer_addr().is_none_or(|peer| proxies.trusts(peer.ip().to_canonical()))
}

/// Whether the client's connection is encrypted, as far as the server knows.
pub(crate) fn is_encrypted(request: &HttpRequest, state: &AppState) -> bool {
    if request.conn_data::<Encrypted>().is_some_and(|encrypted| encrypted.0) {
        return true;
    }
    let proto = request.headers().get(FORWARDED_PROTO).and_then(|value| value.to_str().ok());
    // A chain of proxies lists the protocol of the client first.
    let proto = proto.and_then(|list| list.split(',').next()).map(str::trim);
    proto.is_some_and(|proto| proto.eq_ignore_ascii_case("https")) && is_from_trusted_proxy(request, state)
}
