//! The settings of `serve`: read once at startup into one typed value.
//!
//! Owns every flag and environment variable of `serve`. A setting is one field: its doc comment is the text of
//! `--help` and of docs/settings.md. Must not know http, nor how other modules use the values.

mod access;
mod clap_errors;
mod connections;
mod error;
mod limits;
mod parsers;
mod removed;
mod retention;
#[cfg(test)]
mod settings_page;
mod variables;

pub use access::Access;
pub use clap_errors::explain;
pub use connections::{BodyRate, Connections};
pub use error::ConfigError;
pub use limits::{DatasetLimits, KeepAlive, UploadLimits};
pub use removed::warn_about_removed_variables;
pub use retention::RetentionArgs;
pub use variables::{EVALUATION_INFO, LOGIN_FAILURES, TEMP_DIR, TRUSTED_PROXIES, USERS};

use std::env;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::thread;
use std::time::Duration;

use clap::Args;

use crate::auth::{Users, Weakness};
use crate::backend::{EvaluationInfo, ImportLimits, RepeatedBatches, TrainingOptions};
use crate::telemetry::LogFormat;
use limits::unpacked_bytes;
use parsers::{
    DAY, DEFAULT_PORT, at_least_one, bytes, bytes_or_none, host, path, path_or_system_temp, port, seconds,
    switch, version, whole,
};
use variables::{DATA_DIR, S3_BUCKET, STASH_DIR};

/// The settings as they were given: [`Config::load`] checks them.
#[derive(Debug, Args)]
pub struct ServeArgs {
    #[command(flatten)]
    unchecked: Config,
}

/// The settings, checked.
#[derive(Debug, Args)]
pub struct Config {
    /// The users of the server; `None` when the variable is not set.
    #[arg(skip)]
    pub users: Option<Users>,
    /// Directory of the models; it must exist and be writable
    #[arg(long, env = DATA_DIR, value_name = "DIR", value_parser = path(), default_value = "", hide_default_value = true)]
    pub data_dir: PathBuf,
    /// Directory of uploads while they are processed [default: the system's directory for temporary files]
    #[arg(long, env = TEMP_DIR, value_name = "DIR", value_parser = path_or_system_temp(), default_value = "", hide_default_value = true)]
    pub temp_dir: PathBuf,
    /// Keep a copy of every upload in this directory, for debugging; it grows without limit
    #[arg(long, env = STASH_DIR, value_name = "DIR", value_parser = path())]
    pub stash_dir: Option<PathBuf>,
    /// Listen on all network interfaces instead of only on this machine
    #[arg(long, env = "MOODLE_MLBACKEND_WORLD_VISIBLE", value_parser = switch)]
    world_visible: bool,
    /// Address to listen on; overrides --world-visible [default: 127.0.0.1]
    #[arg(long = "host", env = "MOODLE_MLBACKEND_HOST", value_name = "ADDRESS", value_parser = host)]
    address: Option<IpAddr>,
    /// Port to listen on; 0 selects a free port
    #[arg(short, long, env = "MOODLE_MLBACKEND_PORT", default_value_t = DEFAULT_PORT, value_parser = port)]
    pub port: u16,
    /// Log in more detail; responses to clients stay the same
    #[arg(long, env = "MOODLE_MLBACKEND_DEBUG_MODE", value_parser = switch)]
    pub debug_mode: bool,
    /// Format of log lines: text, or json with one object per line
    #[arg(long, env = "MOODLE_MLBACKEND_LOG_FORMAT", value_name = "FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
    /// Maximum number of concurrent trainings and evaluations [default: the number of cores]
    #[arg(long, env = "MOODLE_MLBACKEND_JOBS", value_name = "N", default_value_t = cores(), hide_default_value = true, value_parser = at_least_one)]
    pub jobs: usize,
    /// Evaluations that may wait in the queue; when it is full, the server responds with 503 and a Retry-After header
    #[arg(long, env = "MOODLE_MLBACKEND_QUEUE_LENGTH", value_name = "N", default_value_t = 32, value_parser = whole::<usize>)]
    pub queue_length: usize,
    /// Maximum size of the uploads of all trainings that run or wait in the queue; the server responds to further ones
    /// with 503 and a Retry-After header
    #[arg(long, env = "MOODLE_MLBACKEND_QUEUE_BYTES", value_name = "BYTES", default_value = "4GiB", value_parser = bytes)]
    pub queue_bytes: u64,
    /// Seconds that a request may wait in the queue before the server responds with 503 and a Retry-After header
    #[arg(long = "queue-seconds", env = "MOODLE_MLBACKEND_QUEUE_SECONDS", value_name = "SECONDS", default_value = "3600", value_parser = seconds(1..=30 * DAY))]
    pub queue_time: Duration,
    /// Maximum number of iterations (training and test splits) that Moodle may request for an evaluation
    #[arg(long, env = "MOODLE_MLBACKEND_MAX_ITERATIONS", value_name = "N", default_value = "1000", value_parser = at_least_one)]
    pub max_iterations: usize,
    /// Seconds after which a training ends with what it has learned so far; after half of them it tries no further learner. The trainings
    /// within an evaluation have no limit of their own
    #[arg(long = "training-seconds", env = "MOODLE_MLBACKEND_TRAINING_SECONDS", value_name = "SECONDS", default_value = "1800", value_parser = seconds(0..=30 * DAY))]
    pub training_time: Duration,
    /// Seconds after which an evaluation starts no further iteration; the first three always run
    #[arg(long = "evaluation-seconds", env = "MOODLE_MLBACKEND_EVALUATION_SECONDS", value_name = "SECONDS", default_value = "600", value_parser = seconds(0..=u64::MAX))]
    pub evaluation_time: Duration,
    /// What the reply to a good evaluation says to Moodle's administrator: full (the result in a few sentences), or bare
    /// (nothing, like the Python server)
    #[arg(long, env = EVALUATION_INFO, value_name = "KIND", default_value = "full", value_parser = EvaluationInfo::from_str)]
    pub evaluation_info: EvaluationInfo,
    /// Seconds that running jobs may continue after SIGTERM; unfinished jobs are then discarded without a change to
    /// any model
    #[arg(long = "stop-seconds", env = "MOODLE_MLBACKEND_STOP_SECONDS", value_name = "SECONDS", default_value = "30", value_parser = seconds(0..=DAY))]
    pub stop_time: Duration,
    /// Version reported to Moodle, which requires at least 3.0.5 and less than 4
    #[arg(long, env = "MOODLE_MLBACKEND_REPORTED_VERSION", value_name = "VERSION", default_value = "3.0.5", value_parser = version)]
    pub reported_version: String,
    /// Memory for models that are kept loaded between predictions; 0 keeps none
    #[arg(long, env = "MOODLE_MLBACKEND_MODEL_CACHE", value_name = "BYTES", default_value = "64MiB", value_parser = bytes_or_none)]
    pub model_cache: u64,
    /// Settings about clients.
    #[command(flatten)]
    pub access: Access,
    /// Maximum sizes of uploads.
    #[command(flatten)]
    pub uploads: UploadLimits,
    /// Maximum size of all files of a model archive together, unpacked; at most 28MiB
    #[arg(long = "max-unpacked-bytes", env = "MOODLE_MLBACKEND_MAX_UNPACKED_BYTES", value_name = "BYTES", default_value = "16MiB", value_parser = unpacked_bytes, help_heading = "Uploads")]
    pub import: ImportLimits,
    /// Maximum dimensions of a dataset.
    #[command(flatten)]
    pub dataset: DatasetLimits,
    /// Train again on samples that Moodle sends again, instead of counting each sample once
    #[arg(long, env = "MOODLE_MLBACKEND_COUNT_REPEATED_BATCHES", value_parser = switch, help_heading = "Datasets")]
    count_repeated_batches: bool,
    /// Settings about connections.
    #[command(flatten)]
    pub connections: Connections,
    /// How long the server is silent while it works.
    #[command(flatten)]
    pub keepalive: KeepAlive,
    /// Settings about retention.
    #[command(flatten)]
    pub retention: RetentionArgs,
}

impl Config {
    /// Checks the flags, and reads the variables that have no flag.
    ///
    /// # Errors
    /// When a directory, the users variable or the combination of address and passwords cannot be used.
    pub fn load(args: ServeArgs) -> Result<Self, ConfigError> {
        if env::var_os(S3_BUCKET).is_some_and(|bucket| !bucket.is_empty()) {
            return Err(ConfigError::S3);
        }
        let users = env::var_os(USERS).map(|users| Users::from_bytes(users.as_bytes())).transpose()?;
        Self::with_users(args, users)
    }

    fn with_users(args: ServeArgs, users: Option<Users>) -> Result<Self, ConfigError> {
        let mut config = Self { users, ..args.unchecked };
        config.stash_dir = config.stash_dir.filter(|path| !path.as_os_str().is_empty());
        if config.data_dir.as_os_str().is_empty() {
            return Err(ConfigError::NoDataDir);
        }
        check_directory(DATA_DIR, &config.data_dir)?;
        check_directory(TEMP_DIR, &config.temp_dir)?;
        if let Some(dir) = &config.stash_dir {
            check_directory(STASH_DIR, dir)?;
        }
        config.refuse_well_known_passwords()?;
        Ok(config)
    }

    /// The address to listen on.
    #[must_use]
    pub fn host(&self) -> IpAddr {
        let default = if self.world_visible { Ipv4Addr::UNSPECIFIED } else { Ipv4Addr::LOCALHOST };
        self.address.unwrap_or(default.into())
    }

    /// What happens to samples that are sent again, and the time limit.
    #[must_use]
    pub fn training_options(&self) -> TrainingOptions {
        let repeated =
            if self.count_repeated_batches { RepeatedBatches::Count } else { RepeatedBatches::CountOnce };
        TrainingOptions { repeated, time: self.training_time }
    }

    /// Whether other machines can reach the server.
    #[must_use]
    pub fn is_exposed(&self) -> bool {
        !self.host().to_canonical().is_loopback()
    }

    fn refuse_well_known_passwords(&self) -> Result<(), ConfigError> {
        let mut weak = self.users.iter().filter(|_| self.is_exposed()).flat_map(Users::weak);
        match weak.find(|(_, weakness)| *weakness == Weakness::WellKnown) {
            Some((user, _)) => {
                Err(ConfigError::WellKnownPassword { user: user.to_owned(), host: self.host() })
            }
            None => Ok(()),
        }
    }
}

fn check_directory(variable: &'static str, path: &Path) -> Result<(), ConfigError> {
    let refuse = |problem: String| ConfigError::Directory { variable, path: path.to_owned(), problem };
    match fs::metadata(path) {
        Err(error) => return Err(refuse(format!("which cannot be opened ({error})"))),
        Ok(found) if !found.is_dir() => return Err(refuse("which is not a directory".to_owned())),
        Ok(_) => {}
    }
    // Permission bits do not show read-only mounts, quotas or ACLs; creating a file does.
    tempfile::tempfile_in(path).map_err(|error| refuse(format!("which cannot be written to ({error})")))?;
    Ok(())
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::USUAL_BUDGET;
    use clap::Parser;

    #[derive(Parser)]
    struct CommandLine {
        #[command(flatten)]
        serve: ServeArgs,
    }

    fn parsed(flags: &[&str]) -> Result<Config, ConfigError> {
        let command_line = CommandLine::try_parse_from([&["serve"], flags].concat()).expect("valid flags");
        Config::with_users(command_line.serve, None)
    }

    /// The settings with an existing data directory.
    fn valid(flags: &[&str]) -> Config {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().to_str().expect("UTF-8");
        parsed(&[&["--data-dir", path], flags].concat()).expect("the settings are valid")
    }

    #[rstest::rstest]
    #[case("/nowhere/at/all", "is set to /nowhere/at/all, which cannot be opened")]
    #[case("/dev/null", "is set to /dev/null, which is not a directory: set it to an existing directory")]
    #[case("", "is not set")]
    fn names_the_variable_of_an_invalid_data_directory(#[case] path: &str, #[case] problem: &str) {
        let error = parsed(&["--data-dir", path]).expect_err("it is invalid").to_string();
        assert!(error.starts_with(&format!("MOODLE_MLBACKEND_PYTHON_DIR {problem}")), "{error}");
    }

    #[test]
    fn the_defaults_are_those_of_the_reference() {
        let config = valid(&[]);
        assert_eq!((config.host().to_string(), config.port), ("127.0.0.1".to_owned(), 5000));
        assert_eq!(config.reported_version, "3.0.5");
        assert_eq!(config.uploads.dataset_bytes, 1 << 30);
        assert_eq!((config.evaluation_time, config.import), (USUAL_BUDGET, ImportLimits::USUAL));
        assert!(!config.debug_mode && config.jobs >= 1);
        let config = valid(&["--world-visible", "-p", "0"]);
        assert_eq!((config.host().to_string(), config.port), ("0.0.0.0".to_owned(), 0));
    }

    #[test]
    fn debug_output_shows_no_secret() {
        let users = Some("ann:topsecret".parse().expect("a user"));
        let shown = format!("{:?}", Config { users, ..valid(&[]) });
        assert!(shown.contains("ann") && !shown.contains("topsecret"), "{shown}");
    }
}
