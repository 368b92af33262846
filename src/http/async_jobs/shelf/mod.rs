//! Where the asynchronous jobs are kept: their description, their uploads and their results.
//!
//! Owns which jobs a user may have, when they give way, and which of them have no process. Must not know how a job is
//! performed, nor how it is stored: that is `directory` and `bucket`. Not for async workers, because it waits for the store.

mod bucket;
mod directory;
mod place;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::record::{End, JobId, Record};
use crate::backend::Upload;
use crate::http::error::HttpError;
use crate::http::operations::{Files, Job};
use crate::store::{DirHash, ModelId, ModelKey, OwnPlace, Store};
use bucket::InBucket;
use directory::InDirectory;
pub(super) use place::Lease;
use place::{BACKGROUND, DATASET, Place};

/// The stored jobs of all servers that share a store.
pub(in crate::http) struct Shelf {
    place: Box<dyn Place>,
    keep_jobs: usize,
    keep_time: Duration,
    /// One job at a time is added, so that a user has no more than it may; several servers can exceed that by one each.
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

impl Shelf {
    /// The jobs of a store.
    pub(in crate::http) fn of(store: &Store, keep_jobs: usize, keep_time: Duration) -> Self {
        let place: Box<dyn Place> = match store.own_place() {
            OwnPlace::Directory(root) => Box::new(InDirectory::of(root)),
            OwnPlace::Bucket(objects) => Box::new(InBucket::of(objects)),
        };
        Self { place, keep_jobs, keep_time, adding: Mutex::default() }
    }

    /// How often a server looks for jobs without a process.
    pub(super) fn interval(&self) -> Duration {
        self.place.interval()
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
        let lease = self.place.create(&id, record, &mut job.files)?;
        Ok((id, lease))
    }

    fn make_room(&self, user: &str) -> Result<bool, HttpError> {
        let mut own = self.list()?;
        own.retain(|(_, record)| record.user() == user && !record.is_hidden);
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
        Ok(self.place.record(id)?.filter(|record| !self.is_over(record)))
    }

    /// All jobs, in no particular order. A damaged one is left out.
    pub(in crate::http) fn list(&self) -> Result<Vec<(JobId, Record)>, HttpError> {
        let mut all = self.place.records()?;
        all.retain(|(_, record)| !self.is_over(record));
        Ok(all)
    }

    /// The reply of a job that is done.
    pub(in crate::http) fn result(&self, id: &JobId) -> Result<Option<Vec<u8>>, HttpError> {
        self.place.result(id)
    }

    /// The job itself, with its files.
    pub(super) fn job(&self, id: &JobId) -> Result<Option<Job>, HttpError> {
        let Some(record) = self.record(id)? else { return Ok(None) };
        let Some(dataset) = self.place.upload(id, DATASET)? else { return Ok(None) };
        let bytes =
            dataset.bytes().map_err(|error| HttpError::internal("reading the upload of a job", error))?;
        let dataset = with_sha256(dataset, record.sha256.as_deref());
        let background = self.place.upload(id, BACKGROUND)?;
        let Record { task, uniqueid, dirhash, actor, .. } = record;
        let key = ModelKey { id: ModelId::new(&uniqueid)?, dir: DirHash::new("dirhash", &dirhash)? };
        Ok(Some(Job { task, key, actor, files: Files { dataset, background }, bytes }))
    }

    /// Stores the end of a job and its reply, and removes its uploads. A job that was removed in between stays so.
    pub(super) fn end(&self, id: &JobId, end: End, reply: Option<&[u8]>) -> Result<(), HttpError> {
        self.place.end(id, end, reply)
    }

    /// Takes a job that has not ended and has no process.
    pub(super) fn take(&self, id: &JobId) -> Result<Take, HttpError> {
        let has_ended = || Ok::<_, HttpError>(self.record(id)?.is_none_or(|record| record.end.is_some()));
        // Otherwise, taking it would make a part of a job that is gone again.
        if has_ended()? {
            return Ok(Take::Ended);
        }
        let Some(lease) = self.place.take(id)? else { return Ok(Take::Held) };
        // Its process can have ended it in between.
        if has_ended()? {
            lease.give_back();
            return Ok(Take::Ended);
        }
        Ok(Take::Taken(lease))
    }

    /// Shows a hidden job in the list.
    pub(super) fn show(&self, id: &JobId) -> Result<(), HttpError> {
        self.place.show(id)
    }

    /// Removes the jobs whose time is over, and those that were never stored completely.
    pub(super) fn tidy(&self) -> Result<(), HttpError> {
        self.place.remove_incomplete()?;
        let is_over = |(_, record): &(JobId, Record)| self.is_over(record);
        self.place.records()?.iter().filter(|job| is_over(job)).try_for_each(|(id, _)| self.remove(id))
    }

    /// Removes a job with all its files.
    pub(in crate::http) fn remove(&self, id: &JobId) -> Result<(), HttpError> {
        self.place.remove(id)
    }

    /// The bytes of the files of a user's jobs.
    pub(in crate::http) fn bytes_of(&self, user: &str) -> Result<u64, HttpError> {
        let own = self.list()?.into_iter().filter(|(_, record)| record.user() == user);
        self.place.bytes(&own.map(|(id, _)| id).collect())
    }

    fn is_over(&self, record: &Record) -> bool {
        let Some(end) = &record.end else { return false };
        let kept = SignedDuration::try_from(self.keep_time).unwrap_or(SignedDuration::MAX);
        Timestamp::now().duration_since(end.time) >= kept
    }
}

fn with_sha256(upload: Upload, text: Option<&str>) -> Upload {
    match text.and_then(|text| hex::decode(text).ok()?.try_into().ok()) {
        Some(sha256) => upload.with_sha256(sha256),
        None => upload,
    }
}
