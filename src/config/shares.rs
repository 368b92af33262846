//! Settings about the shares of one user.
//!
//! Must not know what enforces them.

use std::time::Duration;

use clap::Args;

use super::parsers::{DAY, at_least_one, bytes_or_none, seconds, whole};

/// The variable of the disk quota.
pub const MAX_DISK_PER_USER: &str = "MOODLE_MLBACKEND_MAX_DISK_PER_USER";
/// The variable of the number of kept jobs.
pub const KEEP_JOBS: &str = "MOODLE_MLBACKEND_KEEP_JOBS";
/// The variable of the time for which jobs are kept.
pub const KEEP_JOB_SECONDS: &str = "MOODLE_MLBACKEND_KEEP_JOB_SECONDS";

/// The shares of one user.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Shares of a user")]
pub struct Shares {
    /// Maximum number of concurrent trainings and evaluations of a user; further ones wait. 0 means no limit but that of all users.
    /// Without a limit, too, users with waiting jobs take turns
    #[arg(long, env = "MOODLE_MLBACKEND_JOBS_PER_USER", value_name = "N", default_value_t = 0, value_parser = whole::<usize>)]
    jobs_per_user: usize,
    /// Maximum size of the files of a user: its models, evaluations and asynchronous jobs. A training, evaluation or import that
    /// could exceed it is refused with 507; 0 means no limit
    #[arg(long, env = MAX_DISK_PER_USER, value_name = "BYTES", default_value = "0", value_parser = bytes_or_none)]
    max_disk_per_user: u64,
    /// Maximum number of asynchronous jobs of a user that are stored. The oldest that have ended are removed first
    #[arg(long, env = KEEP_JOBS, value_name = "N", default_value_t = 100, value_parser = at_least_one)]
    pub keep_jobs: usize,
    /// Seconds for which the result of an asynchronous job is kept
    #[arg(long = "keep-job-seconds", env = KEEP_JOB_SECONDS, value_name = "SECONDS", default_value = "86400", value_parser = seconds(1..=30 * DAY))]
    pub keep_job_time: Duration,
}

impl Shares {
    /// How many of `jobs` concurrent jobs may be of one user.
    #[must_use]
    pub fn jobs_of(self, jobs: usize) -> usize {
        if self.jobs_per_user == 0 { jobs } else { self.jobs_per_user.min(jobs) }
    }

    /// How many jobs of one user may run at once on all workers together, if there is a limit.
    #[must_use]
    pub fn jobs_on_workers(self) -> Option<usize> {
        Some(self.jobs_per_user).filter(|jobs| *jobs > 0)
    }

    /// The maximum size of the files of a user, if there is one.
    #[must_use]
    pub fn disk(self) -> Option<u64> {
        Some(self.max_disk_per_user).filter(|bytes| *bytes > 0)
    }
}
