//! The time limits of trainings and evaluations, and the progress reports of these, because `learning` must not use a clock.

use std::time::{Duration, Instant};

use crate::learning::{Progress, TrainingTime};

/// Allows an evaluation to start iterations until a time limit, and reports how many are done.
pub struct TimeBudget<F> {
    started: Instant,
    limit: Duration,
    report: F,
}

/// The default time limit of an evaluation: much less than the hour that a proxy should wait for a response (Moodle itself
/// waits without limit), so that some evaluations can queue.
pub const USUAL_BUDGET: Duration = Duration::from_mins(10);

/// The default time limit of a training: a proxy should wait for a response as long.
pub const USUAL_TRAINING_TIME: Duration = Duration::from_mins(30);

impl<F: Fn(usize, usize) + Sync> TimeBudget<F> {
    /// The time starts now. `report` is called from several threads with the numbers of finished and of requested
    /// iterations.
    pub fn new(limit: Duration, report: F) -> Self {
        Self { started: Instant::now(), limit, report }
    }
}

impl<F: Fn(usize, usize) + Sync> Progress for TimeBudget<F> {
    fn should_stop(&self) -> bool {
        self.started.elapsed() >= self.limit
    }

    fn iteration_done(&self, done: usize, requested: usize) {
        (self.report)(done, requested);
    }
}

/// The time limit of a training from its start on.
#[derive(Debug)]
pub(super) struct TrainingClock {
    started: Instant,
    limit: Duration,
}

impl TrainingClock {
    /// The time starts now.
    pub(super) fn start(limit: Duration) -> Self {
        Self { started: Instant::now(), limit }
    }
}

impl TrainingTime for TrainingClock {
    fn used(&self) -> f64 {
        let used = self.started.elapsed().as_secs_f64() / self.limit.as_secs_f64();
        // Without any time, 0/0 at once.
        if used.is_nan() { f64::INFINITY } else { used }
    }
}
