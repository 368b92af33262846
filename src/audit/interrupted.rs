//! Finds operations that have begun and not ended because their process has.
//!
//! A process that changes something holds the lock of a file with its name in `processes/`; the system releases it when
//! the process ends. A process that finds such a file without its lock reads the lines that this process may have written. So the
//! start of a process never calls an operation of a running one interrupted. In a bucket, leases take the place of the locks (see
//! `bucket`). Must not know how lines are written.

use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};
use memchr::memmem;

use super::days::{day_of, days, file_of};
use super::error::AuditError;
use super::line::{Event, Line};
use super::lines::Lines;
use crate::fs::nofollow::{Kind, NoFollowPath};
use crate::store::{FileLock, StoreError, entries};

const PROCESSES: &str = "processes";

/// Distinguishes the trails that one process opens in the same nanosecond.
static OPENED: AtomicU32 = AtomicU32::new(0);

/// The name of this process in its lines, which no other process has had, and the lock that says that it runs.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) name: String,
    lock: FileLock,
}

impl Process {
    pub(super) fn start(dir: &NoFollowPath) -> Result<Self, StoreError> {
        let number = OPENED.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-{number}", process_name());
        let lock = FileLock::acquire(&dir.join(PROCESSES).join(&name))?;
        Ok(Self { name, lock })
    }

    /// Ends it as the end of the process does.
    #[cfg(test)]
    pub(super) fn crash(self) {
        let path = self.lock.path().clone();
        drop(self.lock);
        path.create_new().expect("created");
    }

    /// Ends it so that the next process looks for its operations.
    pub(super) fn leave_behind(self) {
        // Dropping the lock would remove its file.
        std::mem::forget(self.lock);
    }
}

/// A name that begins with the time of its making.
pub(super) fn process_name() -> String {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).expect("the system has random numbers");
    format!("{}-{}-{}", Timestamp::now().as_nanosecond(), process::id(), hex::encode(bytes))
}

/// The day on which a process started, by its name. A day earlier, for a clock that was set back.
pub(super) fn first_day(name: &str) -> Option<Date> {
    let started = name.split('-').next()?.parse().ok()?;
    let started = Timestamp::from_nanosecond(started).ok()?;
    day_of(started).checked_sub(1.day()).ok()
}

/// Passes the first line of each interrupted operation to `report`, which writes a line about it. A process is looked
/// at again by the next one if that fails.
pub(super) fn find(
    dir: &NoFollowPath,
    mut report: impl FnMut(Line) -> Result<(), AuditError>,
) -> Result<(), AuditError> {
    let processes = dir.join(PROCESSES);
    for entry in entries(&processes)?.into_iter().filter(|entry| entry.kind == Kind::File) {
        // Without a lock, another process looks at it, or it is running.
        let path = processes.join(&entry.name);
        let Some(ended) = FileLock::try_acquire(&path)? else { continue };
        let name = entry.name.to_string_lossy();
        for line in unfinished(dir, &name)? {
            if let Err(error) = report(line) {
                std::mem::forget(ended);
                return Err(error);
            }
        }
    }
    Ok(())
}

/// The first lines of the operations of a process that have no last line, oldest first.
fn unfinished(dir: &NoFollowPath, process: &str) -> Result<Vec<Line>, StoreError> {
    let first = first_day(process);
    let own = format!("\"id\":\"{process}.");
    let own = memmem::Finder::new(&own);
    let mut unfinished = Unfinished::default();
    for day in days(dir)?.into_iter().filter(|day| first.is_none_or(|first| *day >= first)) {
        let Some(mut lines) = Lines::open(file_of(dir, day))? else { continue };
        while let Some(bytes) = lines.next_bytes()? {
            // Most lines are about predictions.
            if own.find(bytes).is_some() {
                unfinished.add(bytes);
            }
        }
    }
    Ok(unfinished.lines())
}

/// Collects the first lines of operations that have no last line, from the lines of a process in their order.
#[derive(Debug, Default)]
pub(super) struct Unfinished(Vec<Line>);

impl Unfinished {
    pub(super) fn add(&mut self, bytes: &[u8]) {
        let Ok(line) = serde_json::from_slice::<Line>(bytes) else { return };
        match line.event {
            Event::Began => self.0.push(line),
            _ => self.0.retain(|began| began.id != line.id),
        }
    }

    pub(super) fn lines(self) -> Vec<Line> {
        self.0
    }
}
