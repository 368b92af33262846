//! How long an evaluation may take, and who hears how far it is. The clock that
//! `learning` does not know.

use std::time::{Duration, Instant};

use crate::learning::Progress;

/// Lets an evaluation begin iterations until its time is up, and tells how many are done.
pub struct TimeBudget<F> {
    began: Instant,
    time: Duration,
    tell: F,
}

/// The default time limit of an evaluation: much less than the hour that a proxy should
/// wait for an answer (Moodle itself waits without limit), so that some evaluations may queue.
pub const USUAL_BUDGET: Duration = Duration::from_mins(10);

impl<F: Fn(usize, usize) + Sync> TimeBudget<F> {
    /// The time starts now. `tell` gets how many iterations are done, and how many were asked for, from
    /// several threads.
    pub fn new(time: Duration, tell: F) -> Self {
        Self { began: Instant::now(), time, tell }
    }
}

impl<F: Fn(usize, usize) + Sync> Progress for TimeBudget<F> {
    fn goes_on(&self) -> bool {
        self.began.elapsed() < self.time
    }

    fn advanced(&self, done: usize, asked: usize) {
        (self.tell)(done, asked);
    }
}
