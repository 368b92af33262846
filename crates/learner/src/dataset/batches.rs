//! The batches that a model was trained on, so that one that is sent again counts once.
//!
//! Moodle sends a batch again when the response was lost, perhaps together with newer samples, or when its predictions were
//! cleared. Owns the fingerprints of batches and their limits. Must not know how they are stored.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::day::Day;

/// The fingerprints of earlier batches, oldest first, and the days on which they came.
///
/// A fingerprint is the multiset of the hashes of a batch's samples, so it does not depend on their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Batches {
    fingerprints: Vec<Fingerprint>,
    /// As many as fingerprints.
    days: Vec<Day>,
}

/// The sorted hashes of the samples of a batch, each as the difference from the one before: these are shorter when stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Fingerprint(Vec<u64>);

/// At most this many batches are remembered, the newest ones,
const MAX_BATCHES: usize = 64;

/// with at most this many samples together (8 bytes each).
const MAX_SAMPLES: usize = 500_000;

/// Batches with fewer distinct samples are not remembered: their samples may well occur again.
const MIN_DISTINCT: usize = 20;

impl Batches {
    /// The parts as they are stored; `None` if their numbers differ.
    pub fn new(fingerprints: Vec<Fingerprint>, days: Vec<Day>) -> Option<Self> {
        (fingerprints.len() == days.len()).then_some(Self { fingerprints, days })
    }

    /// Batches of an unknown day.
    pub fn undated(fingerprints: Vec<Fingerprint>) -> Self {
        Self { days: vec![Day::UNKNOWN; fingerprints.len()], fingerprints }
    }

    /// Replaces the unknown day.
    pub fn set_unknown_days(&mut self, day: Day) {
        self.days.iter_mut().filter(|known| **known == Day::UNKNOWN).for_each(|unknown| *unknown = day);
    }

    pub fn fingerprints(&self) -> &[Fingerprint] {
        &self.fingerprints
    }

    /// The day of each batch.
    pub fn days(&self) -> &[Day] {
        &self.days
    }

    /// Whether no batch is remembered.
    pub fn is_empty(&self) -> bool {
        self.fingerprints.is_empty()
    }

    /// Forgets the batches before a day.
    pub fn forget_before(&mut self, first: Day) {
        let all = std::mem::take(&mut self.fingerprints).into_iter().zip(std::mem::take(&mut self.days));
        (self.fingerprints, self.days) = all.filter(|(_, day)| *day >= first).unzip();
    }

    /// The day and the number of samples of each batch.
    pub fn sizes(&self) -> impl Iterator<Item = (Day, usize)> {
        self.days.iter().copied().zip(self.fingerprints.iter().map(|batch| batch.0.len()))
    }

    /// The positions of the samples of a batch that remain after every remembered batch that it contains completely is taken
    /// out of it. `hashes` has the hash of each sample.
    pub fn new_samples(&self, hashes: &[u64]) -> Vec<u32> {
        let mut left: HashMap<u64, usize> = HashMap::with_capacity(hashes.len());
        for &hash in hashes {
            *left.entry(hash).or_default() += 1;
        }
        // A merged batch before its parts.
        let mut largest_first: Vec<&Fingerprint> = self.fingerprints.iter().collect();
        largest_first.sort_by_key(|batch| std::cmp::Reverse(batch.0.len()));
        for batch in largest_first {
            if batch.counts().all(|(hash, count)| left.get(&hash).is_some_and(|&left| left >= count)) {
                batch.counts().for_each(|(hash, count)| *left.entry(hash).or_default() -= count);
            }
        }
        let mut take_one = |hash: u64| {
            let left = left.entry(hash).or_default();
            let taken = *left > 0;
            *left -= usize::from(taken);
            taken
        };
        (0..).zip(hashes).filter(|&(_, &hash)| take_one(hash)).map(|(at, _)| at).collect()
    }

    /// Remembers a batch of a day, and forgets the oldest ones beyond the limits.
    pub fn remember(&mut self, mut hashes: Vec<u64>, day: Day) {
        hashes.sort_unstable();
        if hashes.chunk_by(|a, b| a == b).take(MIN_DISTINCT).count() < MIN_DISTINCT {
            return;
        }
        let batch = Fingerprint::of_sorted(hashes);
        if let Some(at) = self.fingerprints.iter().position(|other| *other == batch) {
            self.fingerprints.remove(at);
            self.days.remove(at);
        }
        self.fingerprints.push(batch);
        self.days.push(day);
        let mut samples = 0;
        let within = self.fingerprints.iter().rev().take(MAX_BATCHES).take_while(|batch| {
            samples += batch.0.len();
            samples <= MAX_SAMPLES
        });
        let forgotten = self.fingerprints.len() - within.count();
        self.fingerprints.drain(..forgotten);
        self.days.drain(..forgotten);
    }
}

impl Fingerprint {
    fn of_sorted(mut hashes: Vec<u64>) -> Self {
        for at in (1..hashes.len()).rev() {
            hashes[at] -= hashes[at - 1];
        }
        Self(hashes)
    }

    /// Each distinct hash with the number of samples that have it.
    fn counts(&self) -> impl Iterator<Item = (u64, usize)> {
        let mut hash = 0_u64;
        // A difference of zero continues a run of equal hashes.
        let runs = self.0.chunk_by(|_, difference| *difference == 0);
        runs.map(move |run| {
            hash = hash.wrapping_add(run[0]);
            (hash, run.len())
        })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn remembering(batches: &[Vec<u64>]) -> Batches {
        let mut all = Batches::default();
        batches.iter().for_each(|batch| all.remember(batch.clone(), Day(0)));
        all
    }

    #[rstest]
    #[case::the_same((0..30).collect(), vec![])]
    #[case::in_another_order((0..30).rev().collect(), vec![])]
    #[case::together_with_newer_samples((0..33).rev().collect(), vec![0, 1, 2])]
    #[case::without_one_sample((1..30).collect(), (0..29).collect())]
    #[case::both_batches((0..60).collect(), vec![])]
    #[case::both_batches_and_more((0..61).collect(), vec![60])]
    #[case::twice_in_one_file((0..60).map(|sample| sample % 30).collect(), (0..30).collect())]
    fn samples_remain_unless_an_earlier_batch_is_contained(#[case] batch: Vec<u64>, #[case] left: Vec<u32>) {
        let batches = remembering(&[(0..30).collect(), (30..60).collect()]);
        assert_eq!(batches.new_samples(&batch), left);
    }

    #[test]
    fn a_merged_batch_is_recognised_before_its_parts() {
        let batches = remembering(&[(0..30).collect(), (0..35).collect()]);
        assert_eq!(batches.new_samples(&(0..36).collect::<Vec<_>>()), [35]);
    }

    #[test]
    fn repeated_samples_of_a_batch_must_be_repeated_as_often() {
        let batches = remembering(&[(0..40).map(|sample| sample / 2).collect()]);
        let once: Vec<u64> = (0..20).collect();
        assert_eq!(batches.new_samples(&once).len(), 20);
        let three_times: Vec<u64> = (0..60).map(|sample| sample / 3).collect();
        assert_eq!(batches.new_samples(&three_times).len(), 20);
    }

    #[rstest]
    #[case(19, 1_000)]
    #[case(20, 0)]
    fn a_batch_of_few_distinct_samples_is_always_new(#[case] distinct: u64, #[case] left: usize) {
        let batch: Vec<u64> = (0..1_000).map(|sample| sample % distinct).collect();
        assert_eq!(remembering(std::slice::from_ref(&batch)).new_samples(&batch).len(), left);
    }

    #[test]
    fn the_oldest_batches_are_forgotten() {
        let batch = |at: u64| -> Vec<u64> { (at * 100..at * 100 + 20).collect() };
        let batches = remembering(&(0..65).map(batch).collect::<Vec<_>>());
        assert_eq!(batches.new_samples(&batch(0)).len(), 20);
        assert!(batches.new_samples(&batch(1)).is_empty());

        let large = |first: u64| -> Vec<u64> { (first..first + 300_000).collect() };
        let batches = remembering(&[large(0), large(1_000_000)]);
        assert_eq!(batches.new_samples(&large(0)).len(), 300_000);
        assert!(batches.new_samples(&large(1_000_000)).is_empty());
    }

    #[test]
    fn batches_before_a_day_are_forgotten_and_one_that_comes_again_is_of_its_last_day() {
        let batch = |at: u64| -> Vec<u64> { (at * 100..at * 100 + 20).collect() };
        let mut batches = Batches::default();
        for (day, at) in [(1, 1), (2, 2), (3, 1), (4, 4)] {
            batches.remember(batch(at), Day(day));
        }
        assert_eq!(batches.days(), [2, 3, 4].map(Day));
        batches.forget_before(Day(3));
        assert_eq!(batches.days(), [3, 4].map(Day));
        assert_eq!([1, 2, 4].map(|at| batches.new_samples(&batch(at)).len()), [0, 20, 0]);
    }
}
