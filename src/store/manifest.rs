//! The JSON records of a generation: `generation.json` beside its files, and the pointer `current.json`.
//!
//! Must not know where generations are.

use std::fmt::Display;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The pointer, in `classifier/`.
pub const POINTER: &str = "current.json";
/// The manifest, in the directory of a generation.
pub const MANIFEST: &str = "generation.json";
/// The model, in the directory of a generation.
pub const MODEL: &str = "model.onnx";
/// The samples, in the directory of a generation.
pub const SAMPLES: &str = "samples.bin";

/// Names the current generation.
#[derive(Debug, Serialize, Deserialize)]
pub struct Pointer {
    #[serde(flatten)]
    pub manifest: Manifest,
    /// The generation before, for administrators.
    pub previous: Option<u64>,
}

/// Describes one generation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    pub generation: u64,
    /// To the nanosecond: also distinguishes a generation from a deleted one with the same number.
    #[serde(rename = "when")]
    pub created_at: String,
    pub files: Files,
    pub facts: serde_json::Value,
    /// The SHA-256 of all other fields; earlier versions wrote none.
    #[serde(rename = "seal", skip_serializing_if = "Option::is_none", default)]
    pub sha256: Option<String>,
}

/// The files of a generation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Files {
    #[serde(rename = "model.onnx")]
    pub model: Checksum,
    #[serde(rename = "samples.bin", skip_serializing_if = "Option::is_none", default)]
    pub samples: Option<Checksum>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checksum {
    /// In bytes.
    pub size: u64,
    /// In lower-case hexadecimal digits.
    pub sha256: String,
}

impl Checksum {
    pub fn of(bytes: &[u8]) -> Self {
        Self { size: bytes.len() as u64, sha256: hex::encode(Sha256::digest(bytes)) }
    }
}

impl Pointer {
    /// Parses and verifies a pointer; `None`, with a log line that names its place, if it is damaged.
    pub fn parse(bytes: &[u8], path: &dyn Display) -> Option<Self> {
        parse(bytes, path).filter(|pointer: &Self| pointer.manifest.is_intact(path))
    }
}

impl Manifest {
    /// Adds the checksum.
    pub fn with_checksum(self) -> Self {
        Self { sha256: Some(self.checksum()), ..self }
    }

    /// The same without samples.
    pub fn without_samples(&self) -> Self {
        let files = Files { samples: None, ..self.files.clone() };
        Self { files, sha256: None, ..self.clone() }.with_checksum()
    }

    fn checksum(&self) -> String {
        hex::encode(Sha256::digest(to_json(&Self { sha256: None, ..self.clone() })))
    }

    /// Parses and verifies a manifest; `None`, with a log line that names its place, if it is damaged.
    pub fn parse(bytes: &[u8], path: &dyn Display) -> Option<Self> {
        parse(bytes, path).filter(|manifest: &Self| manifest.is_intact(path))
    }

    pub fn is_intact(&self, path: &dyn Display) -> bool {
        let is_intact = self.sha256.as_ref().is_none_or(|expected| self.checksum() == *expected);
        if !is_intact {
            tracing::warn!(%path, "this file is damaged: its checksum differs");
        }
        is_intact
    }
}

pub fn to_json<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec_pretty(value).expect("all keys are strings")
}

fn parse<T: for<'a> Deserialize<'a>>(bytes: &[u8], path: &dyn Display) -> Option<T> {
    serde_json::from_slice(bytes)
        .inspect_err(|error| tracing::warn!(%path, %error, "this file is damaged: it cannot be parsed"))
        .ok()
}
