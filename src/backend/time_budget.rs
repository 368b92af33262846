//! The time limit and the progress reports of an evaluation: `learning` itself knows no clock.

use std::time::{Duration, Instant};

use crate::learning::Progress;

/// Lets an evaluation start iterations until its time is up, and reports how many are done.
pub struct TimeBudget<F> {
    began: Instant,
    time: Duration,
    report: F,
}

/// The default time limit of an evaluation: much less than the hour that a proxy should
/// wait for an answer (Moodle itself waits without limit), so that some evaluations may queue.
pub const USUAL_BUDGET: Duration = Duration::from_mins(10);

impl<F: Fn(usize, usize) + Sync> TimeBudget<F> {
    /// The time starts now. `report` is called from several threads with the number of iterations that are done and that
    /// were requested.
    pub fn new(time: Duration, report: F) -> Self {
        Self { began: Instant::now(), time, report }
    }
}

impl<F: Fn(usize, usize) + Sync> Progress for TimeBudget<F> {
    fn should_stop(&self) -> bool {
        self.began.elapsed() >= self.time
    }

    fn iteration_done(&self, done: usize, requested: usize) {
        (self.report)(done, requested);
    }
}
