//! Refuses requests that change something and that a page of another site makes a browser send.
//!
//! A browser that knows a password or has a session sends it along, whichever site the page is from. Browsers say where a
//! request comes from (`Sec-Fetch-Site`, `Origin`), and a page cannot forge these headers. Programs such as Moodle send neither and
//! pass. Must not know the routes: every method that may change something is checked.

use actix_web::HttpRequest;
use actix_web::http::Method;
use actix_web::http::header::{HOST, HeaderName, ORIGIN};

use crate::http::error::HttpError;
use crate::http::extract::transport::{is_encrypted, is_from_trusted_proxy};
use crate::http::state::AppState;

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// # Errors
/// [`HttpError::ForeignOrigin`].
pub(crate) fn check(request: &HttpRequest, state: &AppState) -> Result<(), HttpError> {
    if matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
        return Ok(());
    }
    // Several lines come from no browser.
    let single = |name: HeaderName| {
        let mut values = request.headers().get_all(name);
        let value = values.next().map(|value| value.to_str().unwrap_or("invalid"));
        if values.next().is_some() { Some("several") } else { value }
    };
    match single(FETCH_SITE) {
        Some("same-origin") => return Ok(()),
        // `none` means that the user started the request, for example from a bookmark.
        None | Some("none") => {}
        Some(_) => return Err(HttpError::ForeignOrigin),
    }
    let Some(origin) = single(ORIGIN) else { return Ok(()) };
    let forwarded = single(FORWARDED_HOST).filter(|_| is_from_trusted_proxy(request, state));
    let hosts = [single(HOST), forwarded];
    let encrypted = is_encrypted(request, state);
    let is_own = hosts.into_iter().flatten().any(|host| is_origin_of(origin, host, encrypted));
    let public = state.config.dashboard.public_url.origin();
    if is_own || public.is_some_and(|public| public.eq_ignore_ascii_case(origin)) {
        Ok(())
    } else {
        Err(HttpError::ForeignOrigin)
    }
}

/// Whether an origin is that of a page at `host`. A proxy may or may not say that its clients use TLS, so only a known
/// encryption excludes plain pages.
fn is_origin_of(origin: &str, host: &str, encrypted: bool) -> bool {
    let (usual_port, authority) = match origin.split_once("://") {
        Some(("https", authority)) => (":443", authority),
        Some(("http", authority)) if !encrypted => (":80", authority),
        _ => return false,
    };
    let plain = |text: &str| {
        let text = text.trim().to_ascii_lowercase();
        text.strip_suffix(usual_port).map_or(text.clone(), str::to_owned)
    };
    !authority.is_empty() && plain(authority) == plain(host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("http://127.0.0.1:5000", "127.0.0.1:5000", false, true)]
    #[case("http://h", "h:80", false, true)]
    #[case("https://H.example", "h.example", true, true)]
    #[case("https://h.example", "h.example", false, true)]
    #[case::a_plain_page_of_an_encrypted_server("http://h.example", "h.example", true, false)]
    #[case("https://[::1]:8443", "[::1]:8443", true, true)]
    #[case::another_port("http://127.0.0.1:5001", "127.0.0.1:5000", false, false)]
    #[case::another_host("http://evil.example", "h", false, false)]
    #[case::a_longer_host("http://h.evil.example", "h", false, false)]
    #[case::an_opaque_origin("null", "h", false, false)]
    #[case::nothing("", "", false, false)]
    #[case::no_host("http://", "", false, false)]
    fn an_origin_is_compared_with_the_host(
        #[case] origin: &str,
        #[case] host: &str,
        #[case] encrypted: bool,
        #[case] expected: bool,
    ) {
        assert_eq!(is_origin_of(origin, host, encrypted), expected);
    }
}
