//! Why the settings cannot be used.
//!
//! Owns the messages. Must not know how settings are read.

use std::net::IpAddr;
use std::path::PathBuf;

use super::origin::Origin;
use super::variables::{ADMINS, BUCKET_URL, DATA_DIR, METRICS_USER, S3_BUCKET, USERS, VIEWERS};
use crate::auth::UsersError;

/// Why the settings cannot be used. Every message names the variable and says what to set it to.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The data directory is not set.
    #[error(
        "{DATA_DIR} is not set: set it (or --data-dir) to an existing directory that this user can write to, \
         for example /var/lib/moodle-mlbackend, or {BUCKET_URL} to the URL of a bucket, for example s3://moodle-models"
    )]
    NoDataDir,
    /// Two settings name different buckets.
    #[error(
        "{S3_BUCKET} names {name}, but {BUCKET_URL} names {url}: remove one of them, so that it is clear where the models are"
    )]
    TwoBuckets {
        /// The bucket by its name.
        name: String,
        /// The bucket by its URL.
        url: String,
    },
    /// A directory cannot be used.
    #[error(
        "{variable} is set to {}{}, {problem}: set it to an existing directory that this user can write to, for example \
         /var/lib/moodle-mlbackend",
        path.display(), place(origin)
    )]
    Directory {
        /// The variable that names it.
        variable: &'static str,
        /// Where the name comes from.
        origin: Origin,
        /// The directory.
        path: PathBuf,
        /// The problem, as a relative clause.
        problem: String,
    },
    /// The users are malformed.
    #[error("{USERS}{} cannot be used: {problem}", place(origin))]
    Users {
        /// Where the users come from.
        origin: Origin,
        /// The problem.
        #[source]
        problem: UsersError,
    },
    /// The file of a secret cannot be read.
    #[error("{variable} cannot be used: {origin}: {problem}, for example /etc/moodle-mlbackend/users")]
    Secret {
        /// The variable of the secret.
        variable: String,
        /// The file.
        origin: Origin,
        /// The problem and the remedy.
        problem: String,
    },
    /// The TOML file cannot be read.
    #[error("the file of settings {} {problem}; --config or MOODLE_MLBACKEND_CONFIG names another", path.display())]
    TomlFile {
        /// The file.
        path: PathBuf,
        /// The problem.
        problem: String,
    },
    /// A line of the TOML file cannot be used.
    #[error("{}, line {line}: {problem} (example: {example})", path.display())]
    Toml {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// The problem.
        problem: String,
        /// A valid line.
        example: String,
    },
    /// A flag or a variable cannot be used.
    #[error("{0}")]
    Arguments(String),
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
    /// The server listens on no address that plain HTTP reaches.
    #[error(
        "the settings name no address with plain HTTP: set MOODLE_MLBACKEND_METRICS_LISTEN, for example to \
         127.0.0.1:9464, or name the URL of the server"
    )]
    NoHealthAddress,
    /// The user of the metrics does not exist.
    #[error(
        "{METRICS_USER} is set to {0:?}, which is not a user: add it to {USERS}, for example with an entry of \
         `moodle-mlbackend passwd --generate`, or set {METRICS_USER} to one of the users there"
    )]
    MetricsUser(String),
    /// A user with a role does not exist.
    #[error(
        "{variable} names {name:?}, which is not a user: add it to {USERS}, for example with an entry of \
         `moodle-mlbackend passwd --generate`, or remove it from {variable}"
    )]
    RoleOfNoUser {
        /// The variable of the role.
        variable: &'static str,
        /// The name.
        name: String,
    },
    /// A user has two roles.
    #[error("{ADMINS} and {VIEWERS} both name {0:?}: remove it from one of them")]
    TwoRoles(String),
    /// Only one of the two files of TLS is set.
    #[error(
        "{set} is set, but {missing} is not: set both, for example to /etc/moodle-mlbackend/tls/fullchain.pem and \
         /etc/moodle-mlbackend/tls/privkey.pem, or neither"
    )]
    HalfTls {
        /// The variable that is set.
        set: &'static str,
        /// The other one.
        missing: &'static str,
    },
}

/// Where a value comes from, unless that is the variable of the message or its flag.
fn place(origin: &Origin) -> String {
    match origin {
        Origin::Flag | Origin::Variable(_) | Origin::Default | Origin::Unset => String::new(),
        other => format!(" ({other})"),
    }
}
