//! The time limits of trainings and evaluations, and the progress reports of these, because `learning` must not use a clock.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::Span;

use crate::jobs::{Phase, Reporter};
use crate::learning::{Progress, TrainingPhase, TrainingTime};
use crate::telemetry::request_id::CurrentRequest;

/// Allows an evaluation to start iterations until a time limit, and reports how many are done.
pub struct TimeBudget<F> {
    started: Instant,
    limit: Duration,
    reporter: Reporter,
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
        Self::cancellable(limit, Reporter::default(), report)
    }

    /// The same for work that can be cancelled: it then starts no iteration either.
    pub(crate) fn cancellable(limit: Duration, reporter: Reporter, report: F) -> Self {
        Self { started: Instant::now(), limit, reporter, report }
    }
}

impl<F: Fn(usize, usize) + Sync> Progress for TimeBudget<F> {
    fn should_stop(&self) -> bool {
        self.reporter.is_cancelled() || self.started.elapsed() >= self.limit
    }

    fn iteration_done(&self, done: usize, requested: usize) {
        (self.report)(done, requested);
    }
}

/// The time between two log lines of a long training.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(30);

/// The time limit of a training from its start on. Opens a span for each phase, and logs that a long training continues.
#[derive(Debug)]
pub(super) struct TrainingClock {
    started: Instant,
    limit: Duration,
    interval: Duration,
    /// The request and the span of the operation, which the threads of the training are not in.
    request: CurrentRequest,
    operation: Span,
    phase: Mutex<Option<(&'static str, Span)>>,
    /// Progress lines so far.
    lines: AtomicU32,
    reporter: Reporter,
}

impl TrainingClock {
    /// The time starts now, in the current span.
    pub(super) fn start(limit: Duration, reporter: Reporter) -> Self {
        Self {
            started: Instant::now(),
            limit,
            interval: PROGRESS_INTERVAL,
            request: CurrentRequest::get(),
            operation: Span::current(),
            phase: Mutex::new(None),
            lines: AtomicU32::new(0),
            reporter,
        }
    }

    /// Logs a line if an interval has passed since the last one.
    fn log_progress(&self, elapsed: Duration) {
        let lines = self.lines.load(Ordering::Relaxed);
        if elapsed < self.interval.saturating_mul(lines + 1) {
            return;
        }
        let due = u32::try_from(elapsed.as_nanos() / self.interval.as_nanos().max(1)).unwrap_or(u32::MAX - 1);
        // Only one of several threads logs it.
        if self.lines.compare_exchange(lines, due, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            let phase =
                self.phase.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|phase| phase.0);
            let (seconds, limit) = (elapsed.as_secs(), self.limit.as_secs());
            let log = || tracing::info!(phase, seconds, limit, "training: still running");
            self.request.in_scope(|| self.operation.in_scope(log));
        }
    }
}

impl TrainingTime for TrainingClock {
    fn used(&self) -> f64 {
        // The training ends as if its time was up, and is then discarded.
        if self.reporter.is_cancelled() {
            return f64::INFINITY;
        }
        let elapsed = self.started.elapsed();
        self.log_progress(elapsed);
        let used = elapsed.as_secs_f64() / self.limit.as_secs_f64();
        // Without any time, 0/0 at once.
        if used.is_nan() { f64::INFINITY } else { used }
    }

    fn begins(&self, phase: TrainingPhase) {
        let parent = &self.operation;
        self.reporter.enters(phase_of(phase));
        let phase = match phase {
            TrainingPhase::Select => ("select", tracing::info_span!(parent: parent, "select")),
            TrainingPhase::Fit => ("fit", tracing::info_span!(parent: parent, "fit")),
        };
        // Ends the span of the phase before.
        *self.phase.lock().unwrap_or_else(PoisonError::into_inner) = Some(phase);
    }

    fn advanced(&self, phase: TrainingPhase, done: usize, total: usize) {
        self.reporter.advances(phase_of(phase), done, total);
    }
}

fn phase_of(phase: TrainingPhase) -> Phase {
    match phase {
        TrainingPhase::Select => Phase::Comparing,
        TrainingPhase::Fit => Phase::Fitting,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_training_logs_one_line_per_interval() {
        let clock = TrainingClock::start(Duration::from_mins(30), Reporter::default());
        let lines_after = |seconds| {
            clock.log_progress(Duration::from_secs(seconds));
            clock.lines.load(Ordering::Relaxed)
        };
        assert_eq!([29, 30, 31, 59].map(lines_after), [0, 1, 1, 1]);
        // Where nothing asked for the time in between, there is one line for several intervals.
        assert_eq!([125, 149, 150].map(lines_after), [4, 4, 5]);
    }
}
