//! Where models, their samples and their evaluation runs live.
//!
//! Owns directories, generations, locks and atomic publishing. Must not know
//! what a model or a dataset is: it keeps bytes.

mod id;

pub use id::{DirHash, IdError, ModelId, RunId};

use std::path::{Path, PathBuf};

/// Why something could not be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The data directory cannot be used at all.
    #[error("{0}")]
    Unusable(String),
}

impl StoreError {
    /// Whether the disk was full.
    #[must_use]
    pub fn is_no_space(&self) -> bool {
        false
    }
}

/// The data directory of a server.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
}

impl Store {
    /// Opens an existing, writable data directory and clears what a crash left half-made.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        let _ = root;
        todo!()
    }

    /// The home of one model; nothing is created until something is stored.
    #[must_use]
    pub fn model(&self, id: &ModelId, dir: &DirHash) -> ModelHome {
        let _ = (id, dir, &self.root);
        todo!()
    }

    /// Deletes everything under one model id; fine when there is nothing.
    pub fn delete(&self, id: &ModelId) -> Result<(), StoreError> {
        let _ = id;
        todo!()
    }
}

/// Where one uniqueid/dirhash keeps its generations and its runs.
#[derive(Debug, Clone)]
pub struct ModelHome {
    dir: PathBuf,
}

impl ModelHome {
    /// A model directory outside of a [`Store`], as Moodle's local mode names it.
    #[must_use]
    pub fn at(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    /// Waits until nobody else changes this model, also in other processes.
    pub fn lock(&self) -> Result<ModelLock, StoreError> {
        let _ = &self.dir;
        todo!()
    }

    /// The newest published generation; needs no lock.
    pub fn current(&self) -> Result<Option<Generation>, StoreError> {
        todo!()
    }

    /// Makes a new generation the current one: after a crash at any moment either the old or the
    /// new one is current, whole.
    pub fn publish(&self, lock: &ModelLock, new: &NewGeneration<'_>) -> Result<Generation, StoreError> {
        let _ = (lock, new);
        todo!()
    }

    /// Starts an evaluation run with an id that no other run of this model has or gets.
    pub fn begin_run(&self) -> Result<NewRun, StoreError> {
        todo!()
    }

    /// The directory of a published run.
    pub fn run(&self, run: RunId) -> Result<Option<PathBuf>, StoreError> {
        let _ = run;
        todo!()
    }
}

/// Held while a model is changed; released when dropped.
#[derive(Debug)]
pub struct ModelLock;

/// What a new generation consists of.
#[derive(Debug, Clone, Copy)]
pub struct NewGeneration<'a> {
    /// The bytes of `model.onnx`.
    pub model: &'a [u8],
    /// The bytes of the samples it has learnt from; an imported model has none.
    pub samples: Option<&'a [u8]>,
    /// Facts for people and tools, kept in the pointer file.
    pub facts: &'a serde_json::Value,
}

/// One published state of a model.
#[derive(Debug, Clone)]
pub struct Generation;

impl Generation {
    /// Counts from 1.
    #[must_use]
    pub fn number(&self) -> u64 {
        todo!()
    }

    /// The facts given when it was published.
    #[must_use]
    pub fn facts(&self) -> &serde_json::Value {
        todo!()
    }

    /// Reads `model.onnx`, checked against the checksum taken when it was published.
    pub fn model(&self) -> Result<Vec<u8>, StoreError> {
        todo!()
    }

    /// Reads the samples, checked likewise.
    pub fn samples(&self) -> Result<Option<Vec<u8>>, StoreError> {
        todo!()
    }
}

/// An evaluation run that nobody sees before it is published.
#[derive(Debug)]
pub struct NewRun;

impl NewRun {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> RunId {
        todo!()
    }

    /// Where to write its files meanwhile.
    #[must_use]
    pub fn dir(&self) -> &Path {
        todo!()
    }

    /// Where they will be once it is published.
    #[must_use]
    pub fn published_dir(&self) -> &Path {
        todo!()
    }

    /// Makes it visible; dropped without this, its files vanish.
    pub fn publish(self) -> Result<RunId, StoreError> {
        todo!()
    }
}
