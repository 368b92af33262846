//! A dataset or an archive that was sent or named: an open file, or bytes in memory.
//!
//! Must not know where it comes from, nor what is in it.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom, Write as _};
use std::path::Path;

/// A dataset or an archive to read, at an undefined position.
#[derive(Debug)]
pub struct Upload {
    content: Content,
    /// Computed while it was received.
    sha256: Option<[u8; 32]>,
}

#[derive(Debug)]
enum Content {
    File(File),
    Memory(Cursor<Vec<u8>>),
}

impl Upload {
    /// Its size.
    ///
    /// # Errors
    /// Those of reading the metadata of a file.
    pub fn bytes(&self) -> io::Result<u64> {
        match &self.content {
            Content::File(file) => Ok(file.metadata()?.len()),
            Content::Memory(bytes) => Ok(bytes.get_ref().len() as u64),
        }
    }

    /// The same with its SHA-256.
    #[must_use]
    pub fn with_sha256(self, sha256: [u8; 32]) -> Self {
        Self { sha256: Some(sha256), ..self }
    }

    /// Its SHA-256, if that was computed while it was received.
    #[must_use]
    pub fn sha256(&self) -> Option<&[u8; 32]> {
        self.sha256.as_ref()
    }

    /// The same upload again. Both share a file and its position, so only one may be read at a time.
    ///
    /// # Errors
    /// Those of duplicating the handle of a file.
    pub fn try_clone(&self) -> io::Result<Self> {
        let content = match &self.content {
            Content::File(file) => Content::File(file.try_clone()?),
            Content::Memory(bytes) => Content::Memory(bytes.clone()),
        };
        Ok(Self { content, sha256: self.sha256 })
    }

    /// Copies it to a new file.
    ///
    /// # Errors
    /// Those of reading and writing; also when the file exists.
    pub fn copy_to(&self, path: &Path) -> io::Result<()> {
        let mut copy = File::create_new(path)?;
        match &self.content {
            Content::File(file) => {
                let mut file = file;
                file.rewind()?;
                io::copy(&mut file, &mut copy).map(drop)
            }
            Content::Memory(bytes) => copy.write_all(bytes.get_ref()),
        }
    }

    /// Whether it is in memory.
    #[cfg(test)]
    pub(crate) fn is_in_memory(&self) -> bool {
        matches!(self.content, Content::Memory(_))
    }
}

impl From<File> for Upload {
    fn from(file: File) -> Self {
        Self { content: Content::File(file), sha256: None }
    }
}

impl From<Vec<u8>> for Upload {
    fn from(bytes: Vec<u8>) -> Self {
        Self { content: Content::Memory(Cursor::new(bytes)), sha256: None }
    }
}

impl Read for Upload {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.content {
            Content::File(file) => file.read(buffer),
            Content::Memory(bytes) => bytes.read(buffer),
        }
    }
}

impl Seek for Upload {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        match &mut self.content {
            Content::File(file) => file.seek(position),
            Content::Memory(bytes) => bytes.seek(position),
        }
    }
}
