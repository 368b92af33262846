//! Cookies of the dashboard (RFC 6265): reading and setting them.
//!
//! Owns their attributes. Values are ours and need no encoding. Must not know what they mean.

use actix_web::http::header::{COOKIE, HeaderMap, HeaderValue};

/// Where a browser sends a cookie.
#[derive(Debug, Clone)]
pub(super) struct CookieScope {
    /// The path of the dashboard.
    pub(super) path: String,
    /// Whether only over an encrypted connection.
    pub(super) is_secure: bool,
}

/// The values of a cookie of this name: a page on another path of the host can set one of the same name.
pub(super) fn values<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a str> {
    let lines = headers.get_all(COOKIE).filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(move |(key, _)| *key == name).map(|(_, value)| value)
}

/// The header `Set-Cookie` of a cookie that ends after some seconds; 0 removes it. Scripts cannot read it, and no page of another
/// site makes the browser send it.
pub(super) fn set(name: &str, value: &str, seconds: u64, scope: &CookieScope) -> Option<HeaderValue> {
    let secure = if scope.is_secure { "; Secure" } else { "" };
    let path = &scope.path;
    let text = format!("{name}={value}; Path={path}; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
    HeaderValue::try_from(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_all_cookies_of_a_name() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("a=1; b=2;a=x=y"));
        headers.append(COOKIE, HeaderValue::from_static("aa=3; a=; a"));
        assert_eq!(values(&headers, "a").collect::<Vec<_>>(), ["1", "x=y", ""]);
    }
}
