//! Settings about the workers: where the queue is.
//!
//! Must not know what the queue does.

use std::fmt;

use clap::Args;

use super::variables::REDIS_URL;

/// Settings about the workers.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Workers")]
pub struct Workers {
    /// Redis server with the queue of the workers, such as `rediss://:PASSWORD@redis.example.org:6379`; without it, this process
    /// performs all jobs itself. `rediss` is TLS, and `unix:///run/redis/redis.sock` a socket
    #[arg(long, env = REDIS_URL, value_name = "URL", value_parser = redis_url, hide_env_values = true)]
    redis_url: Option<RedisUrl>,
}

impl Workers {
    /// The address of the queue, if there is one.
    #[must_use]
    pub fn redis_url(&self) -> Option<&str> {
        self.redis_url.as_ref().map(|RedisUrl(url)| url.as_str()).filter(|url| !url.is_empty())
    }
}

/// An address whose password is not for logs; an empty text is none.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisUrl(String);

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RedisUrl")
    }
}

/// The client library checks the rest.
fn redis_url(text: &str) -> Result<RedisUrl, String> {
    let text = text.trim();
    let scheme = text.split_once("://").map(|(scheme, _)| scheme);
    if text.is_empty() || matches!(scheme, Some("redis" | "rediss" | "unix")) {
        return Ok(RedisUrl(text.to_owned()));
    }
    Err("expected an address such as redis://:PASSWORD@127.0.0.1:6379, with rediss:// for TLS or unix:// for a socket"
        .to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_never_printed() {
        let url = redis_url(" rediss://:secret@redis.example.org ").expect("valid");
        assert_eq!(
            (url.0.as_str(), format!("{url:?}")),
            ("rediss://:secret@redis.example.org", "RedisUrl".to_owned())
        );
        let error = redis_url("redis.example.org:secret").expect_err("no scheme");
        assert!(error.contains("redis://") && !error.contains("secret"), "{error}");
        assert_eq!(redis_url("").expect("none").0, "");
    }
}
