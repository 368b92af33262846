//! What the records of a generation say, without its files.
//!
//! Owns the cheap view for lists: one small file for each model, and no model or samples are read. Must not know how it is
//! shown.

use serde_json::Value;

use super::manifest::Manifest;

/// What the record of a generation says.
#[derive(Debug, Clone, PartialEq)]
pub struct GenerationInfo {
    /// Counts from 1.
    pub number: u64,
    /// The time of its publication (RFC 3339, UTC).
    pub created_at: String,
    /// The facts that it was published with.
    pub facts: Value,
    /// The model file.
    pub model: StoredFile,
    /// The samples that the model was trained on, if they are stored.
    pub samples: Option<StoredFile>,
}

/// A file as it was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFile {
    /// In bytes.
    pub size: u64,
    /// In lower-case hexadecimal digits.
    pub sha256: String,
}

impl GenerationInfo {
    /// The size of its files in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.model.size + self.samples.as_ref().map_or(0, |samples| samples.size)
    }

    pub(super) fn of(manifest: &Manifest) -> Self {
        let file = |checksum: &super::manifest::Checksum| StoredFile {
            size: checksum.size,
            sha256: checksum.sha256.clone(),
        };
        Self {
            number: manifest.generation,
            created_at: manifest.created_at.clone(),
            facts: manifest.facts.clone(),
            model: file(&manifest.files.model),
            samples: manifest.files.samples.as_ref().map(file),
        }
    }
}
