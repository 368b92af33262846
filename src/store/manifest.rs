//! What is written down about a generation: beside its files and, for the
//! current one, in the pointer `current.json`.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::error::{During, StoreError};
use super::files;
use super::files::existing;
use crate::fs::nofollow::NoFollowPath;

/// The pointer's name inside `classifier/`.
pub const POINTER: &str = "current.json";
/// The name of a generation's own record inside its directory.
pub const MANIFEST: &str = "generation.json";
/// The name of the model's file inside a generation.
pub const MODEL: &str = "model.onnx";
/// The name of the samples' file inside a generation.
pub const SAMPLES: &str = "samples.bin";

/// Says which generation is the current one.
#[derive(Debug, Serialize, Deserialize)]
pub struct Pointer {
    #[serde(flatten)]
    pub record: Manifest,
    /// The one before, kept in case the current one gets damaged.
    pub previous: Option<u64>,
}

/// What one generation consists of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    pub generation: u64,
    /// When it was made, to the nanosecond: also tells two generations of one number apart, of
    /// which the first was deleted.
    pub when: String,
    pub files: Files,
    pub facts: serde_json::Value,
    /// The checksum of all the rest; records of earlier versions have none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub seal: Option<String>,
}

/// The files of a generation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Files {
    #[serde(rename = "model.onnx")]
    pub model: Checksum,
    #[serde(rename = "samples.bin", skip_serializing_if = "Option::is_none", default)]
    pub samples: Option<Checksum>,
}

/// What the bytes of a file must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checksum {
    /// In bytes.
    pub size: u64,
    /// In lower-case hexadecimal digits.
    pub sha256: String,
}

impl Checksum {
    /// The checksum of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self { size: bytes.len() as u64, sha256: hex::encode(Sha256::digest(bytes)) }
    }
}

impl Pointer {
    /// Makes sense of a pointer's bytes; `None`, with a line in the log, when there is none.
    pub fn parse(bytes: &[u8], path: &NoFollowPath) -> Option<Self> {
        parse(bytes, path).filter(|pointer: &Self| pointer.record.is_unchanged(path))
    }
}

impl Manifest {
    /// With the checksum of itself.
    pub fn sealed(self, path: &NoFollowPath) -> Result<Self, StoreError> {
        let seal = Some(self.checksum(path)?);
        Ok(Self { seal, ..self })
    }

    fn checksum(&self, path: &NoFollowPath) -> Result<String, StoreError> {
        let bytes = to_json(&Self { seal: None, ..self.clone() }, path)?;
        Ok(hex::encode(Sha256::digest(bytes)))
    }

    fn is_unchanged(&self, path: &NoFollowPath) -> bool {
        let unchanged =
            self.seal.as_ref().is_none_or(|seal| self.checksum(path).is_ok_and(|checksum| &checksum == seal));
        if !unchanged {
            tracing::warn!(%path, "this file has changed: its checksum differs");
        }
        unchanged
    }

    /// Reads the record beside a generation's files; `None` when it is missing or makes no sense.
    pub fn read(generation: &NoFollowPath) -> Result<Option<Self>, StoreError> {
        let path = generation.join(MANIFEST);
        let bytes = existing(files::read(&path)).during("read", &path)?;
        let record: Option<Self> = bytes.and_then(|bytes| parse(&bytes, &path));
        Ok(record.filter(|record| record.is_unchanged(&path)))
    }
}

/// The bytes of a record or pointer.
pub fn to_json<T: Serialize>(value: &T, path: &NoFollowPath) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec_pretty(value).map_err(|error| StoreError::corrupt(path, error.to_string()))
}

fn parse<T: for<'a> Deserialize<'a>>(bytes: &[u8], path: &NoFollowPath) -> Option<T> {
    serde_json::from_slice(bytes)
        .inspect_err(|error| tracing::warn!(%path, %error, "this file cannot be read"))
        .ok()
}
