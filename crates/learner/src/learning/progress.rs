//! Repeats something in parallel, in the order of its numbers, as long as it may go on.
//!
//! Must not know what is repeated, nor what time it is: whoever watches knows that.

use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

/// So many iterations are always done: fewer would say nothing about how much the result varies.
const FEWEST: usize = 3;

/// Watches an evaluation, from whichever thread has just done something.
pub trait Progress: Sync {
    /// Whether another iteration may begin; not asked before the first three, which always do.
    fn goes_on(&self) -> bool {
        true
    }

    /// `done` of the `asked` iterations are done; called once for each number, not always in order.
    fn advanced(&self, done: usize, asked: usize) {
        let _ = (done, asked);
    }
}

/// Watches nothing: all iterations are done.
impl Progress for () {}

/// Does `times` iterations, numbered from 0, and gives their results in order. They begin in the order
/// of their numbers, so when `progress` ends it early, those done are the first ones without a gap.
pub(super) fn in_turn<T: Send>(
    times: usize,
    progress: &dyn Progress,
    iteration: impl Fn(u64) -> T + Sync,
) -> Vec<T> {
    let (begun, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let take_next = || {
        begun
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |next| {
                (next < FEWEST || progress.goes_on()).then_some(next + 1)
            })
            .ok()
    };
    let mut results: Vec<(usize, T)> = (0..times)
        .into_par_iter()
        .with_max_len(1)
        // Whichever place in the range this is, what begins now is the next number.
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

    /// Allows some iterations beyond those that are always done, and notes what it is told.
    struct Watch {
        allowed: AtomicUsize,
        told: Mutex<Vec<usize>>,
    }

    impl Watch {
        fn allowing(allowed: usize) -> Self {
            Self { allowed: AtomicUsize::new(allowed), told: Mutex::default() }
        }
    }

    impl Progress for Watch {
        fn goes_on(&self) -> bool {
            self.allowed.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok()
        }

        fn advanced(&self, done: usize, asked: usize) {
            assert_eq!(asked, 20);
            self.told.lock().expect("nobody panicked").push(done);
        }
    }

    #[test]
    fn without_an_end_all_are_done_in_order() {
        assert_eq!(in_turn(20, &(), |number| number), (0..20).collect::<Vec<_>>());
        assert!(in_turn(0, &(), |number| number).is_empty());
    }

    #[test]
    fn an_early_end_leaves_the_first_ones_without_a_gap() {
        let watch = Watch::allowing(0);
        assert_eq!(in_turn(20, &watch, |number| number), [0, 1, 2]);
        let watch = Watch::allowing(4);
        let done = in_turn(20, &watch, |number| number);
        assert_eq!(done, (0..done.len() as u64).collect::<Vec<_>>());
        assert!((3..=7).contains(&done.len()), "{done:?}");
        let mut told = watch.told.into_inner().expect("nobody panicked");
        told.sort_unstable();
        assert_eq!(told, (1..=done.len()).collect::<Vec<_>>());
    }

    #[test]
    fn fewer_than_are_always_done_can_be_asked_for() {
        assert_eq!(in_turn(2, &(), |number| number), [0, 1]);
    }
}
