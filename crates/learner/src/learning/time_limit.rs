//! The time limit of a training: when to stop comparing candidates, and when to stop boosting.
//!
//! Must not know the time: the caller implements [`TrainingTime`]. Without a limit a training does not depend on time at
//! all.

use std::fmt::Debug;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Says how much of the time for a [training](super::train_within) has passed.
///
/// ```
/// use std::time::{Duration, Instant};
/// use learner::learning::TrainingTime;
///
/// /// Some time from a start on.
/// #[derive(Debug)]
/// struct Until(Instant, Duration);
///
/// impl TrainingTime for Until {
///     fn used(&self) -> f64 {
///         self.0.elapsed().as_secs_f64() / self.1.as_secs_f64()
///     }
/// }
///
/// assert!(Until(Instant::now(), Duration::from_secs(60)).used() < 1.0);
/// ```
pub trait TrainingTime: Sync + Debug {
    /// The share of the time that has passed: 0 at the start, 1 at the limit, more after it.
    fn used(&self) -> f64 {
        0.0
    }

    /// Called when a phase of the training begins, so that a caller with a clock can measure it.
    fn begins(&self, phase: TrainingPhase) {
        let _ = phase;
    }

    /// Called when one of the parts of a phase is done, from several threads and not always in order. Parts take different
    /// times.
    fn advanced(&self, phase: TrainingPhase, done: usize, total: usize) {
        let _ = (phase, done, total);
    }
}

/// The phases of a training.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrainingPhase {
    /// Candidates are compared by cross-validation, and an ensemble is selected.
    Select,
    /// The selected ones are fitted on all samples.
    Fit,
}

/// No limit.
impl TrainingTime for () {}

/// The share of the time after which candidates are compared no longer: the model has to be fitted, too.
const FOR_COMPARISON: f64 = 0.5;

/// The limit of one phase of a training, and how many of its parts are done.
#[derive(Debug)]
pub(super) struct TimeLimit<'a> {
    time: &'a dyn TrainingTime,
    phase: TrainingPhase,
    share: f64,
    has_ended_something: AtomicBool,
    total: AtomicUsize,
    done: AtomicUsize,
}

impl<'a> TimeLimit<'a> {
    pub fn of_comparison(time: &'a dyn TrainingTime) -> Self {
        Self::of(time, TrainingPhase::Select, FOR_COMPARISON)
    }

    pub fn of_fit(time: &'a dyn TrainingTime) -> Self {
        Self::of(time, TrainingPhase::Fit, 1.0)
    }

    fn of(time: &'a dyn TrainingTime, phase: TrainingPhase, share: f64) -> Self {
        let (total, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Self { time, phase, share, has_ended_something: AtomicBool::new(false), total, done }
    }

    /// The phase has this many parts.
    pub fn has_parts(&self, parts: usize) {
        self.total.store(parts, Ordering::Relaxed);
    }

    /// One more part is done.
    pub fn part_done(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        self.time.advanced(self.phase, done, self.total.load(Ordering::Relaxed));
    }

    /// Whether the time of this phase has passed. Only callers that have more to do may ask.
    pub fn is_over(&self) -> bool {
        let is_over = self.time.used() >= self.share;
        if is_over {
            self.has_ended_something.store(true, Ordering::Relaxed);
        }
        is_over
    }

    /// Whether something was ended early.
    pub fn has_ended_something(&self) -> bool {
        self.has_ended_something.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::dataset::{Class, Features, Labelled};
    use crate::learning::{train, train_within};

    #[derive(Debug)]
    struct Used(f64);

    impl TrainingTime for Used {
        fn used(&self) -> f64 {
            self.0
        }
    }

    /// 600 samples of two features; the class is the sign of their product.
    fn samples() -> Labelled {
        let value = |row: u16, factor: u16| f32::from(row * factor % 101) / 50.0 - 1.0;
        let columns = [7, 29].map(|factor| (0..600).map(|row| value(row, factor)).collect::<Vec<f32>>());
        let targets = (0..600).map(|row| u32::from(columns[0][row] * columns[1][row] > 0.0)).collect();
        let classes = [0.0, 1.0].into_iter().filter_map(Class::new).collect();
        Labelled::new(Features::of_columns(vec!["a".into(), "b".into()], &columns), targets, classes)
    }

    #[test]
    fn a_training_beyond_its_time_ends_with_a_small_model_that_says_so() {
        let samples = samples();
        let late = train_within(&samples, &Used(2.0)).expect("both classes have samples");
        let full = train(&samples).expect("both classes have samples");
        let says = |model: &crate::learning::TrainedModel| {
            model.decisions.iter().filter(|sentence| sentence.contains("time limit")).count()
        };
        assert_eq!((says(&late), says(&full)), (1, 0), "{:?}", late.decisions);
        let rows: Vec<u32> = (0..600).collect();
        let probabilities = late.probabilities(samples.features(), &rows);
        assert!(probabilities.iter().all(|probability| probability.is_finite()));
    }

    /// The reports of parts.
    #[derive(Debug, Default)]
    struct Parts(Mutex<Vec<(TrainingPhase, usize, usize)>>);

    impl TrainingTime for Parts {
        fn advanced(&self, phase: TrainingPhase, done: usize, total: usize) {
            self.0.lock().expect("no thread panicked").push((phase, done, total));
        }
    }

    #[test]
    fn a_training_reports_all_parts_of_both_phases_and_gives_the_same_model() {
        let (samples, parts) = (samples(), Parts::default());
        assert_eq!(train_within(&samples, &parts), train(&samples));
        let reports = parts.0.into_inner().expect("no thread panicked");
        for phase in [TrainingPhase::Select, TrainingPhase::Fit] {
            let of_phase: Vec<_> = reports.iter().filter(|report| report.0 == phase).collect();
            let mut done: Vec<usize> = of_phase.iter().map(|report| report.1).collect();
            done.sort_unstable();
            assert_eq!(done, (1..=of_phase.len()).collect::<Vec<_>>());
            assert!(!done.is_empty() && of_phase.iter().all(|report| report.2 == done.len()), "{reports:?}");
        }
    }

    #[test]
    fn a_training_within_its_time_does_not_depend_on_it() {
        let samples = samples();
        assert_eq!(train_within(&samples, &Used(0.49)), train(&samples));
    }
}
