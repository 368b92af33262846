//! Why the settings cannot be used.
//!
//! Owns the messages. Must not know how settings are read.

use std::net::IpAddr;
use std::path::PathBuf;

use super::variables::{DATA_DIR, METRICS_USER, S3_BUCKET, USERS};
use crate::auth::UsersError;

/// Why the settings cannot be used. Every message names the variable and says what to set it to.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The data directory is not set.
    #[error(
        "{DATA_DIR} is not set: set it (or --data-dir) to an existing directory that this user can write to, \
         for example /var/lib/moodle-mlbackend"
    )]
    NoDataDir,
    /// A directory cannot be used.
    #[error("{variable} is set to {}, {problem}: set it to an existing directory that this user can write to", path.display())]
    Directory {
        /// The variable that names it.
        variable: &'static str,
        /// The directory.
        path: PathBuf,
        /// The problem, as a relative clause.
        problem: String,
    },
    /// The users variable is malformed.
    #[error("{USERS} cannot be used: {0}")]
    Users(#[from] UsersError),
    /// A well-known password would be the only protection of a server that other machines can reach.
    #[error(
        "{USERS} gives the user {user:?} a well-known password, and {host} can be reached from other machines: make a \
         new entry with `moodle-mlbackend passwd --generate`, or listen on 127.0.0.1"
    )]
    WellKnownPassword {
        /// The user with this password.
        user: String,
        /// The address to listen on.
        host: IpAddr,
    },
    /// The user of the metrics does not exist.
    #[error(
        "{METRICS_USER} is set to {0:?}, which is not a user: add it to {USERS}, for example with an entry of \
         `moodle-mlbackend passwd --generate`, or set {METRICS_USER} to one of the users there"
    )]
    MetricsUser(String),
    /// Storage in S3 was requested.
    #[error(
        "{S3_BUCKET} is set, but this version keeps models on a local disk only: unset it and set {DATA_DIR} to a \
         directory"
    )]
    S3,
}
