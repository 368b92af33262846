//! Limits on the size of a dataset.
//!
//! Must not know the settings that they come from.

/// Limits on the size of a dataset. A larger file is refused before memory is allocated for it.
///
/// ```
/// use learner::dataset::{Limits, read_labelled};
///
/// let limits = Limits { rows: 1, ..Limits::default() };
/// let file = "nfeatures,targetclasses\n1,\"[0,1]\"\nclicks,dropout\n0,1\n1,0\n";
/// let error = read_labelled(file.as_bytes(), &limits).unwrap_err();
/// assert!(error.to_string().contains("more than 1 samples"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The maximum number of samples in one file.
    pub rows: usize,
    /// The maximum number of features in one file.
    pub columns: usize,
    /// The maximum number of classes in `targetclasses`.
    pub classes: usize,
    /// The maximum number of samples that are stored for one model, to train on them again with the next batch.
    pub kept_rows: usize,
    /// The maximum number of bytes of one line.
    pub line_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { rows: 5_000_000, kept_rows: 1_000_000, columns: 20_000, classes: 100, line_bytes: 4 << 20 }
    }
}
