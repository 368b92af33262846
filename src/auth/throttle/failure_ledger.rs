//! Who has failed how often lately, in bounded memory.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

use super::WINDOW;

/// Who has failed how often lately.
pub(crate) struct Ledger<Key> {
    blamed: HashMap<Key, Blame>,
    /// What one failure takes of the window.
    share: Duration,
    most: usize,
}

struct Blame {
    /// When everything is forgotten that was taken: never further away than the window.
    clears: Instant,
    failed: Option<Instant>,
    /// Attempts that have begun and not ended.
    pending: u32,
}

impl<Key: Hash + Eq + Copy> Ledger<Key> {
    /// `share` is what one failure takes of the window, `most` how many are remembered.
    pub(crate) fn new(share: Duration, most: usize) -> Self {
        Self { blamed: HashMap::new(), share, most }
    }

    /// How long `key` has to wait for its next attempt; `None` when it need not.
    pub(crate) fn wait(&self, key: &Key, now: Instant) -> Option<Duration> {
        let taken = self.blamed.get(key)?.clears.saturating_duration_since(now);
        (taken + self.share).checked_sub(WINDOW).filter(|wait| !wait.is_zero())
    }

    /// How long until `key` counts as one that has not failed lately.
    pub(crate) fn blameless_in(&self, key: &Key, now: Instant) -> Duration {
        let Some(blame) = self.blamed.get(key) else { return Duration::ZERO };
        let last = if blame.pending > 0 { Some(now) } else { blame.failed };
        last.map_or(Duration::ZERO, |last| (last + WINDOW).saturating_duration_since(now))
    }

    /// An attempt begins.
    pub(crate) fn begin(&mut self, key: Key, now: Instant) {
        if self.blamed.len() >= self.most && !self.blamed.contains_key(&key) {
            self.make_room(now);
        }
        let blame = self.blamed.entry(key).or_insert(Blame { clears: now, failed: None, pending: 0 });
        blame.clears = blame.clears.max(now) + self.share;
        blame.pending = blame.pending.saturating_add(1);
    }

    /// An attempt ends. Who was forgotten meanwhile stays forgotten.
    pub(crate) fn end(&mut self, key: &Key, forgiven: bool, now: Instant) {
        let Some(blame) = self.blamed.get_mut(key) else { return };
        blame.pending = blame.pending.saturating_sub(1);
        if forgiven {
            blame.clears = blame.clears.checked_sub(self.share).unwrap_or(now);
        } else {
            blame.failed = Some(now);
        }
        if blame.is_over(now) {
            self.blamed.remove(key);
        }
    }

    /// Forgets who has nothing to answer for any more; where that is not enough, the half that has least.
    fn make_room(&mut self, now: Instant) {
        self.blamed.retain(|_, blame| !blame.is_over(now));
        if self.blamed.len() < self.most {
            return;
        }
        let mut times: Vec<Instant> = self.blamed.values().map(|blame| blame.clears).collect();
        let middle = times.len() / 2;
        let (_, middle, _) = times.select_nth_unstable(middle);
        let middle = *middle;
        self.blamed.retain(|_, blame| blame.clears > middle);
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.blamed.len()
    }
}

impl Blame {
    fn is_over(&self, now: Instant) -> bool {
        let failed = self.failed.is_some_and(|failed| failed + WINDOW > now);
        self.pending == 0 && !failed && self.clears <= now
    }
}
