//! The header `Prefer` of a request (RFC 7240).
//!
//! Must not know what follows from it.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::header::HeaderName;

const PREFER: HeaderName = HeaderName::from_static("prefer");

/// The header of a response that names the preferences that were followed.
pub(in crate::http) const APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// The preference of a client that does not wait for the result.
pub(in crate::http) const RESPOND_ASYNC: &str = "respond-async";

/// What a client prefers, as far as this server can do it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::http) struct Preferences {
    pub(in crate::http) respond_async: bool,
    /// How long the client waits for a result.
    pub(in crate::http) wait: Option<Duration>,
}

impl Preferences {
    pub(in crate::http) fn of(request: &HttpRequest) -> Self {
        let lines = request.headers().get_all(PREFER).filter_map(|value| value.to_str().ok());
        lines.flat_map(|line| line.split(',')).fold(Self::default(), Self::with)
    }

    /// Adds one preference. The first of a name counts, and unknown ones mean nothing.
    fn with(mut self, preference: &str) -> Self {
        // What follows a semicolon are parameters, of which these preferences have none.
        let preference = preference.split(';').next().unwrap_or_default();
        let (name, value) = preference.split_once('=').unwrap_or((preference, ""));
        let (name, value) = (name.trim(), value.trim().trim_matches('"'));
        if name.eq_ignore_ascii_case(RESPOND_ASYNC) {
            self.respond_async = true;
        } else if name.eq_ignore_ascii_case("wait") {
            self.wait = self.wait.or(value.parse().ok().map(Duration::from_secs));
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;
    use rstest::rstest;

    fn preferences(lines: &[&str]) -> Preferences {
        let request = lines
            .iter()
            .fold(TestRequest::get(), |request, line| request.append_header((PREFER, line.to_owned())));
        Preferences::of(&request.to_http_request())
    }

    #[rstest]
    #[case(&[], false, None)]
    #[case(&["respond-async"], true, None)]
    #[case(&["Respond-Async; a=b, WAIT = \"10\""], true, Some(10))]
    #[case(&["wait=3", "respond-async, wait=5"], true, Some(3))]
    #[case(&["return=minimal, wait=soon, respond-asynchronously"], false, None)]
    fn reads_the_preferences_of_all_lines(
        #[case] lines: &[&str],
        #[case] respond_async: bool,
        #[case] wait: Option<u64>,
    ) {
        let expected = Preferences { respond_async, wait: wait.map(Duration::from_secs) };
        assert_eq!(preferences(lines), expected);
    }
}
