//! One uploaded file, on its way to disk and there.

use std::io::{self, Write};
use std::path::Path;

use actix_web::web;
use tempfile::{NamedTempFile, TempPath};

use crate::fs::failpoints::failpoint;

/// How much of an upload is in memory at most before it goes to disk.
const BUFFER: usize = 256 << 10;

/// An uploaded file; gone when dropped.
pub(crate) struct Upload(TempPath);

impl Upload {
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

/// An upload that is still arriving; the file vanishes when this is dropped.
pub(crate) struct UploadWriter {
    file: NamedTempFile,
    buffer: Vec<u8>,
    bytes: u64,
}

impl UploadWriter {
    pub(crate) fn new(file: NamedTempFile) -> Self {
        Self { file, buffer: Vec::new(), bytes: 0 }
    }

    /// How much has arrived.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) async fn push(mut self, chunk: &[u8]) -> io::Result<Self> {
        self.buffer.extend_from_slice(chunk);
        self.bytes += chunk.len() as u64;
        if self.buffer.len() < BUFFER { Ok(self) } else { self.flushed().await }
    }

    pub(crate) async fn finish(self) -> io::Result<Upload> {
        Ok(Upload(self.flushed().await?.file.into_temp_path()))
    }

    /// Writing waits for the disk, which is nothing for an async worker.
    async fn flushed(mut self) -> io::Result<Self> {
        let written = web::block(move || {
            failpoint("write an upload")?;
            self.file.write_all(&self.buffer)?;
            self.buffer.clear();
            Ok(self)
        });
        written.await.map_err(io::Error::other)?
    }
}
