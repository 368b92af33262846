//! Long work that waits or runs: who requested it, which model it is about, and how far it is.
//!
//! Owns the phases of work and the share of it that each of them takes, and whether it was cancelled. Must not know what the
//! work does, who may see it, or how it is shown.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use jiff::Timestamp;
use tokio::sync::watch;

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
    const ALL: [Self; 6] =
        [Self::Waiting, Self::Reading, Self::Comparing, Self::Fitting, Self::Evaluating, Self::Saving];

    /// Its name for clients and for other processes.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Reading => "reading",
            Self::Comparing => "comparing",
            Self::Fitting => "fitting",
            Self::Evaluating => "evaluating",
            Self::Saving => "saving",
        }
    }

    /// The phase with a name; that of another version of the program is taken for the beginning.
    pub(crate) fn of_name(name: &str) -> Self {
        Self::ALL.into_iter().find(|phase| phase.name() == name).unwrap_or(Self::Reading)
    }

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
    shared: Weak<Shared>,
}

/// What the reporters of a piece of work share.
#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Changes once, under the lock of the state.
    is_cancelled: watch::Sender<bool>,
}

#[derive(Debug, Clone, Copy)]
struct State {
    phase: Phase,
    fraction: f64,
}

impl State {
    const WAITING: Self = Self { phase: Phase::Waiting, fraction: 0.0 };
}

/// Reports how far a piece of work is. The work is listed until the last clone is dropped.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reporter(Option<Arc<Shared>>);

impl<K> Default for WorkList<K> {
    fn default() -> Self {
        Self { entries: Mutex::default(), next: AtomicU64::default() }
    }
}

impl<K: Clone> WorkList<K> {
    /// Lists work that waits from now on.
    pub(crate) fn begin(&self, operation: Operation, key: &K, user: &str) -> Reporter {
        let State { phase, fraction } = State::WAITING;
        let reporter = Reporter::unlisted();
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (key, user, since) = (key.clone(), user.to_owned(), Timestamp::now());
        let begun = Work { number, key, operation, user, since, phase, fraction };
        let mut entries = self.lock();
        entries.retain(|entry| entry.shared.strong_count() > 0);
        entries.extend(reporter.0.as_ref().map(|shared| Entry { begun, shared: Arc::downgrade(shared) }));
        reporter
    }

    /// The work on models for which `is_visible`.
    pub(crate) fn now(&self, is_visible: impl Fn(&K) -> bool) -> Vec<Work<K>> {
        let work = |entry: &Entry<K>| {
            let State { phase, fraction } = *lock(&entry.shared.upgrade()?.state);
            Some(Work { phase, fraction, ..entry.begun.clone() })
        };
        self.lock().iter().filter(|entry| is_visible(&entry.begun.key)).filter_map(work).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry<K>>> {
        lock(&self.entries)
    }
}

impl Reporter {
    /// A reporter of work that no list has.
    pub(crate) fn unlisted() -> Self {
        let (state, is_cancelled) = (Mutex::new(State::WAITING), watch::Sender::new(false));
        Self(Some(Arc::new(Shared { state, is_cancelled })))
    }

    /// The phase and the fraction of the work that is done.
    pub(crate) fn progress(&self) -> (Phase, f64) {
        let State { phase, fraction } = self.0.as_ref().map_or(State::WAITING, |shared| *lock(&shared.state));
        (phase, fraction)
    }

    /// Cancels the work. Work that still waits never starts, and the result is then true; running work ends when it looks at
    /// [`Self::is_cancelled`] the next time.
    pub(crate) fn cancel(&self) -> bool {
        let Some(shared) = &self.0 else { return false };
        let state = lock(&shared.state);
        shared.is_cancelled.send_replace(true);
        state.phase == Phase::Waiting
    }

    /// Whether the work was cancelled.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.0.as_ref().is_some_and(|shared| *shared.is_cancelled.borrow())
    }

    /// Returns when the work is cancelled, and never if it is not.
    pub(super) async fn cancelled(&self) {
        let Some(shared) = &self.0 else { return std::future::pending().await };
        // The sender lives as long as this reporter, so that waiting cannot fail.
        let _ = shared.is_cancelled.subscribe().wait_for(|is_cancelled| *is_cancelled).await;
    }

    /// The work starts, unless it was cancelled before: the result is then false.
    #[must_use]
    pub(crate) fn start(&self) -> bool {
        let Some(shared) = &self.0 else { return true };
        let mut state = lock(&shared.state);
        let starts = !*shared.is_cancelled.borrow();
        if starts {
            state.phase = state.phase.max(Phase::Reading);
        }
        starts
    }

    /// The work enters a phase; an earlier phase than its own means nothing.
    pub(crate) fn enters(&self, phase: Phase) {
        self.set(phase, 0.0);
    }

    /// The share of a phase that is done, from 0 to 1. Called from several threads, not always in order.
    pub(crate) fn advances(&self, phase: Phase, done: usize, total: usize) {
        self.set(phase, done as f64 / total.max(1) as f64);
    }

    /// Takes over how far another process is.
    pub(crate) fn follows(&self, phase: Phase, fraction: f64) {
        let Some(shared) = &self.0 else { return };
        let mut state = lock(&shared.state);
        state.phase = state.phase.max(phase);
        state.fraction = state.fraction.max(fraction.clamp(0.0, 1.0));
    }

    fn set(&self, phase: Phase, share: f64) {
        let Some(shared) = &self.0 else { return };
        let mut state = lock(&shared.state);
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

    #[test]
    fn work_that_is_cancelled_before_its_start_does_not_start() {
        let (early, late) = (Reporter::unlisted(), Reporter::unlisted());
        assert!(early.cancel() && !early.start() && early.is_cancelled());
        assert!(late.start() && !late.is_cancelled());
        assert!(!late.cancel() && late.is_cancelled());
        assert_eq!((early.progress().0, late.progress().0), (Phase::Waiting, Phase::Reading));
        assert!(Reporter::default().start() && !Reporter::default().is_cancelled());
    }
}
