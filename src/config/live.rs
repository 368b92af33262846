//! The settings that SIGHUP changes while the server runs: users and limits of requests.
//!
//! Owns these settings and their current values. A setting outside of this file needs a restart. Must not know where
//! values come from.

use std::str::FromStr as _;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use clap::{ArgMatches, Args, Command, Error, FromArgMatches};

use super::limits::{DatasetLimits, UploadLimits, unpacked_bytes};
use super::parsers::{DAY, at_least_one, seconds, switch, version};
use super::user_names::UserNames;
use super::variables::{ADMINS, EVALUATION_INFO, VIEWERS};
use crate::auth::Users;
use crate::backend::{EvaluationInfo, ImportLimits, RepeatedBatches, TrainingOptions};

/// The settings that SIGHUP changes.
#[derive(Debug, Clone, Args)]
pub struct Live {
    /// The users of the server; `None` when there are none.
    #[arg(skip)]
    pub users: Option<Arc<Users>>,
    /// Users that can see and change the models of all users, separated by commas
    #[arg(long, env = ADMINS, value_name = "USERS", default_value = "", hide_default_value = true, help_heading = "Access")]
    pub admins: UserNames,
    /// Users that can only look at the list of models, of all users, and cannot train, predict or export, separated by commas
    #[arg(long, env = VIEWERS, value_name = "USERS", default_value = "", hide_default_value = true, help_heading = "Access")]
    pub viewers: UserNames,
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
    /// Version reported to Moodle, which requires at least 3.0.5 and less than 4
    #[arg(long, env = "MOODLE_MLBACKEND_REPORTED_VERSION", value_name = "VERSION", default_value = "3.0.5", value_parser = version)]
    pub reported_version: String,
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
}

impl Live {
    pub(super) fn with_users(&self, users: Option<Users>) -> Self {
        Self { users: users.map(Arc::new), ..self.clone() }
    }

    /// What happens to samples that are sent again, and the time limit.
    #[must_use]
    pub fn training_options(&self) -> TrainingOptions {
        let repeated =
            if self.count_repeated_batches { RepeatedBatches::Count } else { RepeatedBatches::CountOnce };
        TrainingOptions { repeated, time: self.training_time }
    }
}

/// The current values, which all requests share.
#[derive(Debug)]
pub(super) struct Current(RwLock<Arc<Live>>);

impl Current {
    pub(super) fn get(&self) -> Arc<Live> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set(&self, live: Arc<Live>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = live;
    }
}

impl FromArgMatches for Current {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        Live::from_arg_matches(matches).map(|live| Self(RwLock::new(Arc::new(live))))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for Current {
    fn augment_args(command: Command) -> Command {
        Live::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Live::augment_args_for_update(command)
    }
}
