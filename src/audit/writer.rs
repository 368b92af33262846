//! Writes lines to the end of the file of their day.
//!
//! Owns the order of the steps that keep lines whole: the lock of the file, the end of an incomplete line before it, one
//! write, and the removal of what a failed write left. Must not know what a line says.

use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::civil::Date;
use jiff::{Timestamp, Unit};
use rustix::fs::{FlockOperation, flock};
use rustix::io::retry_on_intr;

use super::days::{day_of, file_of};
use super::error::AuditError;
use super::line::Line;
use crate::fs::failpoints::failpoint;
use crate::fs::nofollow::NoFollowPath;
use crate::store::{IoContext, StoreError, create_dir_all, sync_dir};

/// Writes lines below one directory.
#[derive(Debug)]
pub(super) struct Writer {
    dir: NoFollowPath,
    /// Also keeps the lines of this process in the order of their times.
    open: Mutex<Option<DayFile>>,
}

/// The open file of a day.
#[derive(Debug)]
struct DayFile {
    day: Date,
    path: NoFollowPath,
    file: Arc<File>,
    /// The length after the last line of this process; another length is that of another process, or of a crash.
    end: u64,
}

/// Whether a line must be on the disk when it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Durability {
    Synced,
    /// It may be lost with the power, not with the process.
    Written,
}

impl Writer {
    pub(super) fn new(dir: NoFollowPath) -> Self {
        Self { dir, open: Mutex::new(None) }
    }

    /// Sets the time of a line and writes it. After an error the file is as before.
    pub(super) fn write(&self, line: &mut Line, durability: Durability) -> Result<(), AuditError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        line.time = now();
        let mut bytes = serde_json::to_vec(line)?;
        bytes.push(b'\n');
        let (file, path) = loop {
            let day_file = self.day_file(&mut open, day_of(line.time))?;
            if day_file.append(&bytes)? {
                break (Arc::clone(&day_file.file), day_file.path.clone());
            }
            // It was removed.
            *open = None;
        };
        drop(open);
        // Other lines need not wait for the disk.
        if durability == Durability::Synced { sync(&file, &path) } else { Ok(()) }
    }

    /// The file of a day, which is created if it is missing.
    fn day_file<'a>(&self, open: &'a mut Option<DayFile>, day: Date) -> Result<&'a mut DayFile, StoreError> {
        let current = match open.take() {
            Some(current) if current.day == day => current,
            _ => self.open(day)?,
        };
        Ok(open.insert(current))
    }

    fn open(&self, day: Date) -> Result<DayFile, StoreError> {
        let path = file_of(&self.dir, day);
        let create = || failpoint("open the audit trail").and_then(|()| path.open_for_appending());
        let file = match create() {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                create_dir_all(&self.dir)?;
                create()
            }
            file => file,
        };
        let file = file.context("open", &path)?;
        let metadata = file.metadata().context("look at", &path)?;
        if !metadata.is_file() {
            return Err(StoreError::corrupt(&path, "it is not a file; move it away"));
        }
        if metadata.len() == 0 {
            sync_dir(&self.dir)?;
        }
        Ok(DayFile { day, path, file: Arc::new(file), end: 0 })
    }
}

impl DayFile {
    /// Appends whole lines; false if the file was removed.
    fn append(&mut self, bytes: &[u8]) -> Result<bool, StoreError> {
        retry_on_intr(|| flock(&*self.file, FlockOperation::LockExclusive))
            .map_err(Into::into)
            .context("lock", &self.path)?;
        let appended = self.append_locked(bytes);
        // It fails for an invalid descriptor only.
        let _ = flock(&*self.file, FlockOperation::Unlock);
        appended
    }

    fn append_locked(&mut self, bytes: &[u8]) -> Result<bool, StoreError> {
        let metadata = self.file.metadata().context("look at", &self.path)?;
        if metadata.nlink() == 0 {
            return Ok(false);
        }
        let length = metadata.len();
        let incomplete = if length == self.end { Ok(false) } else { self.is_incomplete(length) };
        let written = incomplete
            .and_then(|incomplete| {
                failpoint("write to the audit trail")?;
                if incomplete {
                    (&*self.file).write_all(b"\n")?;
                }
                (&*self.file).write_all(bytes)?;
                Ok(u64::from(incomplete) + bytes.len() as u64)
            })
            .context("write", &self.path);
        if let Ok(written) = &written {
            self.end = length + written;
        } else {
            // Nothing else is written while it is locked. If this fails, too, the next line begins a new one.
            let _ = self.file.set_len(length);
        }
        written.map(|_| true)
    }

    /// Whether a crash left a line without its end.
    fn is_incomplete(&self, length: u64) -> std::io::Result<bool> {
        let Some(last) = length.checked_sub(1) else { return Ok(false) };
        let mut byte = [0];
        self.file.read_exact_at(&mut byte, last)?;
        Ok(byte != [b'\n'])
    }
}

fn sync(file: &File, path: &NoFollowPath) -> Result<(), AuditError> {
    let synced = failpoint("sync the audit trail").and_then(|()| file.sync_data());
    Ok(synced.context("sync", path)?)
}

/// The time in milliseconds.
pub(super) fn now() -> Timestamp {
    let now = Timestamp::now();
    // It fails for times near the end of all times only.
    now.round(Unit::Millisecond).unwrap_or(now)
}
