//! Uploaded files. Each is an unnamed temporary file, which the system removes when it is closed, even after a crash.
//!
//! Owns where uploads are stored and how they get there. Must not know what is in them.

use std::fs::{self, File};
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};

use actix_web::web;

use crate::fs::failpoints::failpoint;

/// Bytes of an upload that are buffered in memory before they are written to disk.
const BUFFER: usize = 256 << 10;

/// The directories in which older versions kept their uploads.
const OLD_DIRECTORY_PREFIX: &str = "moodle-mlbackend-uploads-";

/// The directory that holds the uploads.
pub(crate) struct Uploads(PathBuf);

impl Uploads {
    /// Uses `dir`, and removes what older versions left in it.
    pub(crate) fn open(dir: &Path) -> Self {
        remove_old_directories(dir);
        Self(dir.to_owned())
    }

    /// Starts a new upload, readable by this user only.
    pub(crate) fn create(&self) -> io::Result<UploadWriter> {
        failpoint("make an upload's file")?;
        Ok(UploadWriter { file: tempfile::tempfile_in(&self.0)?, buffer: Vec::new(), bytes: 0 })
    }
}

/// A complete upload: the open file, whose position is undefined.
pub(crate) struct Upload(pub(crate) File);

impl Upload {
    /// Copies the upload to a new file.
    pub(crate) fn copy_to(&self, path: &Path) -> io::Result<()> {
        let mut file = &self.0;
        file.rewind()?;
        io::copy(&mut file, &mut File::create_new(path)?)?;
        Ok(())
    }
}

/// An upload that is still being received.
pub(crate) struct UploadWriter {
    file: File,
    buffer: Vec<u8>,
    /// The number of bytes received.
    pub(crate) bytes: u64,
}

impl UploadWriter {
    pub(crate) async fn write(mut self, chunk: &[u8]) -> io::Result<Self> {
        self.buffer.extend_from_slice(chunk);
        self.bytes += chunk.len() as u64;
        if self.buffer.len() < BUFFER { Ok(self) } else { self.flush().await }
    }

    pub(crate) async fn finish(self) -> io::Result<Upload> {
        Ok(Upload(self.flush().await?.file))
    }

    /// Writes to disk on a blocking thread, because an async worker must not wait for the disk.
    async fn flush(mut self) -> io::Result<Self> {
        let written = web::block(move || {
            failpoint("write an upload")?;
            self.file.write_all(&self.buffer)?;
            self.buffer.clear();
            Ok(self)
        });
        written.await.map_err(io::Error::other)?
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
    use std::io::Read;

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

    #[tokio::test]
    async fn an_upload_has_no_name_and_is_copied_from_its_start() {
        let dir = tempfile::tempdir().expect("a directory");
        let copies = tempfile::tempdir().expect("a directory");
        let content = vec![b'x'; BUFFER + 1];
        let upload = Uploads::open(dir.path()).create().expect("a file");
        let upload = upload.write(&content[..BUFFER]).await.expect("written");
        let upload =
            upload.write(&content[BUFFER..]).await.expect("written").finish().await.expect("written");
        assert_eq!(fs::read_dir(dir.path()).expect("readable").count(), 0);
        upload.copy_to(&copies.path().join("copy")).expect("copied");
        assert_eq!(fs::read(copies.path().join("copy")).expect("readable"), content);
        let mut file = upload.0;
        file.rewind().expect("a regular file");
        let mut read = Vec::new();
        file.read_to_end(&mut read).expect("readable");
        assert_eq!(read, content);
    }
}
