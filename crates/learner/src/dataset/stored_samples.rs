//! The samples of one model, kept so that it is trained on them again together with the next batch.
//!
//! Owns how a batch is added, and how many samples are kept. Must not know where they are stored.

use super::batches::Batches;
use super::error::Mismatch;
use super::labelled::Labelled;

/// The samples of all batches of a model, and fingerprints of the batches.
///
/// ```
/// use learner::dataset::{Class, Features, Labelled, StoredSamples};
///
/// let batch = || {
///     let column: Vec<f32> = (0..50_u8).map(f32::from).collect();
///     let features = Features::of_columns(vec!["clicks".to_owned()], &[column]);
///     let classes = [0.0, 1.0].into_iter().filter_map(Class::new).collect();
///     Labelled::new(features, (0..50).map(|sample| sample % 2).collect(), classes)
/// };
/// let mut stored = StoredSamples::default();
/// assert_eq!(stored.add(batch(), 1_000, false)?, 50);
/// assert_eq!(stored.add(batch(), 1_000, false)?, 0, "the batch was sent again");
/// assert_eq!(stored.add(batch(), 1_000, true)?, 50);
/// # Ok::<(), learner::dataset::Mismatch>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StoredSamples {
    pub(super) samples: Option<Labelled>,
    pub(super) batches: Batches,
}

impl StoredSamples {
    /// The samples in [canonical](Labelled::canonical) order; `None` before the first batch.
    #[must_use]
    pub fn samples(&self) -> Option<&Labelled> {
        self.samples.as_ref()
    }

    /// The number of samples of each remembered batch, oldest first. Small and very old batches are not remembered.
    #[must_use]
    pub fn batch_sizes(&self) -> Vec<usize> {
        self.batches.sizes().collect()
    }

    /// Adds a batch and returns the number of its samples that were added; afterwards about `max` samples are kept.
    ///
    /// Unless `count_repeated`, a batch that was added before is not added again, in whatever order its samples are; of a
    /// batch that contains earlier ones completely, the rest is added.
    ///
    /// # Errors
    /// [`Mismatch`] when the features have other names.
    pub fn add(&mut self, batch: Labelled, max: usize, count_repeated: bool) -> Result<usize, Mismatch> {
        let Some(samples) = &self.samples else {
            let added = batch.targets().len();
            self.batches.remember(batch.row_hashes());
            self.samples = Some(batch.canonical(max));
            return Ok(added);
        };
        if self.batches.is_empty() {
            // Versions before fingerprints stored these samples.
            self.batches.remember(samples.row_hashes());
        }
        let batch = batch.aligned_to(samples.features().names())?;
        let hashes = batch.row_hashes();
        let all = batch.targets().len();
        let new = if count_repeated { (0..all as u32).collect() } else { self.batches.new_samples(&hashes) };
        self.batches.remember(hashes);
        let merged = match new.len() {
            0 => return Ok(0),
            added if added == all => samples.merged(&batch),
            _ => samples.merged(&batch.select(&new)),
        };
        self.samples = Some(merged.canonical(max));
        Ok(new.len())
    }
}
