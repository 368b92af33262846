//! Warnings at startup about settings that work but are unsafe.

use std::net::IpAddr;

use super::extract::tenant::prefix;
use crate::auth::Weakness;
use crate::config::{Config, TLS_CERT, TLS_KEY, TRUSTED_PROXIES, USERS, warn_about_removed_variables};

/// Logs a warning for each unsafe setting, and the folders of isolated users. `exposed` is an address at which other
/// machines can reach the server.
pub(super) fn log_warnings(config: &Config, exposed: Option<IpAddr>, has_tls: bool) {
    warn_about_removed_variables();
    log_user_warnings(config, exposed.is_some());
    if let Some(address) = exposed.filter(|_| !has_tls && config.access.trusted_proxies.is_empty()) {
        tracing::warn!(
            "{address} is reachable without TLS: passwords and student data are sent in clear text; set {TLS_CERT} and \
             {TLS_KEY}, or put an HTTPS proxy in front and name it in {TRUSTED_PROXIES}, or listen on 127.0.0.1 or a \
             Unix socket"
        );
    }
}

/// The same for the users alone.
pub(super) fn log_user_warnings(config: &Config, is_exposed: bool) {
    let live = config.live();
    let Some(users) = &live.users else {
        return tracing::warn!(
            "{USERS} is not set: every request except /version and health checks will be refused; set it to user:password"
        );
    };
    for correction in users.corrections() {
        tracing::warn!("{USERS} was corrected: {correction}. Correct it where it is set");
    }
    for suspicion in users.suspicions() {
        tracing::warn!(
            "{USERS}, {suspicion}. If a tool has changed it, logins will fail: make the entry with `moodle-mlbackend passwd`"
        );
    }
    for (user, weakness) in users.weak() {
        match weakness {
            // On an exposed address the server does not start with such a password.
            Weakness::WellKnown => tracing::warn!(
                user,
                "the password is a well-known one: create a new entry for {USERS} with `moodle-mlbackend passwd \
                 --generate`"
            ),
            Weakness::Short if is_exposed => tracing::warn!(
                user,
                "the password is short: create a new entry for {USERS} with `moodle-mlbackend passwd --generate`"
            ),
            Weakness::Short => {}
        }
    }
    if config.access.isolate_users {
        for user in users.names() {
            tracing::info!(
                user,
                folders = format!("{}*", prefix(user)),
                "user isolation: this user can only use the models in these folders"
            );
        }
    }
}
