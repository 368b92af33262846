//! The retention settings, and which evaluation runs exceed them.
//!
//! Must not know where runs are stored.

use super::key::RunId;

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// How many evaluation runs and generations are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Evaluation runs of one model; 0 keeps all. Runs of the last day are always kept, because Moodle downloads the
    /// report after the evaluation.
    pub runs: usize,
    /// Days to keep evaluation runs; 0 keeps them for ever.
    pub run_days: u32,
    /// Generations of a model including the current one; at least 1.
    pub generations: usize,
    /// Days to keep samples; 0 keeps them for ever. The current generation keeps its samples until the next training.
    pub sample_days: u32,
}

impl Retention {
    /// The default: a hundred runs of the last year, one previous generation, and all samples.
    pub const USUAL: Self = Self { runs: 100, run_days: 365, generations: 2, sample_days: 0 };

    /// Removes nothing: for commands beside a server, which does not tell them its settings.
    pub const ALL: Self = Self { runs: 0, run_days: 0, generations: u32::MAX as usize, sample_days: 0 };

    /// The runs that are no longer kept, oldest first, with the reason. Takes all runs with their times, in milliseconds
    /// since 1970.
    pub(super) fn outdated_runs(
        self,
        mut runs: Vec<(u64, RunId)>,
        now: u64,
    ) -> impl Iterator<Item = (RunId, &'static str)> {
        runs.sort_unstable();
        let max_count = if self.runs == 0 { usize::MAX } else { self.runs };
        let max_age = if self.run_days == 0 { u64::MAX } else { u64::from(self.run_days) * DAY_MS };
        let excess = runs.len().saturating_sub(max_count);
        runs.into_iter().enumerate().filter_map(move |(index, (time, run))| {
            let age = now.saturating_sub(time);
            if age > max_age {
                Some((run, "older than runs are kept"))
            } else {
                (index < excess && age > DAY_MS).then_some((run, "more runs than are kept"))
            }
        })
    }
}
