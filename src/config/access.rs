//! Settings about clients: failed logins, trusted proxies, isolation of users.
//!
//! Must not know how they are applied.

use clap::Args;

use super::parsers::{switch, whole};
use super::variables::{ISOLATE_USERS, LOGIN_FAILURES, TRUSTED_PROXIES};
use crate::net::TrustedProxies;

/// Settings about clients.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Access")]
pub struct Access {
    /// Failed logins per minute, per client address and per user. Above the limit the server responds with 429 and
    /// a Retry-After header; 0 means no limit
    #[arg(long, env = LOGIN_FAILURES, value_name = "N", default_value_t = 40, value_parser = whole::<u32>)]
    pub login_failures: u32,
    /// Reverse proxies whose X-Forwarded-For header is trusted: addresses or networks, separated by commas
    #[arg(long, env = TRUSTED_PROXIES, value_name = "ADDRESSES", default_value = "", hide_default_value = true)]
    pub trusted_proxies: TrustedProxies,
    /// Isolate users: each user can access only the models that it created
    #[arg(long, env = ISOLATE_USERS, value_parser = switch)]
    pub isolate_users: bool,
}
