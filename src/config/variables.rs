//! The names of variables that other files mention.
//!
//! Owns the names alone. Must not know what the variables mean.

/// The users. There is no flag, because other users of the machine can read command lines.
pub const USERS: &str = "MOODLE_MLBACKEND_PYTHON_USERS";
/// The file of settings.
pub(super) const CONFIG: &str = "MOODLE_MLBACKEND_CONFIG";
/// The directory of the models.
pub(super) const DATA_DIR: &str = "MOODLE_MLBACKEND_PYTHON_DIR";
/// The directory of uploads.
pub const TEMP_DIR: &str = "MOODLE_MLBACKEND_TEMPDIR";
/// The directory of copies of uploads.
pub(super) const STASH_DIR: &str = "MOODLE_ML_STASH_DIR";
/// The bucket of S3 in place of the directory of the models.
pub(super) const S3_BUCKET: &str = "MOODLE_MLBACKEND_PYTHON_S3_BUCKET_NAME";
/// The URL of a bucket in place of the directory of the models.
pub(super) const BUCKET_URL: &str = "MOODLE_MLBACKEND_BUCKET_URL";
/// All variables of the process that are text.
pub fn unicode_variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// The reverse proxies.
pub const TRUSTED_PROXIES: &str = "MOODLE_MLBACKEND_TRUSTED_PROXIES";
/// What the reply to a good evaluation says.
pub const EVALUATION_INFO: &str = "MOODLE_MLBACKEND_EVALUATION_INFO";
/// The user that may read the metrics.
pub const METRICS_USER: &str = "MOODLE_MLBACKEND_METRICS_USER";
/// The users that may see and change the models of all users.
pub const ADMINS: &str = "MOODLE_MLBACKEND_ADMINS";
/// The users that may only look.
pub const VIEWERS: &str = "MOODLE_MLBACKEND_VIEWERS";
/// Whether each user can access only its own models.
pub const ISOLATE_USERS: &str = "MOODLE_MLBACKEND_ISOLATE_USERS";
/// The limit of failed logins.
pub const LOGIN_FAILURES: &str = "MOODLE_MLBACKEND_LOGIN_FAILURES";
/// The certificate of TLS.
pub const TLS_CERT: &str = "MOODLE_MLBACKEND_TLS_CERT";
/// Its private key.
pub const TLS_KEY: &str = "MOODLE_MLBACKEND_TLS_KEY";
/// The Redis server with the queue of the workers.
pub const REDIS_URL: &str = "MOODLE_MLBACKEND_REDIS_URL";
/// The address at which browsers reach the server.
pub const PUBLIC_URL: &str = "MOODLE_MLBACKEND_PUBLIC_URL";
