//! Warnings at startup about settings that work but are unsafe.

use super::extract::tenant::prefix;
use crate::auth::{Users, Weakness};
use crate::config::{Config, TRUSTED_PROXIES, USERS, warn_about_removed_variables};

/// Logs a warning for each unsafe setting, and the folders of isolated users.
pub(super) fn log_warnings(config: &Config) {
    warn_about_removed_variables();
    match &config.users {
        None => tracing::warn!(
            "{USERS} is not set: every request except /version and health checks will be refused; set it to user:password"
        ),
        Some(users) => log_user_warnings(users, config),
    }
    if config.is_exposed() && config.access.trusted_proxies.is_empty() {
        tracing::warn!(
            "{}:{} is reachable without TLS: passwords and student data are sent in clear text; put an HTTPS proxy in \
             front and name it in {TRUSTED_PROXIES}, or listen on 127.0.0.1",
            config.host(),
            config.port
        );
    }
}

fn log_user_warnings(users: &Users, config: &Config) {
    for correction in users.corrections() {
        tracing::warn!("{USERS} was corrected: {correction}. Correct it where it is set");
    }
    for (user, weakness) in users.weak() {
        match weakness {
            // On an exposed address the server does not start with such a password.
            Weakness::WellKnown => tracing::warn!(
                user,
                "the password is a well-known one: create a new entry for {USERS} with `moodle-mlbackend passwd \
                 --generate`"
            ),
            Weakness::Short if config.is_exposed() => tracing::warn!(
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
