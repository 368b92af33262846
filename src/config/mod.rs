//! What the operator sets: read once, at the door, into one typed value.
//!
//! Owns every flag and environment variable of `serve`. Must not know what the
//! other rooms do with the values.

mod access;
mod clap_errors;
mod connections;
mod requests;
mod retention;

pub use access::{Access, AccessArgs, LOGIN_FAILURES, TRUSTED_PROXIES};
pub use clap_errors::explain;
pub use connections::{BodyRate, ConnectionArgs, Connections};
pub use requests::{HeadLimits, RequestArgs};
pub use retention::RetentionArgs;

use std::env;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::builder::{BoolishValueParser, OsStringValueParser, TypedValueParser};
use clap::{Args, ValueEnum};

use crate::auth::{Users, UsersError, Weakness};
use crate::backend::{ImportLimits, USUAL_BUDGET};
use crate::dataset::Limits;
use crate::store::Retention;
use crate::units::ByteSize;

/// The variable that names the users; never a flag, because command lines are visible to everybody.
pub const USERS: &str = "MOODLE_MLBACKEND_PYTHON_USERS";
const DATA_DIR: &str = "MOODLE_MLBACKEND_PYTHON_DIR";
/// Names the directory for uploads.
pub const TEMP_DIR: &str = "MOODLE_MLBACKEND_TEMPDIR";
const STASH_DIR: &str = "MOODLE_ML_STASH_DIR";
/// Seconds of a day: nothing need take longer.
const DAY: u64 = 24 * 60 * 60;
const S3_BUCKET: &str = "MOODLE_MLBACKEND_PYTHON_S3_BUCKET_NAME";
const DEFAULT_PORT: u16 = 5000;

/// The flags of `serve`, each of which can come from the environment too.
#[derive(Debug, Clone, Args)]
pub struct ServeArgs {
    /// Directory that keeps the models; it must exist and be writable
    #[arg(long, env = DATA_DIR, value_name = "DIR", value_parser = path())]
    data_dir: Option<PathBuf>,
    /// Directory for uploads while they are worked on [default: the system's]
    #[arg(long, env = TEMP_DIR, value_name = "DIR", value_parser = path())]
    temp_dir: Option<PathBuf>,
    /// Keep every request's payload in this directory, for debugging; it grows without end
    #[arg(long, env = STASH_DIR, value_name = "DIR", value_parser = path())]
    stash_dir: Option<PathBuf>,
    /// Listen on all network interfaces instead of on this machine alone
    #[arg(long, env = "MOODLE_MLBACKEND_WORLD_VISIBLE", value_parser = BoolishValueParser::new())]
    world_visible: bool,
    /// Address to listen on, whatever --world-visible says [default: 127.0.0.1]
    #[arg(long, env = "MOODLE_MLBACKEND_HOST", value_name = "ADDRESS")]
    host: Option<IpAddr>,
    /// Port to listen on; 0 takes a free one
    #[arg(short, long, env = "MOODLE_MLBACKEND_PORT", default_value_t = DEFAULT_PORT, value_parser = port)]
    port: u16,
    #[command(flatten)]
    access: AccessArgs,
    /// Log in more detail; answers to clients stay the same
    #[arg(long, env = "MOODLE_MLBACKEND_DEBUG_MODE", value_parser = BoolishValueParser::new())]
    debug_mode: bool,
    /// How log lines look
    #[arg(long, env = "MOODLE_MLBACKEND_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,
    /// Trainings and evaluations that run at once [default: the number of cores]
    #[arg(long, env = "MOODLE_MLBACKEND_JOBS", value_name = "N", value_parser = at_least_one)]
    jobs: Option<usize>,
    /// Trainings and evaluations that may wait; beyond, clients get 503 and a Retry-After
    #[arg(long, env = "MOODLE_MLBACKEND_QUEUE_LENGTH", value_name = "N", default_value_t = 32)]
    queue_length: usize,
    /// Largest dataset upload, such as 500MiB or 1GiB
    #[arg(long, env = "MOODLE_MLBACKEND_MAX_DATASET_BYTES", value_name = "BYTES", default_value = "1GiB")]
    max_dataset_bytes: ByteSize,
    /// Largest model archive that can be imported
    #[arg(long, env = "MOODLE_MLBACKEND_MAX_ARCHIVE_BYTES", value_name = "BYTES", default_value = "256MiB")]
    max_archive_bytes: ByteSize,
    /// Largest value of one form field
    #[arg(long, env = "MOODLE_MLBACKEND_MAX_FIELD_BYTES", value_name = "BYTES", default_value = "64KiB")]
    max_field_bytes: ByteSize,
    /// Most fields and files in one form
    #[arg(long, env = "MOODLE_MLBACKEND_MAX_PARTS", value_name = "N", default_value = "32", value_parser = at_least_one)]
    max_parts: usize,
    /// Most samples in one dataset
    #[arg(long, env = "MOODLE_MLBACKEND_MAX_ROWS", value_name = "N", default_value_t = Limits::default().rows, value_parser = at_least_one)]
    max_rows: usize,
    /// Most samples of one model that are kept to learn from again; beyond it an even choice of them
    #[arg(long, env = "MOODLE_MLBACKEND_MAX_KEPT_ROWS", value_name = "N", default_value_t = Limits::default().kept_rows, value_parser = at_least_one)]
    max_kept_rows: usize,
    /// Most bytes of one line of a dataset
    #[arg(long, env = "MOODLE_MLBACKEND_MAX_LINE_BYTES", value_name = "N", default_value_t = Limits::default().line_bytes, value_parser = at_least_one)]
    max_line_bytes: usize,
    /// Most features in one dataset
    #[arg(long, env = "MOODLE_MLBACKEND_MAX_COLUMNS", value_name = "N", default_value_t = Limits::default().columns, value_parser = at_least_one)]
    max_columns: usize,
    /// Most classes in one dataset
    #[arg(long, env = "MOODLE_MLBACKEND_MAX_CLASSES", value_name = "N", default_value_t = Limits::default().classes, value_parser = at_least_one)]
    max_classes: usize,
    /// Most iterations that one evaluation may ask for
    #[arg(long, env = "MOODLE_MLBACKEND_MAX_ITERATIONS", value_name = "N", default_value = "1000", value_parser = at_least_one)]
    max_iterations: usize,
    /// Seconds after which an evaluation begins no further iteration; the first three are always done
    #[arg(long, env = "MOODLE_MLBACKEND_EVALUATION_SECONDS", value_name = "SECONDS", default_value_t = USUAL_BUDGET.as_secs())]
    evaluation_seconds: u64,
    #[command(flatten)]
    connections: ConnectionArgs,
    #[command(flatten)]
    requests: RequestArgs,
    #[command(flatten)]
    retention: RetentionArgs,
    /// Seconds that running work may go on after SIGTERM; what is not done then is dropped, as if never begun
    #[arg(long, env = "MOODLE_MLBACKEND_STOP_SECONDS", value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(..=DAY))]
    stop_seconds: u64,
    /// The version that Moodle is told; Moodle wants 3.0.5 or later, before 4
    #[arg(long, env = "MOODLE_MLBACKEND_REPORTED_VERSION", value_name = "VERSION", default_value = "3.0.5", value_parser = version)]
    reported_version: String,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line, for machines.
    Json,
}

/// Everything that the operator set, checked.
#[derive(Debug)]
pub struct Config {
    /// Where models live; exists and is writable.
    pub data_dir: PathBuf,
    /// Where uploads are spooled; exists and is writable.
    pub temp_dir: PathBuf,
    /// Where payloads are kept for debugging; exists and is writable.
    pub stash_dir: Option<PathBuf>,
    /// Who may use the server; `None` when the variable is not set.
    pub users: Option<Users>,
    /// The address to listen on.
    pub host: IpAddr,
    /// The port to listen on; 0 for a free one.
    pub port: u16,
    /// Who gets in, and to what.
    pub access: Access,
    /// Whether to log in more detail.
    pub debug_mode: bool,
    /// How log lines look.
    pub log_format: LogFormat,
    /// Trainings and evaluations that run at once; at least 1.
    pub jobs: usize,
    /// Trainings and evaluations that may wait.
    pub queue_length: usize,
    /// What an upload may be.
    pub uploads: UploadLimits,
    /// What a dataset may be.
    pub dataset: Limits,
    /// Most iterations of one evaluation.
    pub max_iterations: usize,
    /// How long an evaluation may begin iterations.
    pub evaluation_time: Duration,
    /// How many clients at once, and how slow one may be.
    pub connections: Connections,
    /// What the head of a request may be.
    pub head: HeadLimits,
    /// What an archive may be when it is looked into.
    pub import: ImportLimits,
    /// How long a request may wait for its turn.
    pub queue_time: Duration,
    /// How much of the past is kept.
    pub retention: Retention,
    /// How long running work may go on after SIGTERM.
    pub stop_time: Duration,
    /// The body of `/version`.
    pub reported_version: String,
}

/// How large a request may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UploadLimits {
    /// Bytes of a dataset.
    pub dataset_bytes: u64,
    /// Bytes of a model archive.
    pub archive_bytes: u64,
    /// Bytes of one form field.
    pub field_bytes: u64,
    /// Fields and files in one form.
    pub parts: usize,
}

/// Why the settings cannot be used; every text names the variable and says what to set it to.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// No data directory was named.
    #[error(
        "{DATA_DIR} is not set: set it (or --data-dir) to an existing directory that this user can write to, \
         for example /var/lib/moodle-mlbackend"
    )]
    NoDataDir,
    /// A directory cannot be used.
    #[error("{variable} is set to {}, {problem}: set it to an existing directory that this user can write to", path.display())]
    Directory {
        /// The variable that named it.
        variable: &'static str,
        /// What it was set to.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The users variable is malformed.
    #[error("{USERS} cannot be used: {0}")]
    Users(#[from] UsersError),
    /// The users variable is not text.
    #[error("{USERS} is not valid UTF-8: set it to user:password, several separated by commas")]
    UsersNotText,
    /// A password that everybody knows would be all that keeps strangers out.
    #[error(
        "{USERS} gives the user {user:?} a password that everybody tries first, and {host} can be reached from other \
         machines: make a new entry with `moodle-mlbackend passwd --generate`, or listen on 127.0.0.1"
    )]
    WellKnownPassword {
        /// Whose it is.
        user: String,
        /// The address to listen on.
        host: IpAddr,
    },
    /// Keeping models in S3 was asked for.
    #[error(
        "{S3_BUCKET} is set, but this version keeps models on a local disk only: unset it and set {DATA_DIR} to a \
         directory"
    )]
    S3,
}

impl Config {
    /// Checks the flags and reads the variables that have none.
    pub fn load(args: ServeArgs) -> Result<Self, ConfigError> {
        if env::var_os(S3_BUCKET).is_some_and(|bucket| !bucket.is_empty()) {
            return Err(ConfigError::S3);
        }
        let users = match env::var(USERS) {
            Ok(text) => Some(text.parse()?),
            Err(env::VarError::NotPresent) => None,
            Err(env::VarError::NotUnicode(_)) => return Err(ConfigError::UsersNotText),
        };
        Self::with_users(args, users)
    }

    fn with_users(args: ServeArgs, users: Option<Users>) -> Result<Self, ConfigError> {
        let data_dir = given(args.data_dir).ok_or(ConfigError::NoDataDir)?;
        let temp_dir = given(args.temp_dir).unwrap_or_else(env::temp_dir);
        let stash_dir = given(args.stash_dir);
        check_directory(DATA_DIR, &data_dir)?;
        check_directory(TEMP_DIR, &temp_dir)?;
        if let Some(dir) = &stash_dir {
            check_directory(STASH_DIR, dir)?;
        }
        let everywhere = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let settings = Self {
            data_dir,
            temp_dir,
            stash_dir,
            users,
            host: args.host.unwrap_or(if args.world_visible { everywhere } else { here }),
            port: args.port,
            access: args.access.into(),
            debug_mode: args.debug_mode,
            log_format: args.log_format,
            jobs: args.jobs.unwrap_or_else(cores),
            queue_length: args.queue_length,
            uploads: UploadLimits {
                dataset_bytes: args.max_dataset_bytes.0,
                archive_bytes: args.max_archive_bytes.0,
                field_bytes: args.max_field_bytes.0,
                parts: args.max_parts,
            },
            dataset: Limits {
                rows: args.max_rows,
                kept_rows: args.max_kept_rows,
                columns: args.max_columns,
                classes: args.max_classes,
                line_bytes: args.max_line_bytes,
            },
            max_iterations: args.max_iterations,
            evaluation_time: Duration::from_secs(args.evaluation_seconds),
            connections: args.connections.into(),
            head: args.requests.head(),
            import: args.requests.import(),
            queue_time: args.requests.queue_time(),
            retention: args.retention.into(),
            stop_time: Duration::from_secs(args.stop_seconds),
            reported_version: args.reported_version,
        };
        settings.refuse_well_known_passwords()?;
        Ok(settings)
    }

    /// Whether other machines can reach the server.
    #[must_use]
    pub fn is_exposed(&self) -> bool {
        !self.host.to_canonical().is_loopback()
    }

    fn refuse_well_known_passwords(&self) -> Result<(), ConfigError> {
        let mut weak = self.users.iter().filter(|_| self.is_exposed()).flat_map(Users::weak);
        match weak.find(|(_, weakness)| *weakness == Weakness::WellKnown) {
            Some((user, _)) => Err(ConfigError::WellKnownPassword { user: user.to_owned(), host: self.host }),
            None => Ok(()),
        }
    }
}

/// Takes the empty text too, which clap's own parser refuses before [`given`] can see it.
fn path() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

/// A variable that is set to nothing counts as not set, as compose files and unit files leave it.
fn given(path: Option<PathBuf>) -> Option<PathBuf> {
    path.filter(|path| !path.as_os_str().is_empty())
}

fn check_directory(variable: &'static str, path: &Path) -> Result<(), ConfigError> {
    let refuse = |problem: String| ConfigError::Directory { variable, path: path.to_owned(), problem };
    match fs::metadata(path) {
        Err(error) => return Err(refuse(format!("which cannot be opened ({error})"))),
        Ok(found) if !found.is_dir() => return Err(refuse("which is not a directory".to_owned())),
        Ok(_) => {}
    }
    // Permission bits do not tell about read-only mounts, quotas or ACLs; a file does.
    tempfile::tempfile_in(path).map_err(|error| refuse(format!("which cannot be written to ({error})")))?;
    Ok(())
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Kubernetes sets `MOODLE_MLBACKEND_PORT=tcp://…` in every pod beside a service of our name; that
/// is no wish of the operator's.
fn port(text: &str) -> Result<u16, String> {
    if text.starts_with("tcp://") {
        return Ok(DEFAULT_PORT);
    }
    text.parse().map_err(|_| "expected a number from 0 to 65535".to_owned())
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("expected a whole number of at least 1".to_owned()),
        Ok(number) => Ok(number),
    }
}

/// Moodle compares it as a version and takes the whole body for it.
fn version(text: &str) -> Result<String, String> {
    let fits = text.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+'));
    if fits { Ok(text.to_owned()) } else { Err("expected a version such as 3.0.5".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        serve: ServeArgs,
    }

    fn parsed(flags: &[&str]) -> Result<Config, ConfigError> {
        let line = Line::try_parse_from([&["serve"], flags].concat()).expect("flags parse");
        Config::with_users(line.serve, None)
    }

    #[test]
    fn a_missing_data_directory_is_named_with_its_variable() {
        let error = parsed(&["--data-dir", "/nowhere/at/all"]).expect_err("it does not exist").to_string();
        assert!(
            error.contains("MOODLE_MLBACKEND_PYTHON_DIR") && error.contains("existing directory"),
            "{error}"
        );
        let error = parsed(&["--data-dir", ""]).expect_err("it is empty").to_string();
        assert!(error.starts_with("MOODLE_MLBACKEND_PYTHON_DIR is not set"), "{error}");
    }

    #[test]
    fn a_file_is_no_data_directory() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let path = file.path().to_str().expect("text");
        let error = parsed(&["--data-dir", path]).expect_err("it is a file").to_string();
        assert!(error.contains("not a directory"), "{error}");
    }

    #[test]
    fn the_defaults_are_those_of_the_reference() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().to_str().expect("text");
        let settings = parsed(&["--data-dir", path]).expect("they fit");
        assert_eq!((settings.host.to_string(), settings.port), ("127.0.0.1".to_owned(), 5000));
        assert_eq!(settings.reported_version, "3.0.5");
        assert_eq!(settings.uploads.dataset_bytes, 1 << 30);
        assert!(!settings.debug_mode && settings.jobs >= 1);
        let settings = parsed(&["--data-dir", path, "--world-visible", "-p", "0"]).expect("they fit");
        assert_eq!((settings.host.to_string(), settings.port), ("0.0.0.0".to_owned(), 0));
    }

    #[test]
    fn debug_output_shows_no_secret() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().to_str().expect("text");
        let line = Line::try_parse_from(["serve", "--data-dir", path]).expect("flags parse");
        let users = "ann:topsecret".parse().expect("a user");
        let settings = Config::with_users(line.serve, Some(users)).expect("they fit");
        let shown = format!("{settings:?}");
        assert!(shown.contains("ann") && !shown.contains("topsecret"), "{shown}");
    }
}
