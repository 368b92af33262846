//! What the retention no longer keeps.
//!
//! Must not know how it is removed.

use super::error::StoreError;
use super::manifest::SAMPLES;

/// A run, a generation or samples that are no longer kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outdated {
    /// `classifier/NUMBER`, `classifier/NUMBER/samples.bin` or `logs/RUN`, relative to the directory of the model.
    pub path: String,
    /// Why it is not kept.
    pub reason: &'static str,
    /// The size of its files.
    pub bytes: u64,
}

impl Outdated {
    /// Whether these are only the samples of a generation, whose model is kept.
    #[must_use]
    pub fn is_samples(&self) -> bool {
        self.path.ends_with(SAMPLES)
    }
}

/// The result for one model.
#[derive(Debug)]
pub struct Pruned {
    /// `uniqueid/dirhash`, or `uniqueid` if its directory cannot be read.
    pub model: String,
    /// What was removed, or would be.
    pub outcome: Result<Vec<Outdated>, StoreError>,
}
