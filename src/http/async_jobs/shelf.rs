//! The directory with the asynchronous jobs of a data directory: their description, their uploads and their results.
//!
//! ```text
//! .mlbackend/jobs/<id>/job.json     the description, and the end; replaced atomically
//! .mlbackend/jobs/<id>/dataset, background   the uploads, until the end
//! .mlbackend/jobs/<id>/result       the reply, after a job that is done
//! .mlbackend/jobs/<id>/lock         locked while a process has the job
//! ```
//!
//! Owns how they are written, and which are removed. All servers on one data directory share it: a job whose file is not locked
//! has no process and can be taken. Must not know how a job is performed. Not for async workers, because it waits for the disk.

use std::fs::File;
use std::io::{self, ErrorKind, Seek as _, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::record::{End, JobId, Record};
use crate::backend::{BackendError, Upload};
use crate::fs::failpoints::failpoint;
use crate::fs::is_no_space;
use crate::fs::nofollow::NoFollowPath;
use crate::http::error::HttpError;
use crate::http::operations::{Files, Job};
use crate::store::{DirHash, ModelId, ModelKey, create_dir_all, sync_dir};

const RECORD: &str = "job.json";
const DATASET: &str = "dataset";
const BACKGROUND: &str = "background";
const RESULT: &str = "result";
const LOCK: &str = "lock";

/// A directory without a description is being made, or its process ended while it made it.
const MAX_INCOMPLETE_TIME: Duration = Duration::from_hours(1);

/// The directory of the jobs.
pub(in crate::http) struct Shelf {
    dir: NoFollowPath,
    keep_jobs: usize,
    keep_time: Duration,
    /// One job at a time is added, so that a user has no more than it may.
    adding: Mutex<()>,
}

/// What became of an attempt to take a job.
pub(super) enum Take {
    Taken(Lease),
    /// Another process has it.
    Held,
    /// It has ended, or was removed.
    Ended,
}

/// Held by the process that has a job.
pub(super) struct Lease {
    _lock: File,
}

impl Shelf {
    pub(in crate::http) fn new(dir: NoFollowPath, keep_jobs: usize, keep_time: Duration) -> Self {
        Self { dir, keep_jobs, keep_time, adding: Mutex::default() }
    }

    /// Stores a job, and takes it. Jobs of its user that ended give way; `None` if it has too many others.
    pub(super) fn add(&self, job: Job) -> Result<Option<(JobId, Lease)>, HttpError> {
        let _adding = self.adding.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.make_room(job.actor.user())? {
            return Ok(None);
        }
        let record = Record::of(&job);
        self.store(job, &record).map(Some)
    }

    /// Stores the job of a request whose client waits for the result. It does not count, and [`Record::is_hidden`].
    pub(super) fn add_hidden(&self, job: Job) -> Result<(JobId, Lease), HttpError> {
        let record = Record { is_hidden: true, ..Record::of(&job) };
        self.store(job, &record)
    }

    fn store(&self, mut job: Job, record: &Record) -> Result<(JobId, Lease), HttpError> {
        let id = JobId::new()?;
        let dir = self.dir_of(&id);
        let mut write = || {
            let lease = take_lock(&dir)?.ok_or_else(|| io::Error::other("the lock of a new job is held"))?;
            copy(&mut job.files.dataset, &dir.join(DATASET))?;
            if let Some(background) = &mut job.files.background {
                copy(background, &dir.join(BACKGROUND))?;
            }
            write_record(&dir, record)?;
            Ok(lease)
        };
        create_dir_all(&dir).map_err(BackendError::from)?;
        match write() {
            Ok(lease) => {
                sync_dir(&self.dir).map_err(BackendError::from)?;
                Ok((id, lease))
            }
            Err(error) => {
                let _ = dir.remove();
                Err(failed(error))
            }
        }
    }

    fn make_room(&self, user: &str) -> Result<bool, HttpError> {
        let mut own: Vec<_> = self
            .list()?
            .into_iter()
            .filter(|(_, record)| record.user() == user && !record.is_hidden)
            .collect();
        let too_many = (own.len() + 1).saturating_sub(self.keep_jobs);
        own.retain(|(_, record)| record.end.is_some());
        own.sort_by_key(|(_, record)| record.requested);
        if own.len() < too_many {
            return Ok(false);
        }
        own.iter().take(too_many).try_for_each(|(id, _)| self.remove(id))?;
        Ok(true)
    }

    /// A job; `None` if there is none, or its time is over.
    pub(in crate::http) fn record(&self, id: &JobId) -> Result<Option<Record>, HttpError> {
        let Some(bytes) = existing(self.dir_of(id).join(RECORD).read()).map_err(failed)? else {
            return Ok(None);
        };
        let record: Record = serde_json::from_slice(&bytes)
            .map_err(|error| HttpError::internal("reading the description of a job", error))?;
        Ok(Some(record).filter(|record| !self.is_over(record)))
    }

    /// All jobs, in no particular order. A damaged one is left out.
    pub(in crate::http) fn list(&self) -> Result<Vec<(JobId, Record)>, HttpError> {
        let ids = self.ids()?;
        Ok(ids.into_iter().filter_map(|id| Some((id.clone(), self.record(&id).ok()??))).collect())
    }

    /// The reply of a job that is done.
    pub(in crate::http) fn result(&self, id: &JobId) -> Result<Option<Vec<u8>>, HttpError> {
        existing(self.dir_of(id).join(RESULT).read()).map_err(failed)
    }

    /// The job itself, with its files.
    pub(super) fn job(&self, id: &JobId) -> Result<Option<Job>, HttpError> {
        let Some(record) = self.record(id)? else { return Ok(None) };
        let dir = self.dir_of(id);
        let Some(dataset) = existing(dir.join(DATASET).open()).map_err(failed)? else { return Ok(None) };
        let bytes = dataset.metadata().map_err(failed)?.len();
        let sha256 = record.sha256.as_deref().and_then(|text| hex::decode(text).ok()?.try_into().ok());
        let dataset = match sha256 {
            Some(sha256) => Upload::from(dataset).with_sha256(sha256),
            None => Upload::from(dataset),
        };
        let background = existing(dir.join(BACKGROUND).open()).map_err(failed)?.map(Upload::from);
        let Record { task, uniqueid, dirhash, actor, .. } = record;
        let key = ModelKey { id: ModelId::new(&uniqueid)?, dir: DirHash::new("dirhash", &dirhash)? };
        Ok(Some(Job { task, key, actor, files: Files { dataset, background }, bytes }))
    }

    /// Stores the end of a job and its reply, and removes its uploads. A job that was removed in between stays so.
    pub(super) fn end(&self, id: &JobId, end: End, reply: Option<&[u8]>) -> Result<(), HttpError> {
        let dir = self.dir_of(id);
        let Some(record) = self.record(id)? else { return Ok(()) };
        let write = || {
            if let Some(reply) = reply {
                let path = dir.join(RESULT);
                // The process that had the job before can have left it.
                existing(path.remove_file())?;
                write_new(&path, reply)?;
            }
            write_record(&dir, &Record { end: Some(end), ..record })?;
            existing(dir.join(DATASET).remove_file())?;
            existing(dir.join(BACKGROUND).remove_file()).map(drop)
        };
        existing(write()).map(drop).map_err(failed)
    }

    /// Takes a job that has not ended and has no process.
    pub(super) fn take(&self, id: &JobId) -> Result<Take, HttpError> {
        // Taking the lock would make the directory of a job that is gone again.
        if self.record(id)?.is_none_or(|record| record.end.is_some()) {
            return Ok(Take::Ended);
        }
        match existing(take_lock(&self.dir_of(id))).map_err(failed)? {
            // Its process can have ended it in between.
            Some(Some(_)) if self.record(id)?.is_none_or(|record| record.end.is_some()) => Ok(Take::Ended),
            Some(Some(lease)) => Ok(Take::Taken(lease)),
            Some(None) => Ok(Take::Held),
            None => Ok(Take::Ended),
        }
    }

    /// Shows a hidden job in the list.
    pub(super) fn show(&self, id: &JobId) -> Result<(), HttpError> {
        let Some(record) = self.record(id)? else { return Ok(()) };
        let write = || write_record(&self.dir_of(id), &Record { is_hidden: false, ..record });
        existing(write()).map(drop).map_err(failed)
    }

    /// Removes the jobs whose time is over, and those that were never stored completely.
    pub(super) fn tidy(&self) -> Result<(), HttpError> {
        for id in self.ids()? {
            let dir = self.dir_of(&id);
            if dir.join(RECORD).kind().map_err(failed)?.is_none() {
                let modified = dir.metadata().map_err(failed)?.map_or(Duration::ZERO, |found| found.modified);
                let now = Duration::try_from(Timestamp::now().as_duration()).unwrap_or_default();
                if now.saturating_sub(modified) > MAX_INCOMPLETE_TIME {
                    self.remove(&id)?;
                }
            } else if matches!(self.record(&id), Ok(None)) {
                self.remove(&id)?;
            }
        }
        Ok(())
    }

    /// Removes a job with all its files.
    pub(in crate::http) fn remove(&self, id: &JobId) -> Result<(), HttpError> {
        existing(self.dir_of(id).remove()).map(drop).map_err(failed)
    }

    /// The bytes of the files of a user's jobs.
    pub(in crate::http) fn bytes_of(&self, user: &str) -> Result<u64, HttpError> {
        let mut bytes = 0;
        for (id, _) in self.list()?.into_iter().filter(|(_, record)| record.user() == user) {
            let dir = self.dir_of(&id);
            for entry in existing(dir.list()).map_err(failed)?.unwrap_or_default() {
                bytes += dir.join(entry.name).metadata().map_err(failed)?.map_or(0, |found| found.size);
            }
        }
        Ok(bytes)
    }

    fn ids(&self) -> Result<Vec<JobId>, HttpError> {
        let entries = existing(self.dir.list()).map_err(failed)?.unwrap_or_default();
        Ok(entries.iter().filter_map(|entry| JobId::parse(entry.name.to_str()?)).collect())
    }

    fn is_over(&self, record: &Record) -> bool {
        let Some(end) = &record.end else { return false };
        let kept = SignedDuration::try_from(self.keep_time).unwrap_or(SignedDuration::MAX);
        Timestamp::now().duration_since(end.time) >= kept
    }

    fn dir_of(&self, id: &JobId) -> NoFollowPath {
        self.dir.join(id.as_str())
    }
}

/// `None` if another process has the job. The system releases the lock when the file is closed, also after a crash.
fn take_lock(dir: &NoFollowPath) -> io::Result<Option<Lease>> {
    let lock = dir.join(LOCK).open_or_create()?;
    match lock.try_lock() {
        Ok(()) => Ok(Some(Lease { _lock: lock })),
        Err(std::fs::TryLockError::WouldBlock) => Ok(None),
        Err(std::fs::TryLockError::Error(error)) => Err(error),
    }
}

fn copy(upload: &mut Upload, path: &NoFollowPath) -> io::Result<()> {
    upload.rewind()?;
    let mut file = failpoint("write a job's upload").and_then(|()| path.create_new())?;
    io::copy(upload, &mut file)?;
    file.sync_all()
}

fn write_new(path: &NoFollowPath, bytes: &[u8]) -> io::Result<()> {
    let mut file = path.create_new()?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn write_record(dir: &NoFollowPath, record: &Record) -> io::Result<()> {
    let new = dir.join(format!("{RECORD}.new"));
    existing(new.remove_file())?;
    failpoint("write a job").and_then(|()| write_new(&new, &serde_json::to_vec(record)?))?;
    new.rename(&dir.join(RECORD))?;
    dir.open_directory()?.sync_all()
}

/// `None` for what does not exist.
fn existing<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        result => result.map(Some),
    }
}

fn failed(error: io::Error) -> HttpError {
    if !is_no_space(error.kind()) {
        return HttpError::internal("storing a job", error);
    }
    tracing::error!(%error, "the disk is full: a job cannot be stored in the data directory");
    HttpError::Backend(BackendError::NoSpace)
}
