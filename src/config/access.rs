//! Who gets in, and to what, beside the users themselves.

use std::num::NonZeroU32;

use clap::Args;
use clap::builder::BoolishValueParser;

use crate::net::trusted_proxies::TrustedProxies;

/// The variable that names the proxies.
pub const TRUSTED_PROXIES: &str = "MOODLE_MLBACKEND_TRUSTED_PROXIES";
/// The variable that sets how often a password may be wrong.
pub const LOGIN_FAILURES: &str = "MOODLE_MLBACKEND_LOGIN_FAILURES";

/// The flags about access.
#[derive(Debug, Clone, Args)]
pub struct AccessArgs {
    /// Wrong passwords a minute, of one client address and of one user, beyond which clients get 429 and a
    /// Retry-After; 0 allows any number
    #[arg(long, env = LOGIN_FAILURES, value_name = "N", default_value_t = 40)]
    login_failures: u32,
    /// Proxies in front whose X-Forwarded-For names the client: addresses or networks, separated by commas
    #[arg(long, env = TRUSTED_PROXIES, value_name = "ADDRESSES")]
    trusted_proxies: Option<TrustedProxies>,
    /// Keep each user's models apart: a user sees those alone that it has made itself
    #[arg(long, env = "MOODLE_MLBACKEND_ISOLATE_USERS", value_parser = BoolishValueParser::new())]
    isolate_users: bool,
}

/// Who gets in, and to what.
#[derive(Debug, Clone)]
pub struct Access {
    /// Wrong passwords a minute; `None` allows any number.
    pub login_failures: Option<NonZeroU32>,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: TrustedProxies,
    /// Whether each user sees its own models alone.
    pub isolate_users: bool,
}

impl From<AccessArgs> for Access {
    fn from(args: AccessArgs) -> Self {
        Self {
            login_failures: NonZeroU32::new(args.login_failures),
            trusted_proxies: args.trusted_proxies.unwrap_or_default(),
            isolate_users: args.isolate_users,
        }
    }
}
