//! Runs numbered iterations in parallel until a caller ends them early.
//!
//! Must not know what an iteration does, nor the time: the caller implements [`Progress`].

use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

/// This many iterations are always done: fewer do not show how much the result varies.
const MIN_ITERATIONS: usize = 3;

/// Observes an [`evaluate`](super::evaluate), and can end it early. The methods are called from several threads.
///
/// ```
/// use std::time::{Duration, Instant};
/// use learner::learning::Progress;
///
/// /// Starts no iteration after the deadline.
/// struct Deadline(Instant);
///
/// impl Progress for Deadline {
///     fn goes_on(&self) -> bool {
///         Instant::now() < self.0
///     }
/// }
///
/// assert!(Deadline(Instant::now() + Duration::from_secs(60)).goes_on());
/// ```
pub trait Progress: Sync {
    /// Whether another iteration may start. The first three start in any case.
    fn goes_on(&self) -> bool {
        true
    }

    /// `done` of the `asked` iterations are done. Called once for each number, not always in order.
    fn advanced(&self, done: usize, asked: usize) {
        let _ = (done, asked);
    }
}

/// Does all iterations.
impl Progress for () {}

/// Does `times` iterations, numbered from 0, and returns their results in order. They start in the order of their
/// numbers, so when `progress` ends it early, the results are the first ones without a gap.
pub(super) fn in_turn<T: Send>(
    times: usize,
    progress: &dyn Progress,
    iteration: impl Fn(u64) -> T + Sync,
) -> Vec<T> {
    let (begun, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let take_next = || {
        begun
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |next| {
                (next < MIN_ITERATIONS || progress.goes_on()).then_some(next + 1)
            })
            .ok()
    };
    let mut results: Vec<(usize, T)> = (0..times)
        .into_par_iter()
        .with_max_len(1)
        // The next number in order, not the position in the range, which rayon splits.
        .filter_map(|_| {
            let number = take_next()?;
            let result = iteration(number as u64);
            progress.advanced(done.fetch_add(1, Ordering::SeqCst) + 1, times);
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

    /// Allows some iterations beyond those that are always done, and records the calls.
    struct Watch {
        allowed: AtomicUsize,
        completed: Mutex<Vec<usize>>,
    }

    impl Watch {
        fn allowing(allowed: usize) -> Self {
            Self { allowed: AtomicUsize::new(allowed), completed: Mutex::default() }
        }
    }

    impl Progress for Watch {
        fn goes_on(&self) -> bool {
            self.allowed.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok()
        }

        fn advanced(&self, done: usize, asked: usize) {
            assert_eq!(asked, 20);
            self.completed.lock().expect("no thread panicked").push(done);
        }
    }

    #[test]
    fn without_an_early_end_all_iterations_are_done_in_order() {
        assert_eq!(in_turn(20, &(), |number| number), (0..20).collect::<Vec<_>>());
        assert!(in_turn(0, &(), |number| number).is_empty());
    }

    #[test]
    fn an_early_end_keeps_the_first_iterations_without_a_gap() {
        let watch = Watch::allowing(0);
        assert_eq!(in_turn(20, &watch, |number| number), [0, 1, 2]);
        let watch = Watch::allowing(4);
        let done = in_turn(20, &watch, |number| number);
        assert_eq!(done, (0..done.len() as u64).collect::<Vec<_>>());
        assert!((3..=7).contains(&done.len()), "{done:?}");
        let mut completed = watch.completed.into_inner().expect("no thread panicked");
        completed.sort_unstable();
        assert_eq!(completed, (1..=done.len()).collect::<Vec<_>>());
    }

    #[test]
    fn fewer_iterations_than_the_minimum_can_be_requested() {
        assert_eq!(in_turn(2, &(), |number| number), [0, 1]);
    }
}
