//! How large a dataset may be.

/// How large a dataset may be; beyond it the file is refused before memory is spent on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most samples in one file.
    pub rows: usize,
    /// Most features in one file.
    pub columns: usize,
    /// Most classes in `targetclasses`.
    pub classes: usize,
    /// Most samples of one model that are kept to learn from again, all batches together.
    pub kept_rows: usize,
    /// Most bytes of one line.
    pub line_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { rows: 5_000_000, kept_rows: 1_000_000, columns: 20_000, classes: 100, line_bytes: 4 << 20 }
    }
}
