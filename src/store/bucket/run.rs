//! The evaluation runs of a model in a bucket: one zip each.
//!
//! Owns their publication with one put, and the ids that no two servers use. Must not know what their files contain.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Cursor, ErrorKind, Read as _, Write as _};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::epoch::Epoch;
use super::keys;
use super::model::BucketModel;
use super::objects::{Condition, Got};
use super::outside::now;
use crate::store::error::StoreError;
use crate::store::key::RunId;
use crate::store::place::{RunFiles, RunWriter};

/// How often another id is tried when another server has one.
const ATTEMPTS: usize = 1000;

impl BucketModel {
    /// An id that no run has now.
    pub(super) fn next_run_id(&self) -> Result<RunId, StoreError> {
        let prefix = self.prefix(&self.epoch_of_job()?);
        for _ in 0..ATTEMPTS {
            let id = self.shared.next_run_id();
            let key = format!("{prefix}{}", keys::run(id));
            if matches!(self.shared.objects.get(&key, None)?, Got::Missing) {
                return Ok(RunId(id));
            }
        }
        Err(StoreError::Superseded { path: self.address() })
    }

    /// Reserves an id and collects the files of a run.
    pub(super) fn begin_run(&self) -> Result<NewBucketRun, StoreError> {
        let model = self.in_job()?;
        let epoch = model.epoch_of_job()?;
        let prefix = model.prefix(&epoch);
        for _ in 0..ATTEMPTS {
            let id = self.shared.next_run_id();
            let reserved = format!("{prefix}{}{id}", keys::RUN_IDS);
            // Refused: another server has it, or a first attempt of ours has; another id does for both.
            if self.shared.objects.put(&reserved, Vec::new(), Condition::Absent)?.is_none() {
                continue;
            }
            let run = NewBucketRun {
                id: RunId(id),
                model: model.clone(),
                epoch: epoch.clone(),
                reserved,
                files: Mutex::default(),
            };
            // The reservation of a stored run is gone, and the clocks of servers differ: it may have the same id.
            let stored = format!("{prefix}{}", keys::run(id));
            if matches!(self.shared.objects.get(&stored, None)?, Got::Missing) {
                return Ok(run);
            }
        }
        Err(StoreError::Superseded { path: self.address() })
    }

    pub(super) fn run(&self, run: RunId) -> Result<Option<BucketRun>, StoreError> {
        let key = format!("{}{}", self.prefix(&self.epoch()?), keys::run(run.0));
        let Some((bytes, _)) = self.shared.objects.get(&key, None)?.found() else { return Ok(None) };
        Ok(Some(BucketRun { address: self.shared.objects.address(&key), zip: bytes }))
    }

    /// The published runs, oldest first.
    pub(super) fn runs(&self) -> Result<Vec<RunId>, StoreError> {
        Ok(self.runs_with_times()?.into_iter().map(|(_, run)| run).collect())
    }

    /// The same with the later of the times in the name and of the object, in milliseconds since 1970.
    pub(super) fn runs_with_times(&self) -> Result<Vec<(u64, RunId)>, StoreError> {
        let prefix = self.prefix(&self.epoch()?);
        let mut runs = Vec::new();
        for object in self.shared.objects.list(&format!("{prefix}{}", keys::RUNS))? {
            if let Some(run) = object.key.strip_prefix(&prefix).and_then(keys::run_of) {
                runs.push((object.stored_at.max(run), RunId(run)));
            }
        }
        runs.sort_unstable_by_key(|(_, run)| run.0);
        Ok(runs)
    }
}

/// An evaluation run that is being written. Nothing but its id is in the bucket.
#[derive(Debug)]
pub(super) struct NewBucketRun {
    pub(super) id: RunId,
    model: BucketModel,
    epoch: Epoch,
    reserved: String,
    files: Mutex<BTreeMap<String, Vec<u8>>>,
}

impl RunWriter for NewBucketRun {
    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        match files.insert(name.to_owned(), bytes.to_vec()) {
            None => Ok(()),
            Some(_) => Err(ErrorKind::AlreadyExists.into()),
        }
    }

    fn publish(self: Box<Self>) -> Result<RunId, StoreError> {
        let model = &self.model;
        let objects = &*model.shared.objects;
        let prefix = model.prefix(&self.epoch);
        let key = format!("{prefix}{}", keys::run(self.id.0));
        let _publishing = model.shared.publishing(&key)?;
        let zip = zipped(&self.files.lock().unwrap_or_else(PoisonError::into_inner))
            .map_err(|source| StoreError::Io { action: "pack", path: objects.address(&key), source })?;
        // Refused: its first attempt was stored, or a late request removed the reservation and another server has the id.
        if objects.put(&key, zip.clone(), Condition::Absent)?.is_none() {
            let stored = objects.get(&key, None)?.found();
            if stored.is_some_and(|(stored, _)| stored != zip) {
                return Err(StoreError::Superseded { path: objects.address(&key) });
            }
        }
        if !self.epoch.is_present(objects, &model.id)? {
            tracing::info!(run = %self.id, "the model was deleted during the evaluation: nothing is stored");
            objects.delete(&key)?;
            return Ok(self.id);
        }
        let outdated = model.runs_with_times().map(|runs| model.retention.outdated_runs(runs, now()));
        let removed = outdated.and_then(|runs| {
            for (run, _) in runs {
                objects.delete(&format!("{prefix}{}", keys::run(run.0)))?;
            }
            Ok(())
        });
        if let Err(error) = removed {
            tracing::warn!(%error, "outdated runs stay until the next evaluation");
        }
        Ok(self.id)
    }
}

impl Drop for NewBucketRun {
    fn drop(&mut self) {
        if let Err(error) = self.model.shared.objects.delete(&self.reserved) {
            tracing::warn!(%error, "the reservation of a run id stays until the retention settings are applied");
        }
    }
}

/// The files of a run as one zip.
fn zipped(files: &BTreeMap<String, Vec<u8>>) -> io::Result<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for (name, bytes) in files {
        zip.start_file(name, options)?;
        zip.write_all(bytes)?;
    }
    Ok(zip.finish()?.into_inner())
}

/// A published run.
#[derive(Debug)]
pub(super) struct BucketRun {
    address: PathBuf,
    zip: Vec<u8>,
}

impl BucketRun {
    fn archive(&self) -> io::Result<ZipArchive<Cursor<&[u8]>>> {
        Ok(ZipArchive::new(Cursor::new(&self.zip[..]))?)
    }
}

impl RunFiles for BucketRun {
    fn path(&self) -> PathBuf {
        self.address.clone()
    }

    fn files(&self) -> io::Result<Vec<String>> {
        let archive = self.archive()?;
        let names = archive.file_names().map(|name| name.map(Cow::into_owned));
        let mut names = names.collect::<Result<Vec<String>, _>>()?;
        names.sort_unstable();
        Ok(names)
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        self.read_head(name, usize::MAX)
    }

    fn read_head(&self, name: &str, max: usize) -> io::Result<Vec<u8>> {
        let mut archive = self.archive()?;
        let mut bytes = Vec::new();
        archive.by_name(name)?.take(max as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}
