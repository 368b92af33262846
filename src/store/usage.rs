//! What the models of a store take.
//!
//! Must not know how it is counted.

/// What the models of a store take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Without ids that only have evaluation runs.
    pub models: usize,
    /// The size of all files of all models, evaluation runs included.
    pub bytes: u64,
}
