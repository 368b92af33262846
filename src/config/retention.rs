//! How much of the past the operator wants kept: the same flags for `serve` and `prune`.

use clap::Args;

use super::at_least_one;
use crate::store::Retention;

const USUAL: Retention = Retention::USUAL;

/// The flags about the past.
#[derive(Debug, Clone, Copy, Args)]
#[allow(clippy::struct_field_names, reason = "they are the names of the flags")]
pub struct RetentionArgs {
    /// Newest evaluation reports to keep of each model; 0 keeps all, and none goes on its first day for this
    #[arg(long, env = "MOODLE_MLBACKEND_KEEP_RUNS", value_name = "N", default_value_t = USUAL.runs)]
    keep_runs: usize,
    /// Days after which an evaluation's report is removed; 0 is never
    #[arg(long, env = "MOODLE_MLBACKEND_KEEP_RUN_DAYS", value_name = "DAYS", default_value_t = USUAL.run_days)]
    keep_run_days: u32,
    /// Generations of a model to keep, the current one among them; those before it stand in when it gets damaged
    #[arg(long, env = "MOODLE_MLBACKEND_KEEP_GENERATIONS", value_name = "N", default_value_t = USUAL.generations, value_parser = at_least_one)]
    keep_generations: usize,
}

impl From<RetentionArgs> for Retention {
    fn from(args: RetentionArgs) -> Self {
        Self { runs: args.keep_runs, run_days: args.keep_run_days, generations: args.keep_generations }
    }
}
