//! Recent failures per key, in bounded memory.
//!
//! Owns the arithmetic of the limit. Must not know what a key is.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

/// The period to which the limit applies.
pub(crate) const WINDOW: Duration = Duration::from_mins(1);

/// Recent failures per key.
pub(crate) struct FailureLedger<Key> {
    records: HashMap<Key, Record>,
    /// The part of the window that one failure uses up.
    cost: Duration,
    capacity: usize,
}

struct Record {
    /// When all cost is paid off; never later than one window from now.
    clear_at: Instant,
    last_failure: Option<Instant>,
    /// Attempts that have begun and not ended.
    pending: u32,
}

impl<Key: Hash + Eq + Copy> FailureLedger<Key> {
    /// `cost` is the part of the window that one failure uses up, `capacity` the number of keys to remember.
    pub(crate) fn new(cost: Duration, capacity: usize) -> Self {
        Self { records: HashMap::new(), cost, capacity }
    }

    /// How long `key` has to wait for its next attempt; `None` when it need not wait.
    pub(crate) fn wait(&self, key: &Key, now: Instant) -> Option<Duration> {
        let used = self.records.get(key)?.clear_at.saturating_duration_since(now);
        (used + self.cost).checked_sub(WINDOW).filter(|wait| !wait.is_zero())
    }

    /// How long until `key` has no failure within the window. A pending attempt counts as a failure.
    pub(crate) fn time_until_clean(&self, key: &Key, now: Instant) -> Duration {
        let Some(record) = self.records.get(key) else { return Duration::ZERO };
        let last = if record.pending > 0 { Some(now) } else { record.last_failure };
        last.map_or(Duration::ZERO, |last| (last + WINDOW).saturating_duration_since(now))
    }

    /// An attempt begins: its cost is charged in advance.
    pub(crate) fn begin(&mut self, key: Key, now: Instant) {
        if self.records.len() >= self.capacity && !self.records.contains_key(&key) {
            self.evict(now);
        }
        let record =
            self.records.entry(key).or_insert(Record { clear_at: now, last_failure: None, pending: 0 });
        record.clear_at = record.clear_at.max(now) + self.cost;
        record.pending = record.pending.saturating_add(1);
    }

    /// An attempt ends; success refunds its cost. A key that was evicted stays forgotten.
    pub(crate) fn end(&mut self, key: &Key, succeeded: bool, now: Instant) {
        let Some(record) = self.records.get_mut(key) else { return };
        record.pending = record.pending.saturating_sub(1);
        if succeeded {
            record.clear_at = record.clear_at.checked_sub(self.cost).unwrap_or(now);
        } else {
            record.last_failure = Some(now);
        }
        if record.is_expired(now) {
            self.records.remove(key);
        }
    }

    /// Removes expired records; if that is not enough, the half with the fewest failures.
    fn evict(&mut self, now: Instant) {
        self.records.retain(|_, record| !record.is_expired(now));
        if self.records.len() < self.capacity {
            return;
        }
        let mut times: Vec<Instant> = self.records.values().map(|record| record.clear_at).collect();
        let middle = times.len() / 2;
        let (_, median, _) = times.select_nth_unstable(middle);
        let median = *median;
        self.records.retain(|_, record| record.clear_at > median);
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }
}

impl Record {
    fn is_expired(&self, now: Instant) -> bool {
        let failed = self.last_failure.is_some_and(|failure| failure + WINDOW > now);
        self.pending == 0 && !failed && self.clear_at <= now
    }
}
