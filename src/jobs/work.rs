//! Long work that waits or runs: who requested it, which model it is about, and how far it is.
//!
//! Owns the phases of work and the share of it that each of them takes. Must not know what the work does, who may see it, or
//! how it is shown.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use jiff::Timestamp;

use crate::telemetry::metrics::Operation;

/// What a training or an evaluation is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// It waits for its model or for capacity.
    Waiting,
    /// It reads the upload.
    Reading,
    /// A training compares its candidates.
    Comparing,
    /// A training fits the selected candidates.
    Fitting,
    /// An evaluation trains and tests models.
    Evaluating,
    /// The model or the report is written.
    Saving,
}

impl Phase {
    /// The part of the work that a phase is, from and to: what most of them took of long trainings and evaluations.
    fn share(self) -> (f64, f64) {
        match self {
            Self::Waiting => (0.0, 0.0),
            Self::Reading => (0.0, 0.05),
            Self::Comparing => (0.05, 0.75),
            Self::Fitting => (0.75, 0.95),
            Self::Evaluating => (0.05, 0.9),
            Self::Saving => (0.95, 1.0),
        }
    }
}

/// A piece of work as it is now.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Work<K> {
    /// Distinguishes it from other work of this process.
    pub(crate) number: u64,
    pub(crate) key: K,
    pub(crate) operation: Operation,
    /// Who requested it.
    pub(crate) user: String,
    /// When it was requested.
    pub(crate) since: Timestamp,
    pub(crate) phase: Phase,
    /// About how much of it is done, from 0 to 1. It never decreases.
    pub(crate) fraction: f64,
}

/// All long work of the server, in the order of the requests.
pub(crate) struct WorkList<K> {
    entries: Mutex<Vec<Entry<K>>>,
    next: AtomicU64,
}

struct Entry<K> {
    /// Without its progress.
    begun: Work<K>,
    state: Weak<Mutex<State>>,
}

#[derive(Debug, Clone, Copy)]
struct State {
    phase: Phase,
    fraction: f64,
}

/// Reports how far a piece of work is. The work is listed until the last clone is dropped.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reporter(Option<Arc<Mutex<State>>>);

impl<K> Default for WorkList<K> {
    fn default() -> Self {
        Self { entries: Mutex::default(), next: AtomicU64::default() }
    }
}

impl<K: Clone> WorkList<K> {
    /// Lists work that waits from now on.
    pub(crate) fn begin(&self, operation: Operation, key: &K, user: &str) -> Reporter {
        let (phase, fraction) = (Phase::Waiting, 0.0);
        let state = Arc::new(Mutex::new(State { phase, fraction }));
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (key, user, since) = (key.clone(), user.to_owned(), Timestamp::now());
        let begun = Work { number, key, operation, user, since, phase, fraction };
        let mut entries = self.lock();
        entries.retain(|entry| entry.state.strong_count() > 0);
        entries.push(Entry { begun, state: Arc::downgrade(&state) });
        Reporter(Some(state))
    }

    /// The work on models for which `is_visible`.
    pub(crate) fn now(&self, is_visible: impl Fn(&K) -> bool) -> Vec<Work<K>> {
        let work = |entry: &Entry<K>| {
            let State { phase, fraction } = *lock(&*entry.state.upgrade()?);
            Some(Work { phase, fraction, ..entry.begun.clone() })
        };
        self.lock().iter().filter(|entry| is_visible(&entry.begun.key)).filter_map(work).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry<K>>> {
        lock(&self.entries)
    }
}

impl Reporter {
    /// The work enters a phase; an earlier phase than its own means nothing.
    pub(crate) fn enters(&self, phase: Phase) {
        self.set(phase, 0.0);
    }

    /// The share of a phase that is done, from 0 to 1. Called from several threads, not always in order.
    pub(crate) fn advances(&self, phase: Phase, done: usize, total: usize) {
        self.set(phase, done as f64 / total.max(1) as f64);
    }

    fn set(&self, phase: Phase, share: f64) {
        let Some(state) = &self.0 else { return };
        let mut state = lock(state);
        let (from, to) = phase.share();
        state.phase = state.phase.max(phase);
        state.fraction = state.fraction.max(from + (to - from) * share.clamp(0.0, 1.0));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_listed_in_order_until_its_last_reporter_is_dropped() {
        let list = WorkList::default();
        let first = list.begin(Operation::Training, &"a", "ann");
        let second = list.begin(Operation::Evaluation, &"b", "ben");
        let copy = first.clone();
        drop(first);
        let users: Vec<String> = list.now(|_| true).into_iter().map(|work| work.user).collect();
        assert_eq!(users, ["ann", "ben"]);
        assert!(list.now(|key| *key == "b").iter().all(|work| work.operation == Operation::Evaluation));
        drop(copy);
        assert_eq!(list.now(|_| true).len(), 1);
        drop(second);
        assert!(list.now(|_| true).is_empty());
    }

    #[test]
    fn progress_never_decreases_whatever_the_order_of_reports() {
        let list = WorkList::default();
        let work = list.begin(Operation::Training, &"a", "ann");
        let now = || list.now(|_| true).remove(0);
        assert_eq!((now().phase, now().fraction), (Phase::Waiting, 0.0));
        work.advances(Phase::Comparing, 7, 10);
        let reached = now();
        assert!((0.05..0.75).contains(&reached.fraction), "{reached:?}");
        work.advances(Phase::Comparing, 3, 10);
        work.enters(Phase::Reading);
        assert_eq!(now(), reached);
        work.enters(Phase::Saving);
        assert!(now().phase == Phase::Saving && now().fraction > reached.fraction);
        work.advances(Phase::Saving, 5, 0);
        assert!((now().fraction - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_reporter_without_a_list_reports_nothing() {
        Reporter::default().advances(Phase::Fitting, 1, 2);
        assert!(Reporter::default().0.is_none());
    }
}
