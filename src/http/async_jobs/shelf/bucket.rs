//! The jobs of a bucket.
//!
//! ```text
//! .mlbackend/jobs/<id>/job.json              the description, stored last; replaced once, with the end
//! .mlbackend/jobs/<id>/dataset, background   the uploads, until the end
//! .mlbackend/jobs/<id>/result                the reply, after a job that is done
//! .mlbackend/jobs/<id>/lease                 replaced again and again while a process has the job
//! ```
//!
//! Owns how they are stored, and what is remembered of them: a description with an end never changes. Must not know which jobs
//! are kept, nor how a lease is renewed.

use std::collections::{HashMap, HashSet};
use std::io::{Read as _, Seek as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::place::{BACKGROUND, DATASET, Held, Lease, Place};
use crate::backend::{BackendError, Upload};
use crate::http::async_jobs::record::{End, JobId, Record};
use crate::http::error::HttpError;
use crate::http::operations::Files;
use crate::store::{self, Condition, LEASE_EXPIRY, Leases, Objects, StoreError, Unavailable};

const PREFIX: &str = ".mlbackend/jobs/";
const RECORD: &str = "job.json";
const RESULT: &str = "result";
const LEASE: &str = "lease";

/// A job without a description is being stored, or its process ended while it stored it.
const MAX_INCOMPLETE_TIME: Duration = Duration::from_hours(1);

/// The jobs of a bucket.
pub(super) struct InBucket {
    objects: Arc<dyn Objects>,
    leases: Leases,
    /// Descriptions with an end.
    ended: Mutex<HashMap<JobId, Record>>,
}

impl InBucket {
    /// The jobs of this bucket.
    pub(super) fn of(objects: &Arc<dyn Objects>) -> Self {
        Self { objects: Arc::clone(objects), leases: Leases::of(objects), ended: Mutex::default() }
    }

    fn put_upload(&self, id: &JobId, name: &str, upload: &mut Upload) -> Result<(), HttpError> {
        let mut bytes = Vec::new();
        let read = upload.rewind().and_then(|()| upload.read_to_end(&mut bytes));
        read.map_err(|error| HttpError::internal("reading an upload", error))?;
        self.objects.put(&key(id, name), bytes, Condition::Any).map(drop).map_err(failed)
    }

    fn found(&self, id: &JobId, name: &str) -> Result<Option<Vec<u8>>, HttpError> {
        let got = self.objects.get(&key(id, name), None).map_err(failed)?;
        Ok(got.found().map(|(bytes, _)| bytes))
    }

    fn delete(&self, id: &JobId, names: &[&str]) -> Result<(), HttpError> {
        names.iter().try_for_each(|name| self.objects.delete(&key(id, name))).map_err(failed)
    }
}

impl Place for InBucket {
    fn interval(&self) -> Duration {
        LEASE_EXPIRY
    }

    fn create(&self, id: &JobId, record: &Record, files: &mut Files) -> Result<Lease, HttpError> {
        let lease = self.leases.take(&key(id, LEASE)).map_err(failed)?;
        let lease = lease.ok_or_else(|| HttpError::internal("storing a job", "its lease is held"))?;
        let mut write = || {
            self.put_upload(id, DATASET, &mut files.dataset)?;
            if let Some(background) = &mut files.background {
                self.put_upload(id, BACKGROUND, background)?;
            }
            self.objects.put(&key(id, RECORD), json(record)?, Condition::Absent).map(drop).map_err(failed)
        };
        write().inspect_err(|_| drop(self.remove(id)))?;
        Ok(Lease::new(lease))
    }

    fn record(&self, id: &JobId) -> Result<Option<Record>, HttpError> {
        self.found(id, RECORD)?.map(|bytes| Record::read(&bytes)).transpose()
    }

    fn records(&self) -> Result<Vec<(JobId, Record)>, HttpError> {
        let names = self.objects.directories(PREFIX).map_err(failed)?;
        let ids: HashSet<JobId> = names.iter().filter_map(|name| JobId::parse(name)).collect();
        let mut records = {
            let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
            ended.retain(|id, _| ids.contains(id));
            ended.clone()
        };
        for id in ids {
            if records.contains_key(&id) {
                continue;
            }
            let Some(bytes) = self.found(&id, RECORD)? else { continue };
            // One that is damaged is left out.
            if let Ok(record) = Record::read(&bytes) {
                if record.end.is_some() {
                    let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
                    ended.insert(id.clone(), record.clone());
                }
                records.insert(id, record);
            }
        }
        Ok(records.into_iter().collect())
    }

    fn upload(&self, id: &JobId, name: &str) -> Result<Option<Upload>, HttpError> {
        Ok(self.found(id, name)?.map(Upload::from))
    }

    fn result(&self, id: &JobId) -> Result<Option<Vec<u8>>, HttpError> {
        self.found(id, RESULT)
    }

    fn end(&self, id: &JobId, end: End, reply: Option<&[u8]>) -> Result<(), HttpError> {
        let got = self.objects.get(&key(id, RECORD), None).map_err(failed)?;
        let Some((bytes, version)) = got.found() else { return Ok(()) };
        let record = Record::read(&bytes)?;
        if record.end.is_none() {
            if let Some(reply) = reply {
                self.objects.put(&key(id, RESULT), reply.to_vec(), Condition::Any).map_err(failed)?;
            }
            let ended = json(&Record { end: Some(end), ..record })?;
            let put = self.objects.put(&key(id, RECORD), ended, Condition::Is(&version)).map_err(failed)?;
            if put.is_none() && self.record(id)?.is_none() {
                // It was removed in between.
                return self.delete(id, &[RESULT, DATASET, BACKGROUND, LEASE]);
            }
        }
        self.delete(id, &[DATASET, BACKGROUND])
    }

    fn show(&self, id: &JobId) -> Result<(), HttpError> {
        let got = self.objects.get(&key(id, RECORD), None).map_err(failed)?;
        let Some((bytes, version)) = got.found() else { return Ok(()) };
        let shown = Record { is_hidden: false, ..Record::read(&bytes)? };
        // If it was replaced in between, it has ended: then it is not to be shown.
        self.objects.put(&key(id, RECORD), json(&shown)?, Condition::Is(&version)).map(drop).map_err(failed)
    }

    fn take(&self, id: &JobId) -> Result<Option<Lease>, HttpError> {
        Ok(self.leases.take(&key(id, LEASE)).map_err(failed)?.map(Lease::new))
    }

    fn remove(&self, id: &JobId) -> Result<(), HttpError> {
        // The description first: without it, there is no job.
        self.delete(id, &[RECORD, DATASET, BACKGROUND, RESULT, LEASE])
    }

    fn remove_incomplete(&self) -> Result<(), HttpError> {
        let listed = self.objects.list(PREFIX).map_err(failed)?;
        let parts = |key: &str| {
            let (id, name) = key.strip_prefix(PREFIX)?.split_once('/')?;
            Some((JobId::parse(id)?, name.to_owned()))
        };
        let is_record = |(id, name): (JobId, String)| (name == RECORD).then_some(id);
        let complete: HashSet<JobId> =
            listed.iter().filter_map(|object| parts(&object.key).and_then(is_record)).collect();
        let now = u64::try_from(Timestamp::now().as_millisecond()).unwrap_or(0);
        let is_old =
            |stored_at: u64| Duration::from_millis(now.saturating_sub(stored_at)) > MAX_INCOMPLETE_TIME;
        for object in listed.iter().filter(|object| is_old(object.stored_at)) {
            if parts(&object.key).is_some_and(|(id, _)| !complete.contains(&id)) {
                self.objects.delete(&object.key).map_err(failed)?;
            }
        }
        Ok(())
    }

    fn bytes(&self, ids: &HashSet<JobId>) -> Result<u64, HttpError> {
        if ids.is_empty() {
            return Ok(0);
        }
        let listed = self.objects.list(PREFIX).map_err(failed)?;
        let is_of_these = |key: &str| {
            let id = key.strip_prefix(PREFIX).and_then(|rest| JobId::parse(rest.split('/').next()?));
            id.is_some_and(|id| ids.contains(&id))
        };
        Ok(listed.iter().filter(|object| is_of_these(&object.key)).map(|object| object.bytes).sum())
    }
}

impl Held for store::Lease {
    fn give_back(self: Box<Self>) {
        Self::give_back(*self);
    }
}

fn key(id: &JobId, name: &str) -> String {
    format!("{PREFIX}{id}/{name}")
}

fn json(record: &Record) -> Result<Vec<u8>, HttpError> {
    serde_json::to_vec(record).map_err(|error| HttpError::internal("describing a job", error))
}

fn failed(error: Unavailable) -> HttpError {
    BackendError::from(StoreError::from(error)).into()
}
