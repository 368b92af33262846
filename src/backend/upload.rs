//! A dataset or an archive that was sent or named: an open file, or bytes in memory.
//!
//! Must not know where it comes from, nor what is in it.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom};

/// A dataset or an archive to read, at an undefined position.
#[derive(Debug)]
pub struct Upload(Content);

#[derive(Debug)]
enum Content {
    File(File),
    Memory(Cursor<Vec<u8>>),
}

impl From<File> for Upload {
    fn from(file: File) -> Self {
        Self(Content::File(file))
    }
}

impl From<Vec<u8>> for Upload {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Content::Memory(Cursor::new(bytes)))
    }
}

impl Read for Upload {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.0 {
            Content::File(file) => file.read(buffer),
            Content::Memory(bytes) => bytes.read(buffer),
        }
    }
}

impl Seek for Upload {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        match &mut self.0 {
            Content::File(file) => file.seek(position),
            Content::Memory(bytes) => bytes.seek(position),
        }
    }
}
