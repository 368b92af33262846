//! Uploaded files. A short one stays in memory; a longer one is an unnamed temporary file, which the system removes when it
//! is closed, even after a crash.
//!
//! Owns where uploads are stored and how they get there. Must not know what is in them.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use actix_web::web;
use sha2::{Digest as _, Sha256};

use crate::backend::Upload;
use crate::fs::failpoints::failpoint;

/// The size up to which an upload stays in memory: the datasets of most predictions are shorter.
pub(crate) const MAX_IN_MEMORY: usize = 64 << 10;
/// Bytes of a longer upload that are buffered in memory before they are written to disk.
const BUFFER: usize = 256 << 10;

/// The directories in which older versions kept their uploads.
const OLD_DIRECTORY_PREFIX: &str = "moodle-mlbackend-uploads-";

/// The directory that holds the uploads.
#[derive(Clone)]
pub(crate) struct Uploads(PathBuf);

impl Uploads {
    /// Uses `dir`, and removes what older versions left in it.
    pub(crate) fn open(dir: &Path) -> Self {
        remove_old_directories(dir);
        Self(dir.to_owned())
    }

    /// Starts a new upload.
    pub(crate) fn create(&self) -> UploadWriter<'_> {
        UploadWriter { uploads: self, file: None, buffer: Vec::new(), bytes: 0, sha256: Sha256::new() }
    }

    /// A new file, readable by this user only.
    fn create_file(&self) -> io::Result<File> {
        failpoint("make an upload's file")?;
        tempfile::tempfile_in(&self.0)
    }
}

/// An upload that is still being received.
pub(crate) struct UploadWriter<'a> {
    uploads: &'a Uploads,
    /// `None` while it is short.
    file: Option<File>,
    /// What is not yet written to the file.
    buffer: Vec<u8>,
    /// The number of bytes received.
    pub(crate) bytes: u64,
    /// The hash of what is written to the file.
    sha256: Sha256,
}

impl UploadWriter<'_> {
    pub(crate) async fn write(mut self, chunk: &[u8]) -> io::Result<Self> {
        self.buffer.extend_from_slice(chunk);
        self.bytes += chunk.len() as u64;
        if self.buffer.len() < BUFFER { Ok(self) } else { self.flush().await }
    }

    pub(crate) async fn finish(self) -> io::Result<Upload> {
        if self.file.is_none() && self.buffer.len() <= MAX_IN_MEMORY {
            let sha256 = Sha256::digest(&self.buffer);
            return Ok(Upload::from(self.buffer).with_sha256(sha256.into()));
        }
        let Self { file, sha256, .. } = self.flush().await?;
        let file = file.ok_or_else(|| io::Error::other("the upload has no file"))?;
        Ok(Upload::from(file).with_sha256(sha256.finalize().into()))
    }

    /// Hashes and writes to disk on a blocking thread, because an async worker must not wait for the disk.
    async fn flush(self) -> io::Result<Self> {
        let Self { uploads, file, mut buffer, bytes, mut sha256 } = self;
        let directory = uploads.clone();
        let write = move || {
            let mut file = match file {
                Some(file) => file,
                None => directory.create_file()?,
            };
            failpoint("write an upload")?;
            file.write_all(&buffer)?;
            sha256.update(&buffer);
            buffer.clear();
            io::Result::Ok((file, buffer, sha256))
        };
        let (file, buffer, sha256) = web::block(write).await.map_err(io::Error::other)??;
        Ok(Self { uploads, file: Some(file), buffer, bytes, sha256 })
    }
}

/// Removes the upload directories of older versions that have ended. One that cannot be removed stays: that is no
/// reason not to start.
fn remove_old_directories(parent: &Path) {
    for dir in old_directories(parent) {
        // A running server holds the lock of its directory. The system releases the lock even after a crash.
        let Ok(lock) = File::open(&dir) else { continue };
        if lock.try_lock().is_err() {
            continue;
        }
        match fs::remove_dir_all(&dir) {
            Ok(()) => tracing::info!(dir = %dir.display(), "removed the uploads of a server that has ended"),
            Err(error) => tracing::warn!(dir = %dir.display(), %error, "cannot remove old uploads"),
        }
    }
}

fn old_directories(parent: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let old = entries.filter(|entry| {
        entry.file_name().to_string_lossy().starts_with(OLD_DIRECTORY_PREFIX)
            && entry.file_type().is_ok_and(|kind| kind.is_dir())
    });
    old.map(|entry| entry.path())
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Seek};

    use super::*;

    #[test]
    fn removes_the_directories_of_servers_that_have_ended_and_keeps_those_in_use() {
        let parent = tempfile::tempdir().expect("a directory");
        let [ended, running] =
            ["ended", "running"].map(|name| parent.path().join(format!("{OLD_DIRECTORY_PREFIX}{name}")));
        for dir in [&ended, &running] {
            fs::create_dir(dir).expect("a directory");
            File::create_new(dir.join("upload-x")).expect("an upload");
        }
        let held = File::open(&running).expect("a directory");
        held.try_lock().expect("it is free");
        Uploads::open(parent.path());
        assert!(!ended.exists() && running.join("upload-x").exists());
        drop(held);
        Uploads::open(parent.path());
        assert!(!running.exists());
    }

    async fn uploaded(uploads: &Uploads, content: &[u8]) -> Upload {
        let mut upload = uploads.create();
        for chunk in content.chunks(20_000) {
            upload = upload.write(chunk).await.expect("written");
        }
        upload.finish().await.expect("written")
    }

    #[rstest::rstest]
    #[case::empty(0, true)]
    #[case::short(MAX_IN_MEMORY, true)]
    #[case::longer(MAX_IN_MEMORY + 1, false)]
    #[case::longer_than_the_buffer(BUFFER + 1, false)]
    #[tokio::test]
    async fn an_upload_has_no_name_and_is_copied_from_its_start(
        #[case] length: usize,
        #[case] in_memory: bool,
    ) {
        let dir = tempfile::tempdir().expect("a directory");
        let copies = tempfile::tempdir().expect("a directory");
        let content: Vec<u8> = (0..length).map(|at| at as u8).collect();
        let mut upload = uploaded(&Uploads::open(dir.path()), &content).await;
        assert_eq!(upload.is_in_memory(), in_memory);
        assert_eq!(upload.sha256(), Some(&Sha256::digest(&content).into()));
        assert_eq!(fs::read_dir(dir.path()).expect("readable").count(), 0);
        upload.copy_to(&copies.path().join("copy")).expect("copied");
        assert_eq!(fs::read(copies.path().join("copy")).expect("readable"), content);
        upload.rewind().expect("it is at its start");
        let mut read = Vec::new();
        upload.read_to_end(&mut read).expect("readable");
        assert_eq!(read, content);
    }

    #[tokio::test]
    async fn only_a_longer_upload_needs_its_directory() {
        let dir = tempfile::tempdir().expect("a directory");
        let uploads = Uploads(dir.path().join("missing"));
        let short = uploads.create().write(&vec![b'x'; MAX_IN_MEMORY]).await.expect("buffered");
        assert!(short.finish().await.is_ok());
        let longer = uploads.create().write(&vec![b'x'; MAX_IN_MEMORY + 1]).await.expect("buffered");
        assert!(longer.finish().await.is_err());
    }
}
