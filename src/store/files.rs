//! The few ways in which the store touches the disk: private modes, synced to
//! the disk before anything refers to it, no link followed. Knows nothing of models.

use std::fs::{DirBuilder, File};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use super::error::{During, StoreError};
use crate::fs::failpoints::failpoint;
use crate::fs::nofollow::{Entry, Kind, NoFollowPath};

/// Writes a new file to the disk itself; only its owner can read it (it may be about students).
pub fn write_new(place: &NoFollowPath, bytes: &[u8]) -> Result<(), StoreError> {
    let write = || {
        failpoint("make a file")?;
        let mut file = place.create_new()?;
        failpoint("write a file")?;
        file.write_all(bytes)?;
        failpoint("sync a file")?;
        file.sync_all()
    };
    write().during("write", place)
}

/// Makes one new directory for its owner alone; an existing one is an error.
pub fn create_dir(place: &NoFollowPath) -> io::Result<()> {
    failpoint("make a directory")?;
    place.create_directory()
}

/// Moves `from` to the free name `to` of the same file system, in one step. It is not on the disk
/// before [`sync_dir`] of the parent.
pub fn rename(from: &NoFollowPath, to: &NoFollowPath) -> Result<(), StoreError> {
    failpoint("rename").and_then(|()| from.rename(to)).during("move a file or directory to", to)
}

/// Writes a file that takes the place of another one in one step; until then it is at `aside`, on the same
/// file system.
pub fn replace(place: &NoFollowPath, bytes: &[u8], aside: &NoFollowPath) -> Result<(), StoreError> {
    write_new(aside, bytes)?;
    rename(aside, place)?;
    place.parent().map_or(Ok(()), |parent| sync_dir(&parent))
}

/// Brings the names in a directory to the disk.
pub fn sync_dir(place: &NoFollowPath) -> Result<(), StoreError> {
    failpoint("sync a directory").and_then(|()| place.open_directory()?.sync_all()).during("sync", place)
}

/// Brings a directory with everything below it to the disk.
pub fn sync_tree(place: &NoFollowPath) -> Result<(), StoreError> {
    for entry in list(place).during("list", place)? {
        let inner = place.join(&entry.name);
        match entry.kind {
            Kind::Directory => sync_tree(&inner)?,
            Kind::File => {
                failpoint("sync a file of a run")
                    .and_then(|()| inner.open()?.sync_all())
                    .during("sync", &inner)?;
            }
            Kind::Link | Kind::Other => {}
        }
    }
    sync_dir(place)
}

/// Removes a file, a link, or a directory with everything below it; fine when there is nothing.
pub fn remove(place: &NoFollowPath) -> Result<(), StoreError> {
    let removed = failpoint("remove").and_then(|()| place.remove());
    existing(removed).map(Option::unwrap_or_default).during("remove", place)
}

/// Reads a whole file.
pub fn read(place: &NoFollowPath) -> io::Result<Vec<u8>> {
    failpoint("read a file").and_then(|()| place.read())
}

/// Opens a file or a directory for reading.
pub fn open(place: &NoFollowPath) -> io::Result<File> {
    failpoint("open").and_then(|()| place.open())
}

/// Lists a directory.
pub fn list(place: &NoFollowPath) -> io::Result<Vec<Entry>> {
    failpoint("list a directory").and_then(|()| place.list())
}

/// The names in a directory with what they are, sorted; none when it is not there.
pub fn entries(place: &NoFollowPath) -> Result<Vec<Entry>, StoreError> {
    let mut entries = existing(list(place)).during("list", place)?.unwrap_or_default();
    entries.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    Ok(entries)
}

/// What kind of thing is there; `None` for nothing.
pub fn kind(place: &NoFollowPath) -> Result<Option<Kind>, StoreError> {
    place.kind().during("look at", place)
}

/// Turns "there is nothing" into `None`.
pub fn existing<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The directories that had to be made for a new file; removed again when dropped without
/// [`NewDirs::keep`], so that a failure leaves nothing.
#[derive(Debug, Default)]
pub struct NewDirs(Vec<NoFollowPath>);

impl NewDirs {
    /// Makes `place` and what is missing above it, on the disk itself. Of these, the directory that everything
    /// is beneath, and what is above it, stay in any case.
    pub fn ensure(place: &NoFollowPath) -> Result<Self, StoreError> {
        let mut made = Self::default();
        made.need(place)?;
        Ok(made)
    }

    /// They are in use now.
    pub fn keep(mut self) {
        self.0.clear();
    }

    fn need(&mut self, place: &NoFollowPath) -> Result<(), StoreError> {
        let Some(parent) = place.parent() else { return ensure_top(&place.path()).during(MAKE, place) };
        if kind(place)? == Some(Kind::Directory) {
            return Ok(());
        }
        self.need(&parent)?;
        match create_dir(place) {
            Ok(()) => self.0.push(place.clone()),
            // Another process was faster.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => match place.kind() {
                Ok(Some(Kind::Directory)) => return Ok(()),
                Ok(Some(Kind::Link)) => return Err(place.is_link()).during(MAKE, place),
                _ => return Err(error).during(MAKE, place),
            },
            Err(error) => return Err(error).during(MAKE, place),
        }
        sync_dir(&parent)
    }
}

const MAKE: &str = "make the directory";

/// A directory that Moodle names may be missing with some above it.
fn ensure_top(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.map_or(Ok(()), ensure_top)?;
    match failpoint("make a directory").and_then(|()| DirBuilder::new().mode(0o700).create(path)) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => return Ok(()),
        Err(error) => return Err(error),
    }
    parent
        .map_or(Ok(()), |parent| failpoint("sync a directory").and_then(|()| File::open(parent)?.sync_all()))
}

impl Drop for NewDirs {
    fn drop(&mut self) {
        for dir in self.0.iter().rev() {
            // Not empty: another process uses it already.
            let _ = dir.remove_directory();
        }
    }
}
