//! Settings about the dashboard: whether there is one, and the address at which browsers reach the server.
//!
//! Must not know what the dashboard shows.

use std::str::FromStr;

use clap::{ArgAction, Args};

use super::parsers::switch;
use super::variables::PUBLIC_URL;

/// Settings about the dashboard.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Dashboard")]
pub struct Dashboard {
    /// Serve the dashboard, pages for a browser, below /dashboard: true or false
    #[arg(long = "dashboard", env = "MOODLE_MLBACKEND_DASHBOARD", value_name = "SWITCH", default_value = "true", value_parser = switch, action = ArgAction::Set)]
    pub is_on: bool,
    /// Address at which browsers reach this server, such as `https://ml.example.org` or with the path of --url-prefix. With it,
    /// the reply to a good evaluation has the address of its report in the dashboard, and forms sent from there are accepted
    /// behind a proxy that changes the Host header
    #[arg(long, env = PUBLIC_URL, value_name = "URL", default_value = "", hide_default_value = true)]
    pub public_url: PublicUrl,
}

/// The address at which browsers reach the server, without a slash at its end; empty if it is not known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PublicUrl(String);

impl PublicUrl {
    /// The address, if one is set.
    #[must_use]
    pub fn get(&self) -> Option<&str> {
        Some(self.0.as_str()).filter(|url| !url.is_empty())
    }

    /// Its origin, as browsers send it: the scheme, the host, and the port unless it is the usual one.
    #[must_use]
    pub fn origin(&self) -> Option<String> {
        let (scheme, rest) = self.get()?.split_once("://")?;
        let host = rest.split('/').next().unwrap_or_default().to_ascii_lowercase();
        let usual = if scheme == "https" { ":443" } else { ":80" };
        Some(format!("{scheme}://{}", host.strip_suffix(usual).unwrap_or(&host)))
    }
}

impl FromStr for PublicUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let url = text.trim().trim_end_matches('/');
        if url.is_empty() {
            return Ok(Self::default());
        }
        // Moodle shows the address as part of its page.
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._~/:[]".contains(c);
        let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
        match rest {
            Some(rest) if !rest.is_empty() && !rest.starts_with(['/', ':']) && rest.chars().all(is_plain) => {
                Ok(Self(url.to_owned()))
            }
            _ => Err(
                "expected an address such as https://ml.example.org, without a user, a query and other characters \
                      than letters, digits, -, ., _, ~, : and /",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("", None, None)]
    #[case(" https://ml.example.org/ ", Some("https://ml.example.org"), Some("https://ml.example.org"))]
    #[case("http://h:80/mlbackend", Some("http://h:80/mlbackend"), Some("http://h"))]
    #[case("https://H.example:8443", Some("https://H.example:8443"), Some("https://h.example:8443"))]
    #[case("https://[::1]:443/a", Some("https://[::1]:443/a"), Some("https://[::1]"))]
    fn reads_an_address_and_its_origin(
        #[case] text: &str,
        #[case] url: Option<&str>,
        #[case] origin: Option<&str>,
    ) {
        let public: PublicUrl = text.parse().expect("valid");
        assert_eq!((public.get(), public.origin().as_deref()), (url, origin));
    }

    #[rstest]
    #[case("ml.example.org")]
    #[case("ftp://ml.example.org")]
    #[case("https://")]
    #[case("https:///a")]
    #[case("https://u@ml.example.org")]
    #[case("https://ml.example.org/?a=b")]
    #[case("https://ml.example.org/<script>")]
    fn refuses_other_texts(#[case] text: &str) {
        assert!(text.parse::<PublicUrl>().is_err());
    }
}
