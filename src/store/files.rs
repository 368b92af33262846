//! The few ways in which the store touches the disk: private modes, synced to
//! the disk before anything refers to it. Knows nothing of models.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::error::{During, StoreError};
use crate::faults::step;

/// Writes a new file to the disk itself; only its owner can read it (it may be about students).
pub fn write_new(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let write = || {
        step("make a file")?;
        let mut file = private().write(true).create_new(true).open(path)?;
        step("write a file")?;
        file.write_all(bytes)?;
        step("sync a file")?;
        file.sync_all()
    };
    write().during("write", path)
}

/// How every file of the store is opened for writing: for its owner alone.
pub fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

/// Makes one new directory for its owner alone; an existing one is an error.
pub fn create_dir(path: &Path) -> io::Result<()> {
    step("make a directory")?;
    DirBuilder::new().mode(0o700).create(path)
}

/// Moves `from` to the free name `to` of the same file system, in one step. It is not on the disk
/// before [`sync_dir`] of the parent.
pub fn rename(from: &Path, to: &Path) -> Result<(), StoreError> {
    step("rename").and_then(|()| fs::rename(from, to)).during("move a file or directory to", to)
}

/// Writes a file that takes the place of another one in one step; until then it is at `aside`, on the same
/// file system.
pub fn replace(path: &Path, bytes: &[u8], aside: &Path) -> Result<(), StoreError> {
    write_new(aside, bytes)?;
    rename(aside, path)?;
    path.parent().map_or(Ok(()), sync_dir)
}

/// Brings the names in a directory to the disk.
pub fn sync_dir(path: &Path) -> Result<(), StoreError> {
    step("sync a directory").and_then(|()| File::open(path)?.sync_all()).during("sync", path)
}

/// Brings a directory with everything below it to the disk.
pub fn sync_tree(path: &Path) -> Result<(), StoreError> {
    for entry in list(path).during("list", path)? {
        let entry = entry.during("list", path)?;
        let kind = entry.file_type().during("look at", path)?;
        if kind.is_dir() {
            sync_tree(&entry.path())?;
        } else if kind.is_file() {
            let file = entry.path();
            step("sync a file of a run")
                .and_then(|()| File::open(&file)?.sync_all())
                .during("sync", &file)?;
        }
    }
    sync_dir(path)
}

/// Removes a file or a directory with everything below it; fine when there is nothing.
pub fn remove(path: &Path) -> Result<(), StoreError> {
    let removed = match step("remove").and_then(|()| fs::symlink_metadata(path)) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    absent_is_fine(removed).during("remove", path)
}

/// Reads a whole file.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    step("read a file").and_then(|()| fs::read(path))
}

/// Opens a file or a directory for reading.
pub fn open(path: &Path) -> io::Result<File> {
    step("open").and_then(|()| File::open(path))
}

/// Lists a directory.
pub fn list(path: &Path) -> io::Result<fs::ReadDir> {
    step("list a directory").and_then(|()| fs::read_dir(path))
}

/// Whether the open `file` is what `path` names now.
pub fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let held = file.metadata()?;
    match fs::metadata(path) {
        Ok(named) => Ok(held.dev() == named.dev() && held.ino() == named.ino()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Turns "there is nothing" into `None`.
pub fn existing<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn absent_is_fine(result: io::Result<()>) -> io::Result<()> {
    existing(result).map(Option::unwrap_or_default)
}

/// The directories that had to be made for a new file; removed again when dropped without
/// [`NewDirs::keep`], so that a failure leaves nothing.
#[derive(Debug, Default)]
pub struct NewDirs(Vec<PathBuf>);

impl NewDirs {
    /// Makes `path` and what is missing above it, on the disk itself.
    pub fn ensure(path: &Path) -> Result<Self, StoreError> {
        let mut made = Self::default();
        let missing: Vec<&Path> =
            path.ancestors().take_while(|dir| !dir.as_os_str().is_empty() && !dir.is_dir()).collect();
        for dir in missing.into_iter().rev() {
            made.make(dir)?;
        }
        Ok(made)
    }

    /// They are in use now.
    pub fn keep(mut self) {
        self.0.clear();
    }

    fn make(&mut self, dir: &Path) -> Result<(), StoreError> {
        match create_dir(dir) {
            Ok(()) => self.0.push(dir.to_owned()),
            // Somebody else was quicker.
            Err(error) if error.kind() == ErrorKind::AlreadyExists && dir.is_dir() => return Ok(()),
            Err(error) => return Err(error).during("make the directory", dir),
        }
        dir.parent().map_or(Ok(()), sync_dir)
    }
}

impl Drop for NewDirs {
    fn drop(&mut self) {
        for dir in self.0.iter().rev() {
            // Not empty: somebody uses it already.
            let _ = fs::remove_dir(dir);
        }
    }
}
