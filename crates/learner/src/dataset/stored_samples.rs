//! The samples of one model, kept so that it is trained on them again together with the next batch.
//!
//! Owns how a batch is added, how many samples are kept, and which are forgotten. Must not know where they are stored.

use super::batches::Batches;
use super::day::Day;
use super::error::Mismatch;
use super::labelled::Labelled;

/// The samples of all batches of a model with the days on which they came, and fingerprints of the batches.
///
/// ```
/// use learner::dataset::{Class, Day, Features, Labelled, StoredSamples};
///
/// let batch = |first: u8| {
///     let column: Vec<f32> = (first..first + 50).map(f32::from).collect();
///     let features = Features::of_columns(vec!["clicks".to_owned()], &[column]);
///     let classes = [0.0, 1.0].into_iter().filter_map(Class::new).collect();
///     Labelled::new(features, (0..50).map(|sample| sample % 2).collect(), classes)
/// };
/// let mut stored = StoredSamples::default();
/// assert_eq!(stored.add(batch(0), Day(20_000), 1_000, false)?, 50);
/// assert_eq!(stored.add(batch(0), Day(20_001), 1_000, false)?, 0, "the batch was sent again");
/// assert_eq!(stored.add(batch(0), Day(20_001), 1_000, true)?, 50);
/// assert_eq!(stored.add(batch(100), Day(20_002), 1_000, true)?, 50);
/// assert_eq!(stored.forget_before(Day(20_001)), 50);
/// assert_eq!(stored.first_day(), Some(Day(20_001)));
/// # Ok::<(), learner::dataset::Mismatch>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StoredSamples {
    pub(super) samples: Option<Labelled>,
    /// The day of each sample.
    pub(super) days: Vec<Day>,
    pub(super) batches: Batches,
}

impl StoredSamples {
    /// The samples in [canonical](Labelled::canonical) order; `None` before the first batch.
    #[must_use]
    pub fn samples(&self) -> Option<&Labelled> {
        self.samples.as_ref()
    }

    /// The day and the number of samples of each remembered batch, oldest first. Small and very old batches are not remembered.
    #[must_use]
    pub fn batch_sizes(&self) -> Vec<(Day, usize)> {
        self.batches.sizes().collect()
    }

    /// The day on which the oldest sample came; `None` before the first batch.
    #[must_use]
    pub fn first_day(&self) -> Option<Day> {
        self.days.iter().min().copied()
    }

    /// Sets the day of the samples and batches that an earlier version stored without it.
    #[must_use]
    pub fn with_unknown_days(mut self, day: Day) -> Self {
        self.days.iter_mut().filter(|known| **known == Day::UNKNOWN).for_each(|unknown| *unknown = day);
        self.batches.set_unknown_days(day);
        self
    }

    /// Forgets the samples that came before a day, and the fingerprints of their batches; returns the number of these samples.
    /// If no sample is left, not even the names of the features are: the next batch is like the first one.
    pub fn forget_before(&mut self, first: Day) -> usize {
        self.batches.forget_before(first);
        let kept: Vec<u32> =
            (0..).zip(&self.days).filter(|(_, day)| **day >= first).map(|(row, _)| row).collect();
        let forgotten = self.days.len() - kept.len();
        if forgotten > 0 {
            self.samples =
                self.samples.take().filter(|_| !kept.is_empty()).map(|samples| samples.select(&kept));
            self.days.retain(|day| *day >= first);
        }
        forgotten
    }

    /// Adds a batch that came on `day` and returns the number of its samples that were added; afterwards about `max` samples
    /// are kept.
    ///
    /// Unless `count_repeated`, a batch that was added before is not added again, in whatever order its samples are; of a
    /// batch that contains earlier ones completely, the rest is added.
    ///
    /// # Errors
    /// [`Mismatch`] when the features have other names.
    pub fn add(
        &mut self,
        batch: Labelled,
        day: Day,
        max: usize,
        count_repeated: bool,
    ) -> Result<usize, Mismatch> {
        let Some(samples) = &self.samples else {
            let added = batch.targets().len();
            self.batches.remember(batch.row_hashes(), day);
            self.keep(&batch, &vec![day; added], max);
            return Ok(added);
        };
        if self.batches.is_empty() {
            // Versions before fingerprints stored these samples.
            self.batches.remember(samples.row_hashes(), self.first_day().unwrap_or(day));
        }
        let batch = batch.aligned_to(samples.features().names())?;
        let hashes = batch.row_hashes();
        let all = batch.targets().len();
        let new = if count_repeated { (0..all as u32).collect() } else { self.batches.new_samples(&hashes) };
        self.batches.remember(hashes, day);
        let merged = match new.len() {
            0 => return Ok(0),
            added if added == all => samples.merged(&batch),
            _ => samples.merged(&batch.select(&new)),
        };
        let mut days = std::mem::take(&mut self.days);
        days.resize(days.len() + new.len(), day);
        self.keep(&merged, &days, max);
        Ok(new.len())
    }

    fn keep(&mut self, samples: &Labelled, days: &[Day], max: usize) {
        let rows = samples.canonical_rows(max);
        self.days = rows.iter().map(|&row| days[row as usize]).collect();
        self.samples = Some(samples.select(&rows));
    }
}
