//! Settings about retention, shared by `serve` and `prune`.
//!
//! Must not know what is removed: the store does.

use clap::Args;

use super::parsers::{at_least_one, whole};
use crate::store::Retention;

/// Settings about retention.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Retention")]
pub struct RetentionArgs {
    /// Maximum number of evaluation reports per model. The oldest are removed first, but none on its first day; 0 means
    /// no limit
    #[arg(long = "keep-runs", env = "MOODLE_MLBACKEND_KEEP_RUNS", value_name = "N", default_value_t = Retention::USUAL.runs, value_parser = whole::<usize>)]
    runs: usize,
    /// Days after which an evaluation report is removed; 0 means never
    #[arg(long = "keep-run-days", env = "MOODLE_MLBACKEND_KEEP_RUN_DAYS", value_name = "DAYS", default_value_t = Retention::USUAL.run_days, value_parser = whole::<u32>)]
    run_days: u32,
    /// Generations (published versions) of a model to keep, including the current one. If the current one is damaged,
    /// the server uses the one before
    #[arg(long = "keep-generations", env = "MOODLE_MLBACKEND_KEEP_GENERATIONS", value_name = "N", default_value_t = Retention::USUAL.generations, value_parser = at_least_one)]
    generations: usize,
    /// Days after which a stored sample is forgotten: the next training of its model leaves out the samples of older
    /// batches, and earlier generations lose theirs; 0 means never
    #[arg(long = "keep-sample-days", env = "MOODLE_MLBACKEND_KEEP_SAMPLE_DAYS", value_name = "DAYS", default_value_t = Retention::USUAL.sample_days, value_parser = whole::<u32>)]
    sample_days: u32,
    /// Days after which the lines of the audit trail are removed; 0 means never
    #[arg(long = "keep-audit-days", env = "MOODLE_MLBACKEND_KEEP_AUDIT_DAYS", value_name = "DAYS", default_value_t = 180, value_parser = whole::<u32>)]
    audit_days: u32,
}

impl RetentionArgs {
    /// Days after which the lines of the audit trail are removed; 0 means never.
    #[must_use]
    pub fn audit_days(self) -> u32 {
        self.audit_days
    }
}

impl From<RetentionArgs> for Retention {
    fn from(RetentionArgs { runs, run_days, generations, sample_days, .. }: RetentionArgs) -> Self {
        Self { runs, run_days, generations, sample_days }
    }
}
