//! The settings of `serve`: read once at startup into one typed value.
//!
//! Owns every flag and environment variable of `serve`. A setting is one field: its doc comment is the text of
//! `--help` and of docs/settings.md. Must not know http, nor how other modules use the values.

mod access;
mod bucket;
mod check;
mod clap_errors;
mod connections;
mod dashboard;
mod definition;
mod error;
mod layers;
mod limits;
mod listen;
mod live;
mod monitoring;
mod origin;
mod parsers;
mod queue;
mod reload;
mod removed;
mod retention;
mod secrets;
mod setting;
mod settings;
#[cfg(test)]
mod settings_page;
mod shares;
mod tls;
mod toml_file;
mod user_names;
mod variables;

pub use access::Access;
pub use clap_errors::explain;
pub use connections::{BodyRate, Connections};
pub use dashboard::{Dashboard, PublicUrl};
pub use error::ConfigError;
pub use limits::{DatasetLimits, KeepAlive, UploadLimits};
pub use listen::{Endpoint, Endpoints, Listen, UrlPrefix, exposed};
pub use live::Live;
pub use monitoring::{Dsn, Monitoring};
pub use origin::Origin;
pub use queue::Workers;
pub use reload::{Changes, Reloader};
pub use removed::warn_about_removed_variables;
pub use retention::RetentionArgs;
pub use setting::Setting;
pub use settings::{CommandLine, Settings, without_empty_variables};
pub use shares::{KEEP_JOB_SECONDS, KEEP_JOBS, MAX_DISK_PER_USER, Shares};
pub use tls::{TlsArgs, TlsFiles};
pub use user_names::UserNames;
pub use variables::{
    ADMINS, EVALUATION_INFO, ISOLATE_USERS, LOGIN_FAILURES, METRICS_USER, PUBLIC_URL, REDIS_URL, TEMP_DIR,
    TLS_CERT, TLS_KEY, TRUSTED_PROXIES, USERS, VIEWERS, unicode_variables,
};

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use clap::Args;

use crate::auth::Users;
use crate::store::BucketUrl;
use crate::telemetry::LogFormat;
use bucket::BucketArgs;
use live::Current;
use parsers::{
    DAY, DEFAULT_PORT, at_least_one, bytes, bytes_or_none, host, path, path_or_system_temp, port, seconds,
    switch, whole,
};
use variables::{CONFIG, DATA_DIR, STASH_DIR};

/// The file of settings.
#[derive(Debug, Args)]
pub struct ConfigFile {
    /// TOML file with settings, whose keys are the flags without dashes; an empty name means none [default:
    /// /etc/moodle-mlbackend/config.toml]
    #[arg(long, env = CONFIG, value_name = "FILE", value_parser = path())]
    config: Option<PathBuf>,
}

/// The settings as they were given: [`Config::new`] checks them.
#[derive(Debug, Args)]
pub struct ServeArgs {
    #[command(flatten)]
    file: ConfigFile,
    #[command(flatten)]
    unchecked: Config,
}

/// The settings, checked.
#[derive(Debug, Args)]
pub struct Config {
    #[command(flatten)]
    bucket: BucketArgs,
    /// Directory of the models; it must exist and be writable. Not needed with a bucket
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
    /// Format of log lines: text, json with one object per line, or journald for entries with fields in systemd's journal
    #[arg(long, env = "MOODLE_MLBACKEND_LOG_FORMAT", value_name = "FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
    /// Maximum number of concurrent trainings and evaluations [default: the number of cores]
    #[arg(long, env = "MOODLE_MLBACKEND_JOBS", value_name = "N", default_value_t = cores(), hide_default_value = true, value_parser = at_least_one)]
    pub jobs: usize,
    /// Evaluations of a user that may wait in the queue; when there are more, the server responds with 503 and a Retry-After header
    #[arg(long, env = "MOODLE_MLBACKEND_QUEUE_LENGTH", value_name = "N", default_value_t = 32, value_parser = whole::<usize>)]
    pub queue_length: usize,
    /// Maximum size of the uploads of all trainings that run or wait in the queue; the server responds to further ones
    /// with 503 and a Retry-After header, but one training of each user is always accepted
    #[arg(long, env = "MOODLE_MLBACKEND_QUEUE_BYTES", value_name = "BYTES", default_value = "4GiB", value_parser = bytes)]
    pub queue_bytes: u64,
    /// Seconds that a request may wait in the queue before the server responds with 503 and a Retry-After header
    #[arg(long = "queue-seconds", env = "MOODLE_MLBACKEND_QUEUE_SECONDS", value_name = "SECONDS", default_value = "3600", value_parser = seconds(1..=30 * DAY))]
    pub queue_time: Duration,
    /// Seconds that running jobs may continue after SIGTERM; unfinished jobs are then discarded without a change to
    /// any model
    #[arg(long = "stop-seconds", env = "MOODLE_MLBACKEND_STOP_SECONDS", value_name = "SECONDS", default_value = "30", value_parser = seconds(0..=DAY))]
    pub stop_time: Duration,
    /// Memory for models that are kept loaded between predictions; 0 keeps none
    #[arg(long, env = "MOODLE_MLBACKEND_MODEL_CACHE", value_name = "BYTES", default_value = "64MiB", value_parser = bytes_or_none)]
    pub model_cache: u64,
    /// The shares of one user.
    #[command(flatten)]
    pub shares: Shares,
    /// Settings about listening.
    #[command(flatten)]
    pub listen: Listen,
    /// Settings about TLS.
    #[command(flatten)]
    pub tls: TlsArgs,
    #[command(flatten)]
    live: Current,
    /// Settings about clients.
    #[command(flatten)]
    pub access: Access,
    /// Settings about connections.
    #[command(flatten)]
    pub connections: Connections,
    /// How long the server is silent while it works.
    #[command(flatten)]
    pub keepalive: KeepAlive,
    /// Settings about retention.
    #[command(flatten)]
    pub retention: RetentionArgs,
    /// Settings about monitoring.
    #[command(flatten)]
    pub monitoring: Monitoring,
    /// Settings about the workers.
    #[command(flatten)]
    pub workers: Workers,
    /// Settings about the dashboard.
    #[command(flatten)]
    pub dashboard: Dashboard,
}

impl Config {
    /// The bucket of the models, if they are in one, and the variable that names it.
    #[must_use]
    pub fn bucket(&self) -> Option<(&BucketUrl, &'static str)> {
        self.bucket.named()
    }

    /// The settings that SIGHUP changes, as they are now.
    #[must_use]
    pub fn live(&self) -> Arc<Live> {
        self.live.get()
    }

    fn set_live(&self, live: Arc<Live>) {
        self.live.set(live);
    }

    fn set_users(&self, users: Option<Users>) {
        self.set_live(Arc::new(self.live().with_users(users)));
    }

    /// The sockets to listen on, unless systemd passes some.
    #[must_use]
    pub fn endpoints(&self) -> Vec<Endpoint> {
        match &self.listen.endpoints.0[..] {
            [] => vec![listen::usual(self.address, self.world_visible, self.port)],
            endpoints => endpoints.to_vec(),
        }
    }

    /// An address of the settings at which other machines can reach the server.
    #[must_use]
    pub fn exposed_address(&self) -> Option<IpAddr> {
        self.endpoints().iter().find_map(Endpoint::exposed)
    }
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}
