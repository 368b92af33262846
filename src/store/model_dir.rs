//! One model in a store: what the program does with it.
//!
//! Owns what is the same in every place. Must not know where the model is kept.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::error::StoreError;
use super::finding::Finding;
use super::generation::{Generation, NewGeneration};
use super::generation_info::GenerationInfo;
use super::identity::ModelIdentity;
use super::key::RunId;
use super::place::{LockedModel, ModelPlace, RunFiles, RunWriter, Verify};
use super::retention::Retention;

/// One model (uniqueid and dirhash): its generations, its samples and its evaluation runs.
#[derive(Debug, Clone)]
pub struct ModelDir(Arc<dyn ModelPlace>);

/// The lock of a model that is being changed; released when dropped.
#[derive(Debug)]
pub struct ModelLock(Box<dyn LockedModel>);

impl ModelDir {
    pub(super) fn new(place: Arc<dyn ModelPlace>) -> Self {
        Self(place)
    }

    /// Starts a job: after a deletion from now on, it publishes nothing. Call this before the job waits for anything;
    /// otherwise [`Self::lock`] or [`Self::begin_run`] starts it. The job ends when the returned value is dropped.
    pub fn begin_job(self) -> Result<Self, StoreError> {
        self.0.begin_job().map(Self)
    }

    /// Its path or address, which identifies it among the models of a server.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.0.path()
    }

    /// The retention of this model.
    #[must_use]
    pub fn retention(&self) -> Retention {
        self.0.retention()
    }

    /// Waits until no other job changes this model: of a data directory no job of any process, in a bucket no job of this
    /// process. Hold the lock from reading what a training starts from until publishing. A thread that holds it must not
    /// acquire it again.
    pub fn lock(&self) -> Result<ModelLock, StoreError> {
        self.0.lock().map(ModelLock)
    }

    /// The newest published generation, without a lock. `None` if nothing was published, though the Python server may
    /// have a model there. If the files of the newest one are missing or have another size, the one before;
    /// [`StoreError::Corrupt`] if no generation is intact.
    pub fn current(&self) -> Result<Option<Generation>, StoreError> {
        self.0.current()
    }

    /// Like [`Self::current`], but takes no lock and creates no file. While the first generation is being published, it
    /// may return that one.
    pub fn current_read_only(&self) -> Result<Option<Generation>, StoreError> {
        self.0.current_read_only()
    }

    /// The newest generation for which `read` succeeds, with its result. Older ones are tried after
    /// [`StoreError::Corrupt`]. `None` if nothing was published; the first error if `read` fails for all.
    pub fn newest_readable<T>(
        &self,
        read: impl Fn(&Generation) -> Result<T, StoreError>,
    ) -> Result<Option<(Generation, T)>, StoreError> {
        let (current, damage) = loop {
            let Some(current) = self.current()? else { return Ok(None) };
            match read(&current) {
                Ok(value) => return Ok(Some((current, value))),
                Err(damage @ StoreError::Corrupt { .. }) => break (current, damage),
                // Another server has just removed it: there is a newer one, or none.
                Err(StoreError::Superseded { .. }) => {}
                Err(error) => return Err(error),
            }
        };
        for generation in self.before(current.number())? {
            let generation = generation?;
            if let Ok(value) = read(&generation) {
                let number = generation.number();
                tracing::warn!(%damage, number, "the current generation is damaged: using this one before it");
                return Ok(Some((generation, value)));
            }
        }
        Err(damage)
    }

    /// The complete generations before this number, newest first.
    pub(super) fn before(
        &self,
        number: u64,
    ) -> Result<impl Iterator<Item = Result<Generation, StoreError>>, StoreError> {
        let numbers = self.0.numbers_before(number)?.into_iter();
        Ok(numbers.filter_map(|number| self.generation(number).transpose()))
    }

    /// The generation of this number; `None` if there is none or it is incomplete.
    pub(super) fn generation(&self, number: u64) -> Result<Option<Generation>, StoreError> {
        self.0.generation(number)
    }

    /// Publishes a new generation as the current one and removes those that the retention no longer keeps. After a crash
    /// either the old or the new one is current and complete. After an error the old one is current (or the new one, if
    /// only the confirmation of the switch failed).
    ///
    /// If the model was deleted since the job began, nothing is stored: the generation counts as published before the
    /// deletion. The returned one can be read all the same.
    ///
    /// # Errors
    /// [`StoreError::Superseded`] if another machine published since the lock was acquired: start again from its model.
    pub fn publish(&self, lock: &ModelLock, new: &NewGeneration<'_>) -> Result<Generation, StoreError> {
        lock.0.publish(new)
    }

    /// Makes the pointer name the generation that [`Self::current`] returns. They differ only if a crash interrupted the
    /// publication of the first one, or if the pointer was lost.
    pub fn repair_pointer(&self, lock: &ModelLock) -> Result<(), StoreError> {
        lock.0.repair_pointer()
    }

    /// What the record of the current generation says; `None` if nothing was published. Takes no lock.
    pub fn current_info(&self) -> Result<Option<GenerationInfo>, StoreError> {
        self.0.current_info()
    }

    /// The generations with an intact record, newest first. Their files are not looked at.
    pub fn generations(&self) -> Result<Vec<GenerationInfo>, StoreError> {
        self.0.generations()
    }

    /// The size of all files of the model, evaluation runs included; without those that cannot be read.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.bytes()
    }

    /// Whether the model with this identity is still the current one, undamaged as far as its size and times show. Needs no
    /// lock.
    pub fn is_current(&self, identity: &ModelIdentity) -> Result<bool, StoreError> {
        self.0.is_current(identity)
    }

    /// The identity of a model of the Python server, to be compared before and after its files are read; `None` if a change
    /// might go unnoticed, because the files are too new.
    pub fn python_server_identity(&self) -> Result<Option<ModelIdentity>, StoreError> {
        self.0.python_server_identity()
    }

    /// The files of a model that the Python server stored here, by their path in its directory; `None` if there is none.
    pub fn python_server_files(&self) -> Result<Option<BTreeMap<String, Vec<u8>>>, StoreError> {
        self.0.python_server_files()
    }

    /// Whether there is any file of the Python server, part of a complete model or not.
    #[must_use]
    pub fn has_python_server_files(&self) -> bool {
        self.0.has_python_server_files()
    }

    /// Removes the files of the Python server.
    pub fn remove_python_server_files(&self, lock: &ModelLock) -> Result<(), StoreError> {
        lock.0.remove_python_server_files()
    }

    /// Starts an evaluation run with a new id. Call this before reading the model: if the model is deleted during the
    /// evaluation, the run is not published.
    pub fn begin_run(&self) -> Result<NewRun, StoreError> {
        let (id, writer) = self.0.begin_run()?;
        Ok(NewRun { id, writer })
    }

    /// An id that no run has, and that no later run gets.
    pub fn next_run_id(&self) -> Result<RunId, StoreError> {
        self.0.next_run_id()
    }

    /// A published run. A deletion may remove it at any time.
    pub fn run(&self, run: RunId) -> Result<Option<Run>, StoreError> {
        Ok(self.0.run(run)?.map(Run))
    }

    /// The published runs.
    pub fn runs(&self) -> Result<Vec<RunId>, StoreError> {
        self.0.runs()
    }

    /// Examines this model and, with `repair`, repairs it.
    pub fn examine(&self, repair: bool, verify: Verify<'_>) -> Result<Vec<Finding>, StoreError> {
        self.0.examine(repair, verify)
    }
}

/// An evaluation run that is invisible until it is published. Its files are removed if it is dropped before.
#[derive(Debug)]
pub struct NewRun {
    /// The id of the run.
    pub id: RunId,
    writer: Box<dyn RunWriter>,
}

impl NewRun {
    /// Writes a file; directories in its name are created. This works also when the model was deleted.
    pub fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.writer.write(name, bytes)
    }

    /// Makes the run visible and removes those that the retention no longer keeps. If the model was deleted since the run
    /// began, nothing is stored: the run counts as published before the deletion.
    pub fn publish(self) -> Result<RunId, StoreError> {
        self.writer.publish()
    }
}

/// A published run.
#[derive(Debug)]
pub struct Run(Box<dyn RunFiles>);

impl Run {
    /// Its directory or address, for messages only.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.0.path()
    }

    /// The names of its regular files, with `/` between directories, sorted.
    pub fn files(&self) -> io::Result<Vec<String>> {
        self.0.files()
    }

    /// Reads one of its files.
    pub fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        self.0.read(name)
    }

    /// Reads the beginning of one of its files, at most `max` bytes.
    pub fn read_head(&self, name: &str, max: usize) -> io::Result<Vec<u8>> {
        self.0.read_head(name, max)
    }
}
