//! The jobs of a data directory.
//!
//! ```text
//! .mlbackend/jobs/<id>/job.json     the description, and the end; replaced atomically
//! .mlbackend/jobs/<id>/dataset, background   the uploads, until the end
//! .mlbackend/jobs/<id>/result       the reply, after a job that is done
//! .mlbackend/jobs/<id>/lock         locked while a process has the job
//! ```
//!
//! Owns how they are written. A job whose file is not locked has no process. Must not know which jobs are kept.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, ErrorKind, Seek as _, Write as _};
use std::time::Duration;

use jiff::Timestamp;

use super::place::{BACKGROUND, DATASET, Held, Lease, Place};
use crate::backend::{BackendError, Upload};
use crate::fs::failpoints::failpoint;
use crate::fs::is_no_space;
use crate::fs::nofollow::NoFollowPath;
use crate::http::async_jobs::record::{End, JobId, Record};
use crate::http::error::HttpError;
use crate::http::operations::Files;
use crate::store::{WORKSPACE, create_dir_all, sync_dir};

const RECORD: &str = "job.json";
const RESULT: &str = "result";
const LOCK: &str = "lock";

/// How often a server looks for jobs whose server has ended: only servers on one machine share a directory.
const INTERVAL: Duration = Duration::from_mins(1);

/// A directory without a description is being made, or its process ended while it made it.
const MAX_INCOMPLETE_TIME: Duration = Duration::from_hours(1);

/// The directory of the jobs.
pub(super) struct InDirectory(NoFollowPath);

impl InDirectory {
    /// That of the data directory with this root.
    pub(super) fn of(root: &NoFollowPath) -> Self {
        Self(root.join(WORKSPACE).join("jobs"))
    }

    fn ids(&self) -> Result<Vec<JobId>, HttpError> {
        let entries = existing(self.0.list()).map_err(failed)?.unwrap_or_default();
        Ok(entries.iter().filter_map(|entry| JobId::parse(entry.name.to_str()?)).collect())
    }

    fn dir_of(&self, id: &JobId) -> NoFollowPath {
        self.0.join(id.as_str())
    }
}

impl Place for InDirectory {
    fn interval(&self) -> Duration {
        INTERVAL
    }

    fn create(&self, id: &JobId, record: &Record, files: &mut Files) -> Result<Lease, HttpError> {
        let dir = self.dir_of(id);
        let mut write = || {
            let lock = take_lock(&dir)?.ok_or_else(|| io::Error::other("the lock of a new job is held"))?;
            copy(&mut files.dataset, &dir.join(DATASET))?;
            if let Some(background) = &mut files.background {
                copy(background, &dir.join(BACKGROUND))?;
            }
            write_record(&dir, record)?;
            Ok(lock)
        };
        create_dir_all(&dir).map_err(BackendError::from)?;
        match write() {
            Ok(lock) => {
                sync_dir(&self.0).map_err(BackendError::from)?;
                Ok(Lease::new(lock))
            }
            Err(error) => {
                let _ = dir.remove();
                Err(failed(error))
            }
        }
    }

    fn record(&self, id: &JobId) -> Result<Option<Record>, HttpError> {
        let Some(bytes) = existing(self.dir_of(id).join(RECORD).read()).map_err(failed)? else {
            return Ok(None);
        };
        Record::read(&bytes).map(Some)
    }

    fn records(&self) -> Result<Vec<(JobId, Record)>, HttpError> {
        let ids = self.ids()?;
        Ok(ids.into_iter().filter_map(|id| Some((id.clone(), self.record(&id).ok()??))).collect())
    }

    fn upload(&self, id: &JobId, name: &str) -> Result<Option<Upload>, HttpError> {
        let file = existing(self.dir_of(id).join(name).open()).map_err(failed)?;
        Ok(file.map(Upload::from))
    }

    fn result(&self, id: &JobId) -> Result<Option<Vec<u8>>, HttpError> {
        existing(self.dir_of(id).join(RESULT).read()).map_err(failed)
    }

    fn end(&self, id: &JobId, end: End, reply: Option<&[u8]>) -> Result<(), HttpError> {
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

    fn show(&self, id: &JobId) -> Result<(), HttpError> {
        let Some(record) = self.record(id)? else { return Ok(()) };
        let write = || write_record(&self.dir_of(id), &Record { is_hidden: false, ..record });
        existing(write()).map(drop).map_err(failed)
    }

    fn take(&self, id: &JobId) -> Result<Option<Lease>, HttpError> {
        let lock = existing(take_lock(&self.dir_of(id))).map_err(failed)?.flatten();
        Ok(lock.map(Lease::new))
    }

    fn remove(&self, id: &JobId) -> Result<(), HttpError> {
        existing(self.dir_of(id).remove()).map(drop).map_err(failed)
    }

    fn remove_incomplete(&self) -> Result<(), HttpError> {
        for id in self.ids()? {
            let dir = self.dir_of(&id);
            if dir.join(RECORD).kind().map_err(failed)?.is_some() {
                continue;
            }
            let modified = dir.metadata().map_err(failed)?.map_or(Duration::ZERO, |found| found.modified);
            let now = Duration::try_from(Timestamp::now().as_duration()).unwrap_or_default();
            if now.saturating_sub(modified) > MAX_INCOMPLETE_TIME {
                self.remove(&id)?;
            }
        }
        Ok(())
    }

    fn bytes(&self, ids: &HashSet<JobId>) -> Result<u64, HttpError> {
        let mut bytes = 0;
        for dir in ids.iter().map(|id| self.dir_of(id)) {
            for entry in existing(dir.list()).map_err(failed)?.unwrap_or_default() {
                bytes += dir.join(entry.name).metadata().map_err(failed)?.map_or(0, |found| found.size);
            }
        }
        Ok(bytes)
    }
}

impl Held for File {
    fn give_back(self: Box<Self>) {
        // Closing the file releases its lock.
    }
}

/// `None` if another process has the job. The system releases the lock when the file is closed, also after a crash.
fn take_lock(dir: &NoFollowPath) -> io::Result<Option<File>> {
    let lock = dir.join(LOCK).open_or_create()?;
    match lock.try_lock() {
        Ok(()) => Ok(Some(lock)),
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
