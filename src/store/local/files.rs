//! File operations of the store: files and directories for their owner only, synced to the disk, no link followed.
//!
//! Must not know what is stored in them.

use std::fs::{DirBuilder, File};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use crate::fs::failpoints::failpoint;
use crate::fs::nofollow::{Entry, FileIdentity, Kind, NoFollowPath};
use crate::fs::recording::{Operation, record};
use crate::store::error::{IoContext, StoreError};

/// Creates a file and syncs it. Only its owner can read it: it may be about students.
pub fn write_new(path: &NoFollowPath, bytes: &[u8]) -> Result<(), StoreError> {
    let write = || {
        failpoint("make a file")?;
        let mut file = path.create_new()?;
        failpoint("write a file")?;
        write_all(&mut file, path, bytes)?;
        failpoint("sync a file")?;
        sync(&file, path)
    };
    write().context("write", path)
}

/// Writes the whole content of a new file. It is not on the disk before [`sync_tree`] or [`write_new`] has synced it.
pub fn write_all(file: &mut File, path: &NoFollowPath, bytes: &[u8]) -> io::Result<()> {
    file.write_all(bytes)?;
    record(|| Operation::Write(path.path(), bytes.to_vec()));
    Ok(())
}

fn sync(file: &File, path: &NoFollowPath) -> io::Result<()> {
    file.sync_all()?;
    record(|| Operation::SyncFile(path.path()));
    Ok(())
}

/// Creates one directory; an existing one is an error.
pub fn create_dir(path: &NoFollowPath) -> io::Result<()> {
    failpoint("make a directory")?;
    path.create_directory()
}

/// Renames to a path where nothing exists. It is not on the disk before [`sync_dir`] of the parent.
pub fn rename(from: &NoFollowPath, to: &NoFollowPath) -> Result<(), StoreError> {
    failpoint("rename").and_then(|()| from.rename(to)).context("move a file or directory to", to)
}

/// Exchanges two entries in one step, so that a crash leaves one of them or the other. `false`, without a change, where the
/// file system cannot do that, as some network file systems. As for [`rename`], sync the parent.
pub fn exchange(one: &NoFollowPath, other: &NoFollowPath) -> Result<bool, StoreError> {
    failpoint("exchange").and_then(|()| one.exchange(other)).context("replace", other)
}

/// Replaces a file in one rename; the new one is written to `temporary` first.
pub fn replace(path: &NoFollowPath, bytes: &[u8], temporary: &NoFollowPath) -> Result<(), StoreError> {
    write_new(temporary, bytes)?;
    rename(temporary, path)?;
    path.parent().map_or(Ok(()), |parent| sync_dir(&parent))
}

/// Syncs the entries of a directory.
pub fn sync_dir(path: &NoFollowPath) -> Result<(), StoreError> {
    failpoint("sync a directory").and_then(|()| path.open_directory()?.sync_all()).context("sync", path)?;
    record(|| Operation::SyncDirectory(path.path()));
    Ok(())
}

/// Syncs a directory with everything below it.
pub fn sync_tree(path: &NoFollowPath) -> Result<(), StoreError> {
    for entry in list(path).context("list", path)? {
        let inner = path.join(&entry.name);
        match entry.kind {
            Kind::Directory => sync_tree(&inner)?,
            Kind::File => {
                failpoint("sync a file of a run")
                    .and_then(|()| sync(&inner.open()?, &inner))
                    .context("sync", &inner)?;
            }
            Kind::Link | Kind::Other => {}
        }
    }
    sync_dir(path)
}

/// Removes an entry, of a directory with everything below it, if it exists.
pub fn remove(path: &NoFollowPath) -> Result<(), StoreError> {
    let removed = failpoint("remove").and_then(|()| path.remove());
    existing(removed).map(Option::unwrap_or_default).context("remove", path)
}

/// Reads a whole file; `None` if there is none.
pub fn read(path: &NoFollowPath) -> Result<Option<Vec<u8>>, StoreError> {
    existing(failpoint("read a file").and_then(|()| path.read())).context("read", path)
}

/// Opens a file or directory for reading; `None` if there is none.
pub fn open(path: &NoFollowPath) -> Result<Option<File>, StoreError> {
    existing(failpoint("open").and_then(|()| path.open())).context("open", path)
}

/// The identity of a file; `None` if there is none.
pub fn identity(path: &NoFollowPath) -> Result<Option<FileIdentity>, StoreError> {
    let Some(file) = open(path)? else { return Ok(None) };
    let metadata = file.metadata().context("look at", path)?;
    Ok(metadata.is_file().then(|| FileIdentity::of(&metadata)))
}

fn list(path: &NoFollowPath) -> io::Result<Vec<Entry>> {
    failpoint("list a directory").and_then(|()| path.list())
}

/// The entries of a directory, sorted by name; none if it does not exist.
pub fn entries(path: &NoFollowPath) -> Result<Vec<Entry>, StoreError> {
    let mut entries = existing(list(path)).context("list", path)?.unwrap_or_default();
    entries.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    Ok(entries)
}

/// The type of an entry; `None` if it does not exist.
pub fn kind(path: &NoFollowPath) -> Result<Option<Kind>, StoreError> {
    path.kind().context("look at", path)
}

/// Turns [`ErrorKind::NotFound`] into `None`.
pub fn existing<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        result => result.map(Some),
    }
}

const CREATE_DIRECTORY: &str = "make the directory";

/// The directories that were created for a new file. They are removed when this is dropped without
/// [`NewDirs::keep`], so that a failed operation leaves nothing.
#[derive(Debug, Default)]
pub struct NewDirs(Vec<NoFollowPath>);

impl NewDirs {
    /// Creates a directory with its parents and syncs them. The root of the path, if it was missing, stays in any case.
    pub fn create(path: &NoFollowPath) -> Result<Self, StoreError> {
        let mut new = Self::default();
        new.add(path)?;
        Ok(new)
    }

    pub fn keep(mut self) {
        self.0.clear();
    }

    fn add(&mut self, path: &NoFollowPath) -> Result<(), StoreError> {
        let Some(parent) = path.parent() else {
            return create_root(&path.path()).context(CREATE_DIRECTORY, path);
        };
        if kind(path)? == Some(Kind::Directory) {
            return Ok(());
        }
        self.add(&parent)?;
        match create_dir(path) {
            Ok(()) => self.0.push(path.clone()),
            // Another process may have created it in between.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => match path.kind() {
                Ok(Some(Kind::Directory)) => return Ok(()),
                Ok(Some(Kind::Link)) => return Err(path.link_error()).context(CREATE_DIRECTORY, path),
                _ => return Err(error).context(CREATE_DIRECTORY, path),
            },
            Err(error) => return Err(error).context(CREATE_DIRECTORY, path),
        }
        sync_dir(&parent)
    }
}

impl Drop for NewDirs {
    fn drop(&mut self) {
        for dir in self.0.iter().rev() {
            // Fails if another process has put something into it.
            let _ = dir.remove_directory();
        }
    }
}

/// Creates a directory with its parents and syncs them.
pub fn create_dir_all(path: &NoFollowPath) -> Result<(), StoreError> {
    NewDirs::create(path).map(NewDirs::keep)
}

/// Creates the root of a path with its parents: Moodle's local mode names directories that do not exist.
fn create_root(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.map_or(Ok(()), create_root)?;
    match failpoint("make a directory").and_then(|()| DirBuilder::new().mode(0o700).create(path)) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => return Ok(()),
        created => created?,
    }
    parent
        .map_or(Ok(()), |parent| failpoint("sync a directory").and_then(|()| File::open(parent)?.sync_all()))
}
