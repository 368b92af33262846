//! One published state of a model, read back as it was published.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::error::{During, StoreError};
use super::files::{self, existing};
use super::manifest::{Checksum, MODEL, Manifest, SAMPLES};
use crate::fs::failpoints::failpoint;
use crate::fs::nofollow::NoFollowPath;

/// One published state of a model.
///
/// Its files are held open: it stays readable, and the same, while newer generations are published
/// and when the model is deleted.
#[derive(Debug, Clone)]
pub struct Generation {
    record: Arc<Manifest>,
    model: Arc<Stored>,
    samples: Option<Arc<Stored>>,
}

impl Generation {
    /// Counts from 1.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.record.generation
    }

    /// When it was made (RFC 3339, UTC).
    #[must_use]
    pub fn when(&self) -> &str {
        &self.record.when
    }

    /// The facts given when it was published.
    #[must_use]
    pub fn facts(&self) -> &serde_json::Value {
        &self.record.facts
    }

    /// All that is written down of it.
    pub(super) fn record(&self) -> &Manifest {
        &self.record
    }

    /// Reads `model.onnx`; [`StoreError::Corrupt`] when it is not what was published.
    pub fn model(&self) -> Result<Vec<u8>, StoreError> {
        self.model.read()
    }

    /// Reads the samples, checked likewise; `None` when there are none.
    pub fn samples(&self) -> Result<Option<Vec<u8>>, StoreError> {
        self.samples.as_ref().map(|samples| samples.read()).transpose()
    }

    /// Whether all its files are as they were published; [`StoreError::Corrupt`] names one that is not.
    pub(super) fn verify(&self) -> Result<(), StoreError> {
        self.model()?;
        self.samples().map(drop)
    }

    /// Opens the files in `dir`; `None` when one is missing or has another size. Checksums are only
    /// compared when the files are read.
    pub(super) fn open(dir: &NoFollowPath, record: Manifest) -> Result<Option<Self>, StoreError> {
        let Some(model) = Stored::open(dir.join(MODEL), &record.files.model)? else { return Ok(None) };
        let samples = match &record.files.samples {
            None => None,
            Some(checksum) => match Stored::open(dir.join(SAMPLES), checksum)? {
                None => return Ok(None),
                found => found.map(Arc::new),
            },
        };
        Ok(Some(Self { record: Arc::new(record), model: Arc::new(model), samples }))
    }
}

/// An open file and what its bytes must be.
#[derive(Debug)]
struct Stored {
    place: NoFollowPath,
    file: File,
    checksum: Checksum,
}

impl Stored {
    fn open(place: NoFollowPath, checksum: &Checksum) -> Result<Option<Self>, StoreError> {
        let Some(file) = existing(files::open(&place)).during("open", &place)? else { return Ok(None) };
        let found = file.metadata().during("look at", &place)?;
        let whole = found.is_file() && found.len() == checksum.size;
        Ok(whole.then(|| Self { place, file, checksum: checksum.clone() }))
    }

    fn read(&self) -> Result<Vec<u8>, StoreError> {
        let size = usize::try_from(self.checksum.size)
            .map_err(|_| StoreError::corrupt(&self.place, "it does not fit into memory"))?;
        let mut bytes = vec![0; size];
        // Positioned reads: clones of this handle may read at the same time.
        let mut read =
            || failpoint("read a generation").and_then(|()| self.file.read_exact_at(&mut bytes, 0));
        read().during("read", &self.place)?;
        if Checksum::of(&bytes) == self.checksum {
            Ok(bytes)
        } else {
            Err(StoreError::corrupt(
                &self.place,
                "its bytes are not those that were published; restore it from a backup, or train the model anew",
            ))
        }
    }
}
