//! The lines of one day of the trail.
//!
//! Owns reading them one after the other, of whatever length they are. Must not know what a line says.

use std::io::{BufRead, BufReader, Cursor, ErrorKind, Read as _};
use std::path::Path;

use crate::fs::nofollow::NoFollowPath;
use crate::store::{IoContext, StoreError};

/// A longer line is damaged: ids and the names of users are short.
const MAX_LINE: usize = 64 << 10;

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
    /// The number of the last line, from 1.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Lines in memory, with a name for messages.
    pub(super) fn of_bytes(name: &str, bytes: Vec<u8>) -> Self {
        let path = NoFollowPath::root(Path::new(name));
        Self { path, file: Box::new(Cursor::new(bytes)), line: Vec::new(), number: 0 }
    }

    /// The name of the file.
    pub(super) fn name(&self) -> String {
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
