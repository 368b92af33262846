//! The audit trail in a bucket: one object for each line, because objects cannot be appended to.
//!
//! Owns their names, which sort by time, and reading them as the files of days. Must not know what a line says.
//!
//! ```text
//! .mlbackend/audit/YYYY-MM-DD/<nanoseconds since 1970>-<process>-<number>.json
//! .mlbackend/processes/<process>       the lease of a process that has begun an operation
//! ```

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use jiff::Timestamp;
use jiff::civil::Date;

use super::days::{RemovedDay, day_of, first_kept};
use super::error::AuditError;
use super::interrupted::{Unfinished, first_day, process_name};
use super::line::Line;
use super::writer::now;
use crate::store::{Condition, Lease, Leases, Objects, StoreError};

const PREFIX: &str = ".mlbackend/audit/";
const PROCESSES: &str = ".mlbackend/processes/";
/// How many objects are read at once: most of the time passes between the machines.
const READERS: usize = 16;

/// The trail of all servers on one bucket.
#[derive(Debug)]
pub(super) struct BucketTrail {
    objects: Arc<dyn Objects>,
    /// Distinguishes the objects of this process from those of others.
    process: String,
    next: AtomicU64,
    leases: Leases,
    /// Says that this process runs; since its first operation.
    lease: Mutex<Option<Lease>>,
}

impl BucketTrail {
    pub(super) fn new(objects: Arc<dyn Objects>) -> Self {
        let leases = Leases::of(&objects);
        Self { objects, process: process_name(), next: AtomicU64::new(0), leases, lease: Mutex::default() }
    }

    /// The name of this process in the ids of its operations.
    pub(super) fn process(&self) -> &str {
        &self.process
    }

    /// Says that this process runs. Call it before its first operation.
    pub(super) fn start(&self) -> Result<(), StoreError> {
        let mut lease = self.lease.lock().unwrap_or_else(PoisonError::into_inner);
        if lease.is_none() {
            *lease = self.leases.take(&format!("{PROCESSES}{}", self.process))?;
        }
        Ok(())
    }

    /// Says that this process does not run any more. With `looks_on`, others look for its unfinished operations.
    pub(super) fn end(&self, looks_on: bool) {
        let lease = self.lease.lock().unwrap_or_else(PoisonError::into_inner).take();
        match lease {
            Some(lease) if looks_on => lease.abandon(),
            Some(lease) => lease.give_back(),
            None => {}
        }
    }

    /// Passes the first line of each interrupted operation to `report`, which writes a line about it. Whether a process has
    /// ended shows when its lease is not renewed, so look again later.
    pub(super) fn find_interrupted(
        &self,
        mut report: impl FnMut(Line) -> Result<(), AuditError>,
    ) -> Result<(), AuditError> {
        for object in self.objects.list(PROCESSES).map_err(StoreError::from)? {
            let Some(process) = object.key.strip_prefix(PROCESSES) else { continue };
            let Some(lease) = self.leases.take(&object.key).map_err(StoreError::from)? else { continue };
            let lines = self.unfinished(process).map_err(AuditError::from);
            if let Err(error) = lines.and_then(|lines| lines.into_iter().try_for_each(&mut report)) {
                lease.abandon();
                return Err(error);
            }
            lease.give_back();
        }
        Ok(())
    }

    /// The first lines of the operations of a process that have no last line, oldest first.
    fn unfinished(&self, process: &str) -> Result<Vec<Line>, StoreError> {
        let (first, own) = (first_day(process), format!("-{process}-"));
        let mut unfinished = Unfinished::default();
        for day in self.days()?.into_iter().filter(|day| first.is_none_or(|first| *day >= first)) {
            let listed = self.objects.list(&format!("{PREFIX}{day}/"))?;
            let mut keys: Vec<String> =
                listed.into_iter().map(|object| object.key).filter(|key| key.contains(&own)).collect();
            keys.sort_unstable();
            self.read(&keys)?.into_values().for_each(|line| unfinished.add(&line));
        }
        Ok(unfinished.lines())
    }

    /// Stores a line; it is safe when this returns.
    pub(super) fn write(&self, line: &mut Line) -> Result<(), AuditError> {
        line.time = now();
        let mut bytes = serde_json::to_vec(line)?;
        bytes.push(b'\n');
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (day, nanoseconds) = (day_of(line.time), Timestamp::now().as_nanosecond());
        let key = format!("{PREFIX}{day}/{nanoseconds:020}-{}-{number}.json", self.process);
        self.objects.put(&key, bytes, Condition::Any).map_err(StoreError::from)?;
        Ok(())
    }

    /// The days with lines, ascending.
    pub(super) fn days(&self) -> Result<Vec<Date>, StoreError> {
        let names = self.objects.directories(PREFIX)?;
        let mut days: Vec<Date> = names.iter().filter_map(|name| name.parse().ok()).collect();
        days.sort_unstable();
        Ok(days)
    }

    /// The newest lines of a day with about this many bytes altogether, as they would be in its file.
    pub(super) fn lines(&self, day: Date, max_bytes: u64) -> Result<Vec<u8>, StoreError> {
        let mut listed = self.objects.list(&format!("{PREFIX}{day}/"))?;
        listed.sort_unstable_by(|one, other| other.key.cmp(&one.key));
        let mut bytes = 0;
        let newest = listed.into_iter().take_while(|object| {
            let is_first = bytes == 0;
            bytes += object.bytes;
            is_first || bytes <= max_bytes
        });
        let keys: Vec<String> = newest.map(|object| object.key).collect();
        let found = self.read(&keys)?;
        // Each line ends with a line break.
        Ok(found.into_values().rev().flatten().collect())
    }

    /// The contents of objects, by their place in `keys`.
    fn read(&self, keys: &[String]) -> Result<BTreeMap<usize, Vec<u8>>, StoreError> {
        let (next, found) = (AtomicUsize::new(0), Mutex::new(Ok(BTreeMap::new())));
        let read = || {
            while let Some((index, key)) =
                Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|i| Some((i, keys.get(i)?)))
            {
                let object = self.objects.get(key, None);
                let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                match (&mut *found, object) {
                    (Ok(found), Ok(object)) => found.extend(object.found().map(|(bytes, _)| (index, bytes))),
                    (found @ Ok(_), Err(error)) => *found = Err(error.into()),
                    (Err(_), _) => return,
                }
            }
        };
        thread::scope(|scope| {
            for _ in 0..READERS.min(keys.len()) {
                scope.spawn(read);
            }
        });
        found.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes the days before the last `keep`; 0 keeps all. With `dry_run`, removes nothing.
    pub(super) fn remove_outdated(
        &self,
        keep: u32,
        today: Date,
        dry_run: bool,
    ) -> Result<Vec<RemovedDay>, AuditError> {
        let Some(first) = first_kept(keep, today) else { return Ok(Vec::new()) };
        let outdated = self.days()?.into_iter().filter(|day| *day < first);
        Ok(outdated.map(|day| self.remove(day, dry_run)).collect::<Result<_, _>>()?)
    }

    fn remove(&self, day: Date, dry_run: bool) -> Result<RemovedDay, StoreError> {
        let mut removed = RemovedDay { name: day.to_string(), bytes: 0 };
        for object in self.objects.list(&format!("{PREFIX}{day}/"))? {
            if !dry_run {
                self.objects.delete(&object.key)?;
            }
            removed.bytes += object.bytes;
        }
        Ok(removed)
    }
}
