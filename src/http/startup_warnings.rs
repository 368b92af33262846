//! What the operator is warned of at the start: settings that work and had better be others.

use super::extract::tenant::prefix;
use crate::auth::{Users, Weakness};
use crate::config::{Config, TRUSTED_PROXIES, USERS, warn_about_removed_variables};

/// Writes to the log what about the settings is unsafe, and what else they mean.
pub(super) fn caution(settings: &Config) {
    warn_about_removed_variables();
    match &settings.users {
        None => tracing::warn!(
            "{USERS} is not set: every request but /version will be refused; set it to user:password"
        ),
        Some(users) => about_users(users, settings),
    }
    if settings.is_exposed() && settings.access.trusted_proxies.is_empty() {
        tracing::warn!(
            "anybody on the way to {}:{} can read what is sent, passwords and students' data too: put a proxy that \
             speaks HTTPS in front and name it in {TRUSTED_PROXIES}, or listen on 127.0.0.1",
            settings.host(),
            settings.port
        );
    }
}

fn about_users(users: &Users, settings: &Config) {
    for (user, weakness) in users.weak() {
        match weakness {
            // Exposed, it does not start with one.
            Weakness::WellKnown => tracing::warn!(
                user,
                "the password is one that everybody tries first: make a new entry for {USERS} with `moodle-mlbackend \
                 passwd --generate`"
            ),
            Weakness::Short if settings.is_exposed() => tracing::warn!(
                user,
                "the password is short: make a new entry for {USERS} with `moodle-mlbackend passwd --generate`"
            ),
            Weakness::Short => {}
        }
    }
    if settings.access.isolate_users {
        for user in users.names() {
            tracing::info!(
                user,
                folders = format!("{}*", prefix(user)),
                "isolated: sees the models in these folders alone"
            );
        }
    }
}
