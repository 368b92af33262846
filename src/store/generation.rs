//! One published state of a model.
//!
//! Must not know where its files are, nor which generation is the current one.

use std::fmt::Debug;
use std::sync::Arc;

use jiff::Timestamp;

use super::error::StoreError;
use super::identity::ModelIdentity;
use super::manifest::{Checksum, Files, Manifest};

/// The parts of a new generation.
#[derive(Debug, Clone, Copy)]
pub struct NewGeneration<'a> {
    /// The bytes of `model.onnx`.
    pub model: &'a [u8],
    /// The encoded samples that it was trained on; an imported model has none.
    pub samples: Option<&'a [u8]>,
    /// Metadata for administrators and tools, stored in the pointer. [`SAMPLES_SINCE`](super::SAMPLES_SINCE) among them says
    /// how old the samples are.
    pub facts: &'a serde_json::Value,
}

impl NewGeneration<'_> {
    /// The manifest of this generation if it is published now.
    pub(super) fn manifest(&self, number: u64) -> Manifest {
        let files = Files { model: Checksum::of(self.model), samples: self.samples.map(Checksum::of) };
        let created_at = Timestamp::now().to_string();
        let facts = self.facts.clone();
        Manifest { generation: number, created_at, files, facts, sha256: None }.with_checksum()
    }
}

/// One published state of a model. Its files stay readable and unchanged while newer generations are published.
#[derive(Debug, Clone)]
pub struct Generation {
    manifest: Arc<Manifest>,
    files: Arc<dyn GenerationFiles>,
}

/// The files of a generation in the place where it is stored.
pub(super) trait GenerationFiles: Debug + Send + Sync {
    /// The verified bytes of `model.onnx`.
    fn model(&self) -> Result<Vec<u8>, StoreError>;
    /// The verified bytes of `samples.bin`, if there is one.
    fn samples(&self) -> Result<Option<Vec<u8>>, StoreError>;
    /// `None` if it was found without a pointer.
    fn identity(&self) -> Option<ModelIdentity>;
}

impl Generation {
    pub(super) fn new(manifest: Arc<Manifest>, files: Arc<dyn GenerationFiles>) -> Self {
        Self { manifest, files }
    }

    /// Counts from 1.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.manifest.generation
    }

    /// RFC 3339, UTC.
    #[must_use]
    pub fn created_at(&self) -> &str {
        &self.manifest.created_at
    }

    /// The facts that it was published with.
    #[must_use]
    pub fn facts(&self) -> &serde_json::Value {
        &self.manifest.facts
    }

    /// Reads `model.onnx`; [`StoreError::Corrupt`] if it was changed.
    pub fn model(&self) -> Result<Vec<u8>, StoreError> {
        self.files.model()
    }

    /// Reads `samples.bin`, if there is one; [`StoreError::Corrupt`] if it was changed.
    pub fn samples(&self) -> Result<Option<Vec<u8>>, StoreError> {
        self.files.samples()
    }

    /// Distinguishes its model from all others that were or will be current in the same place; `None` if it was found
    /// without a pointer.
    #[must_use]
    pub fn identity(&self) -> Option<ModelIdentity> {
        self.files.identity()
    }
}
