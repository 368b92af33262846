//! Runs numbered iterations in parallel until the caller ends them early.
//!
//! Must not know what an iteration does, nor the time: the caller implements [`Progress`].

use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

/// The minimum number of iterations: fewer do not show how much the result varies.
const MIN_ITERATIONS: usize = 3;

/// Observes an [evaluation](super::evaluate) and can end it early. The methods are called from several threads.
///
/// ```
/// use std::time::{Duration, Instant};
/// use learner::learning::Progress;
///
/// /// Starts no iteration after the deadline.
/// struct Deadline(Instant);
///
/// impl Progress for Deadline {
///     fn should_stop(&self) -> bool {
///         Instant::now() >= self.0
///     }
/// }
///
/// assert!(!Deadline(Instant::now() + Duration::from_secs(60)).should_stop());
/// ```
pub trait Progress: Sync {
    /// Whether no further iteration starts. The first three always do.
    fn should_stop(&self) -> bool {
        false
    }

    /// Called once for each number of iterations that are done, not always in order.
    fn iteration_done(&self, done: usize, requested: usize) {
        let _ = (done, requested);
    }
}

/// Does all iterations.
impl Progress for () {}

/// Runs `requested` iterations, numbered from 0, and returns their results in order. They start in the order of their
/// numbers, so when `progress` stops early, the results are the first ones without a gap.
pub(super) fn run_iterations<T: Send>(
    requested: usize,
    progress: &dyn Progress,
    iteration: impl Fn(u64) -> T + Sync,
) -> Vec<T> {
    let (started, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let take_next = || {
        started
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |next| {
                (next < MIN_ITERATIONS || !progress.should_stop()).then_some(next + 1)
            })
            .ok()
    };
    let mut results: Vec<(usize, T)> = (0..requested)
        .into_par_iter()
        .with_max_len(1)
        // The next number in order, not the position in the range, which rayon splits.
        .filter_map(|_| {
            let number = take_next()?;
            let result = iteration(number as u64);
            progress.iteration_done(done.fetch_add(1, Ordering::SeqCst) + 1, requested);
            Some((number, result))
        })
        .collect();
    results.sort_by_key(|(number, _)| *number);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// Allows some iterations beyond the minimum, and records the calls.
    struct Recorder {
        allowed: AtomicUsize,
        completed: Mutex<Vec<usize>>,
    }

    impl Progress for Recorder {
        fn should_stop(&self) -> bool {
            self.allowed.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_err()
        }

        fn iteration_done(&self, done: usize, requested: usize) {
            assert_eq!(requested, 20);
            self.completed.lock().expect("no thread panicked").push(done);
        }
    }

    #[test]
    fn without_an_early_end_all_iterations_are_done_in_order() {
        assert_eq!(run_iterations(20, &(), |number| number), (0..20).collect::<Vec<_>>());
        assert!(run_iterations(0, &(), |number| number).is_empty());
    }

    #[test]
    fn an_early_end_keeps_the_first_iterations_without_a_gap() {
        let recorder = |allowed| Recorder { allowed: AtomicUsize::new(allowed), completed: Mutex::default() };
        assert_eq!(run_iterations(20, &recorder(0), |number| number), [0, 1, 2]);
        let recorder = recorder(4);
        let done = run_iterations(20, &recorder, |number| number);
        assert_eq!(done, (0..done.len() as u64).collect::<Vec<_>>());
        assert!((3..=7).contains(&done.len()), "{done:?}");
        let mut completed = recorder.completed.into_inner().expect("no thread panicked");
        completed.sort_unstable();
        assert_eq!(completed, (1..=done.len()).collect::<Vec<_>>());
    }

    #[test]
    fn fewer_iterations_than_the_minimum_can_be_requested() {
        assert_eq!(run_iterations(2, &(), |number| number), [0, 1]);
    }
}
