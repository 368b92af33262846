//! Reads the lines of the trail, also of one that is being written.
//!
//! Owns the limit of a line's length and the report of damaged lines. Must not know what is looked for.

use std::io::{BufRead, BufReader, Cursor, ErrorKind, Read as _};
use std::path::Path;

use super::error::AuditError;
use super::filter::Filter;
use super::line::Line;
use super::place::TrailPlace;
use crate::fs::nofollow::NoFollowPath;
use crate::store::{IoContext, Store, StoreError};

/// A longer line is damaged: ids and the names of users are short.
const MAX_LINE: usize = 64 << 10;

/// A line that is no line of the trail, for example because a crash left it incomplete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damaged {
    /// The name of its file.
    pub file: String,
    /// Its number, from 1.
    pub line: u64,
}

/// Passes all lines that pass the filter to `found`, oldest first, and all damaged lines of the same days.
///
/// # Errors
/// [`AuditError`] when a file cannot be read.
pub fn read(
    store: &Store,
    filter: &Filter,
    mut found: impl FnMut(Result<Line, Damaged>),
) -> Result<(), AuditError> {
    let place = TrailPlace::of(store);
    for day in place.days()?.into_iter().filter(|day| filter.includes_day(*day)) {
        let Some(mut lines) = place.open(day)? else { continue };
        let name = lines.name();
        while let Some(bytes) = lines.next_bytes()? {
            match serde_json::from_slice::<Line>(bytes) {
                Ok(line) if filter.passes(&line) => found(Ok(line)),
                Ok(_) => {}
                Err(_) => found(Err(Damaged { file: name.clone(), line: lines.number })),
            }
        }
    }
    Ok(())
}

/// The lines of one file.
pub(super) struct Lines {
    path: NoFollowPath,
    file: Box<dyn BufRead>,
    line: Vec<u8>,
    /// The number of the line that was read last.
    number: u64,
}

impl Lines {
    /// `None` if the file was removed.
    pub(super) fn open(path: NoFollowPath) -> Result<Option<Self>, StoreError> {
        let file = match path.open() {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            file => file.context("open", &path)?,
        };
        Ok(Some(Self { path, file: Box::new(BufReader::new(file)), line: Vec::new(), number: 0 }))
    }

    /// The next line without its end, cut if it is too long; `None` at the end of the file.
    /// Lines in memory, with a name for messages.
    pub(super) fn of_bytes(name: &str, bytes: Vec<u8>) -> Self {
        let path = NoFollowPath::root(Path::new(name));
        Self { path, file: Box::new(Cursor::new(bytes)), line: Vec::new(), number: 0 }
    }

    fn name(&self) -> String {
        self.path.path().file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    pub(super) fn next_bytes(&mut self) -> Result<Option<&[u8]>, StoreError> {
        self.line.clear();
        let mut start = (&mut self.file).take(MAX_LINE as u64);
        let read = start.read_until(b'\n', &mut self.line).context("read", &self.path)?;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        if self.line.last() == Some(&b'\n') {
            self.line.pop();
        } else if read == MAX_LINE {
            self.file.skip_until(b'\n').context("read", &self.path)?;
        }
        Ok(Some(&self.line))
    }
}
