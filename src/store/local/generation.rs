//! One published state of a model.
//!
//! Owns its open files and verifies what is read from them. Must not know which generation is the current one.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::files;
use crate::fs::failpoints::failpoint;
use crate::fs::nofollow::{FileIdentity, NoFollowPath};
use crate::store::error::{IoContext, StoreError};
use crate::store::generation::{Generation, GenerationFiles};
use crate::store::identity::ModelIdentity;
use crate::store::manifest::{Checksum, MODEL, Manifest, SAMPLES};

/// One published state of a model.
///
/// Its files are open: they stay readable and unchanged while newer generations are published and when the model is
/// deleted.
#[derive(Debug, Clone)]
pub struct LocalGeneration {
    pub(super) manifest: Arc<Manifest>,
    model: Arc<VerifiedFile>,
    samples: Option<Arc<VerifiedFile>>,
    /// The pointer that named it; `None` if it was found without one.
    pointer: Option<Arc<[u8]>>,
}

impl LocalGeneration {
    /// Counts from 1.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.manifest.generation
    }

    /// Compares the checksums of all files; [`StoreError::Corrupt`] names the first that was changed.
    pub(super) fn verify(&self) -> Result<(), StoreError> {
        self.model()?;
        self.samples().map(drop)
    }

    /// The same, found through a pointer with this content.
    pub(super) fn named_by(self, pointer: Vec<u8>) -> Self {
        Self { pointer: Some(pointer.into()), ..self }
    }

    /// Opens the files in `dir`; `None` if one is missing or has another size. Checksums are compared when a file is
    /// read.
    pub(super) fn open(dir: &NoFollowPath, manifest: Manifest) -> Result<Option<Self>, StoreError> {
        let open = |name, checksum| VerifiedFile::open(dir.join(name), checksum);
        let Some(model) = open(MODEL, &manifest.files.model)? else { return Ok(None) };
        let samples = manifest.files.samples.as_ref().map(|checksum| open(SAMPLES, checksum)).transpose()?;
        // No file where there should be one.
        if samples.as_ref().is_some_and(Option::is_none) {
            return Ok(None);
        }
        Ok(Some(Self { manifest: Arc::new(manifest), model, samples: samples.flatten(), pointer: None }))
    }
}

impl GenerationFiles for LocalGeneration {
    fn model(&self) -> Result<Vec<u8>, StoreError> {
        self.model.read()
    }

    fn samples(&self) -> Result<Option<Vec<u8>>, StoreError> {
        self.samples.as_ref().map(|samples| samples.read()).transpose()
    }

    fn identity(&self) -> Option<ModelIdentity> {
        let pointer = Arc::clone(self.pointer.as_ref()?);
        Some(ModelIdentity::of_generation(self.number(), pointer, self.model.identity))
    }
}

impl From<LocalGeneration> for Generation {
    fn from(generation: LocalGeneration) -> Self {
        Self::new(Arc::clone(&generation.manifest), Arc::new(generation))
    }
}

/// An open file with the checksum that it was published with.
#[derive(Debug)]
struct VerifiedFile {
    path: NoFollowPath,
    file: File,
    /// When it was opened.
    identity: FileIdentity,
    checksum: Checksum,
}

impl VerifiedFile {
    fn open(path: NoFollowPath, checksum: &Checksum) -> Result<Option<Arc<Self>>, StoreError> {
        let Some(file) = files::open(&path)? else { return Ok(None) };
        let metadata = file.metadata().context("look at", &path)?;
        let has_size = metadata.is_file() && metadata.len() == checksum.size;
        let identity = FileIdentity::of(&metadata);
        Ok(has_size.then(|| Arc::new(Self { path, file, identity, checksum: checksum.clone() })))
    }

    fn read(&self) -> Result<Vec<u8>, StoreError> {
        let corrupt = |problem| Err(StoreError::corrupt(&self.path, problem));
        let Ok(size) = usize::try_from(self.checksum.size) else {
            return corrupt("it does not fit into memory");
        };
        let mut bytes = vec![0; size];
        // Positioned, because clones of the generation may read at the same time.
        failpoint("read a generation")
            .and_then(|()| self.file.read_exact_at(&mut bytes, 0))
            .context("read", &self.path)?;
        if Checksum::of(&bytes) == self.checksum {
            Ok(bytes)
        } else {
            corrupt("its checksum differs; restore it from a backup, or train the model anew")
        }
    }
}
