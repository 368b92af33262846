//! Files and directories below a root directory, reached without following symbolic links.
//!
//! Another process can replace an entry by a link at any time, also between a check and its use. So no path below the
//! root is given to the system: the root is opened by its path (which may contain links, as administrators use them),
//! and each name is looked up in the opened directory above it with `O_NOFOLLOW`. A link on the way, or as the file that
//! is opened, is the error [`Link`]. Renaming and removing affect the link itself.
//!
//! Must not know what is stored, nor how an error is reported.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat};
#[cfg(any(target_os = "linux", target_os = "android"))]
use rustix::fs::{RenameFlags, renameat_with};
use rustix::fs::{fstat, mkdirat, openat, renameat, statat, unlinkat};
use rustix::io::{Errno, retry_on_intr};

use super::recording::{Operation, record};

/// Opens a directory for look-ups only. `O_PATH` needs no read permission and no request to a file server.
#[cfg(any(target_os = "linux", target_os = "android"))]
const TRAVERSE: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const TRAVERSE: OFlags = LIST;
const LIST: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
/// Added to every open below the root. `O_NONBLOCK` because opening a named pipe would block.
const ALWAYS: OFlags = OFlags::NOFOLLOW.union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);

/// The cause of an [`io::Error`]: a symbolic link.
#[derive(Debug, thiserror::Error)]
#[error("it is a link, which is not followed")]
pub(crate) struct Link {
    /// The link.
    pub(crate) path: PathBuf,
}

impl Link {
    /// The link that caused an error.
    pub(crate) fn cause_of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

/// The path of a root directory, or of a file or directory below it. Nothing need exist there.
#[derive(Debug, Clone)]
pub(crate) struct NoFollowPath {
    root: Arc<Root>,
    relative: PathBuf,
}

/// The type of a directory entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Directory,
    File,
    Link,
    /// A pipe, a socket, a device.
    Other,
}

/// What `stat` reports about an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Metadata {
    pub(crate) kind: Kind,
    /// In bytes.
    pub(crate) size: u64,
    /// Since 1970.
    pub(crate) modified: Duration,
    /// The user id.
    pub(crate) owner: u32,
}

/// Distinguishes a file from others, and from itself with another content. The time of the last change of an inode
/// cannot be set, unlike that of its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileIdentity {
    inode: (u64, u64),
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl FileIdentity {
    pub(crate) fn of(metadata: &fs::Metadata) -> Self {
        Self {
            inode: inode(metadata),
            size: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// The time of the last change, since 1970.
    pub(crate) fn changed(&self) -> Duration {
        let (seconds, nanos) = self.changed;
        Duration::new(u64::try_from(seconds).unwrap_or(0), u32::try_from(nanos).unwrap_or(0))
    }
}

/// An entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) name: OsString,
    pub(crate) kind: Kind,
}

impl NoFollowPath {
    /// The root itself.
    pub(crate) fn root(path: &Path) -> Self {
        let root = Root { path: path.to_owned(), handle: Mutex::new(None) };
        Self { root: Arc::new(root), relative: PathBuf::new() }
    }

    /// A path of one or more names below. A `..` in it is an error when the path is used.
    pub(crate) fn join(&self, name: impl AsRef<Path>) -> Self {
        Self { root: Arc::clone(&self.root), relative: self.relative.join(name) }
    }

    /// The directory above; `None` for the root.
    pub(crate) fn parent(&self) -> Option<Self> {
        let relative = self.relative.parent()?.to_owned();
        Some(Self { root: Arc::clone(&self.root), relative })
    }

    /// The full path, for messages only.
    pub(crate) fn path(&self) -> PathBuf {
        // Joining an empty path would add a slash.
        if self.relative.as_os_str().is_empty() {
            self.root.path.clone()
        } else {
            self.root.path.join(&self.relative)
        }
    }

    /// The metadata, of a link its own; `None` where nothing exists.
    pub(crate) fn metadata(&self) -> io::Result<Option<Metadata>> {
        let stat = self.stat()?;
        Ok(stat.map(|stat| Metadata {
            kind: FileType::from_raw_mode(stat.st_mode).into(),
            size: u64::try_from(stat.st_size).unwrap_or(0),
            modified: Duration::new(u64::try_from(stat.st_mtime).unwrap_or(0), stat.st_mtime_nsec as u32),
            owner: stat.st_uid,
        }))
    }

    /// The type of the entry; `None` where nothing exists.
    pub(crate) fn kind(&self) -> io::Result<Option<Kind>> {
        Ok(self.metadata()?.map(|metadata| metadata.kind))
    }

    /// Whether this path leads to the open `file`.
    pub(crate) fn leads_to(&self, file: &File) -> io::Result<bool> {
        let open = fstat(file)?;
        Ok(self.stat()?.is_some_and(|stat| (stat.st_dev, stat.st_ino) == (open.st_dev, open.st_ino)))
    }

    /// Opens a file or directory for reading.
    pub(crate) fn open(&self) -> io::Result<File> {
        self.open_with(OFlags::RDONLY)
    }

    pub(crate) fn open_directory(&self) -> io::Result<File> {
        self.open_with(LIST)
    }

    /// Opens a file for reading and writing.
    pub(crate) fn open_for_writing(&self) -> io::Result<File> {
        self.open_with(OFlags::RDWR)
    }

    /// Opens a file for reading and writing, or creates it with mode 0600.
    pub(crate) fn open_or_create(&self) -> io::Result<File> {
        self.creating(OFlags::RDWR | OFlags::CREATE)
    }

    /// Opens a file for reading and for writing at its end, or creates it with mode 0600.
    pub(crate) fn open_for_appending(&self) -> io::Result<File> {
        self.creating(OFlags::RDWR | OFlags::APPEND | OFlags::CREATE)
    }

    /// Creates a file with mode 0600.
    pub(crate) fn create_new(&self) -> io::Result<File> {
        self.creating(OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL)
    }

    /// Reads a whole regular file.
    pub(crate) fn read(&self) -> io::Result<Vec<u8>> {
        self.read_head(usize::MAX)
    }

    /// Reads the beginning of a regular file, at most `max` bytes.
    pub(crate) fn read_head(&self, max: usize) -> io::Result<Vec<u8>> {
        let file = self.open()?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::new(ErrorKind::InvalidInput, "it is not a file"));
        }
        let size = usize::try_from(metadata.len()).unwrap_or(0);
        let mut bytes = Vec::with_capacity(size.min(max));
        file.take(max as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Creates a directory with mode 0700.
    pub(crate) fn create_directory(&self) -> io::Result<()> {
        let (parent, name) = self.resolve()?;
        mkdirat(parent, name, Mode::RWXU)?;
        record(|| Operation::CreateDirectory(self.path()));
        Ok(())
    }

    /// Renames to another path below the same root.
    pub(crate) fn rename(&self, to: &Self) -> io::Result<()> {
        let ((parent, name), (new_parent, new_name)) = (self.resolve()?, to.resolve()?);
        renameat(parent, name, new_parent, new_name)?;
        record(|| Operation::Rename(self.path(), to.path()));
        Ok(())
    }

    /// Exchanges two entries below the same root in one step. `false`, without a change, where the system or the file system
    /// cannot do that.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(crate) fn exchange(&self, other: &Self) -> io::Result<bool> {
        let ((parent, name), (other_parent, other_name)) = (self.resolve()?, other.resolve()?);
        match renameat_with(parent, name, other_parent, other_name, RenameFlags::EXCHANGE) {
            Ok(()) => {
                record(|| Operation::Exchange(self.path(), other.path()));
                Ok(true)
            }
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Other systems cannot.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    #[allow(clippy::unused_self, clippy::unnecessary_wraps, reason = "as on Linux")]
    pub(crate) fn exchange(&self, _: &Self) -> io::Result<bool> {
        Ok(false)
    }

    /// Removes anything but a directory.
    pub(crate) fn remove_file(&self) -> io::Result<()> {
        let (parent, name) = self.resolve()?;
        unlinkat(parent, name, AtFlags::empty())?;
        record(|| Operation::Remove(self.path()));
        Ok(())
    }

    /// Removes an empty directory.
    pub(crate) fn remove_directory(&self) -> io::Result<()> {
        let (parent, name) = self.resolve()?;
        unlinkat(parent, name, AtFlags::REMOVEDIR)?;
        record(|| Operation::Remove(self.path()));
        Ok(())
    }

    /// Removes an entry, of a directory with everything below it.
    pub(crate) fn remove(&self) -> io::Result<()> {
        let Some(kind) = self.kind()? else { return Err(ErrorKind::NotFound.into()) };
        let (parent, name) = self.resolve()?;
        remove(&parent, name, kind)?;
        record(|| Operation::Remove(self.path()));
        Ok(())
    }

    /// The entries of a directory, unordered.
    pub(crate) fn list(&self) -> io::Result<Vec<Entry>> {
        list(&self.open_directory()?)
    }

    /// Opens a file that may not exist before.
    fn creating(&self, flags: OFlags) -> io::Result<File> {
        let file = self.open_with(flags)?;
        record(|| Operation::CreateFile(self.path()));
        Ok(file)
    }

    fn open_with(&self, flags: OFlags) -> io::Result<File> {
        let (parent, name) = self.resolve()?;
        let opened = open(&parent, name, flags);
        opened.map_err(|error| self.link_or(error, &parent, name, &self.relative)).map(File::from)
    }

    fn stat(&self) -> io::Result<Option<Stat>> {
        let stat =
            self.resolve().and_then(|(parent, name)| Ok(statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)?));
        match stat {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            stat => stat.map(Some),
        }
    }

    /// Opens the directories on the way; returns the last one and the name to look up in it.
    fn resolve(&self) -> io::Result<(Arc<File>, &OsStr)> {
        let mut parent = self.root.handle()?;
        let mut names = self.relative.components();
        let Some(last) = names.next_back() else { return Ok((parent, OsStr::new("."))) };
        let mut passed = PathBuf::new();
        for name in names {
            let name = plain(name)?;
            passed.push(name);
            let next = open(&parent, name, TRAVERSE);
            parent = Arc::new(next.map_err(|error| self.link_or(error, &parent, name, &passed))?.into());
        }
        Ok((parent, plain(last)?))
    }

    /// [`Link`] if `name` in `parent`, which is at `relative`, is one; otherwise `error`.
    fn link_or(&self, error: Errno, parent: &File, name: &OsStr, relative: &Path) -> io::Error {
        // The errors of the various systems for a link with `O_NOFOLLOW`.
        if !matches!(error, Errno::LOOP | Errno::NOTDIR | Errno::MLINK) {
            return error.into();
        }
        match statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) if FileType::from_raw_mode(stat.st_mode).is_symlink() => self.link_at(relative),
            _ => error.into(),
        }
    }

    fn link_at(&self, relative: &Path) -> io::Error {
        io::Error::other(Link { path: self.root.path.join(relative) })
    }

    /// The error for this path, which is a link.
    pub(crate) fn link_error(&self) -> io::Error {
        self.link_at(&self.relative)
    }
}

impl fmt::Display for NoFollowPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path().display().fmt(f)
    }
}

#[derive(Debug)]
struct Root {
    path: PathBuf,
    handle: Mutex<Option<Handle>>,
}

/// An open directory with its device and inode.
#[derive(Debug, Clone)]
struct Handle {
    directory: Arc<File>,
    inode: (u64, u64),
}

impl Root {
    /// The open directory. It is reopened when its path leads to another one, such as a restored backup or a newly
    /// mounted disk.
    fn handle(&self) -> io::Result<Arc<File>> {
        let handle = self.handle.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let current = inode(&fs::metadata(&self.path)?);
        if let Some(handle) = handle.filter(|handle| handle.inode == current) {
            return Ok(handle.directory);
        }
        let directory = File::from(retry_on_intr(|| openat(CWD, &self.path, TRAVERSE, Mode::empty()))?);
        let handle = Handle { inode: inode(&directory.metadata()?), directory: Arc::new(directory) };
        *self.handle.lock().unwrap_or_else(PoisonError::into_inner) = Some(handle.clone());
        Ok(handle.directory)
    }
}

fn inode(metadata: &fs::Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

fn open(parent: &File, name: &OsStr, flags: OFlags) -> Result<OwnedFd, Errno> {
    retry_on_intr(|| openat(parent, name, flags | ALWAYS, Mode::RUSR | Mode::WUSR))
}

fn plain(name: Component<'_>) -> io::Result<&OsStr> {
    match name {
        Component::Normal(name) => Ok(name),
        _ => Err(io::Error::new(ErrorKind::InvalidInput, "its name leads elsewhere")),
    }
}

impl From<FileType> for Kind {
    fn from(file_type: FileType) -> Self {
        match file_type {
            FileType::Directory => Self::Directory,
            FileType::RegularFile => Self::File,
            FileType::Symlink => Self::Link,
            _ => Self::Other,
        }
    }
}

fn list(directory: &File) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if matches!(name, b"." | b"..") {
            continue;
        }
        let file_type = match entry.file_type() {
            // Some file systems do not report it.
            FileType::Unknown => match statat(directory, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => FileType::from_raw_mode(stat.st_mode),
                Err(Errno::NOENT) => continue,
                Err(error) => return Err(error.into()),
            },
            known => known,
        };
        entries.push(Entry { name: OsString::from_vec(name.to_vec()), kind: file_type.into() });
    }
    Ok(entries)
}

/// Removes as much as possible and returns the first error. An entry that another process removes is no error.
fn remove(parent: &File, name: &OsStr, kind: Kind) -> io::Result<()> {
    if kind != Kind::Directory {
        return Ok(unlinkat(parent, name, AtFlags::empty())?);
    }
    let directory = File::from(open(parent, name, LIST)?);
    let mut removed = Ok(());
    for entry in list(&directory)? {
        match remove(&directory, &entry.name, entry.kind) {
            Err(error) if error.kind() != ErrorKind::NotFound => removed = removed.and(Err(error)),
            _ => {}
        }
    }
    removed?;
    Ok(unlinkat(parent, name, AtFlags::REMOVEDIR)?)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn temporary_directory() -> tempfile::TempDir {
        tempfile::tempdir().expect("a directory")
    }

    /// A directory with `inside/`, `file`, `alias` (a link to `file`) and `out` (a link to the second directory, which
    /// has a file `secret`).
    fn directories() -> (tempfile::TempDir, tempfile::TempDir, NoFollowPath) {
        let (dir, outside) = (temporary_directory(), temporary_directory());
        fs::create_dir(dir.path().join("inside")).expect("a directory");
        for file in [dir.path().join("file"), outside.path().join("secret")] {
            File::create_new(file).expect("a file");
        }
        symlink(outside.path(), dir.path().join("out")).expect("a link");
        symlink("file", dir.path().join("alias")).expect("a link");
        let root = NoFollowPath::root(dir.path());
        (dir, outside, root)
    }

    #[test]
    fn two_directories_are_exchanged_in_one_step() {
        let (_dir, _outside, root) = directories();
        root.join("inside").join("one").create_new().expect("created");
        root.join("other").create_directory().expect("created");
        if root.join("inside").exchange(&root.join("other")).expect("exchanged") {
            assert!(root.join("other").join("one").kind().expect("readable").is_some());
            assert!(root.join("inside").join("one").kind().expect("readable").is_none());
        }
        assert!(root.join("inside").exchange(&root.join("missing")).is_err());
    }

    #[rstest::rstest]
    #[case::reading("out/secret", |path: &NoFollowPath| path.read().map(drop))]
    #[case::creating_a_file("out/new", |path: &NoFollowPath| path.create_new().map(drop))]
    #[case::creating_a_directory("out/new", NoFollowPath::create_directory)]
    #[case::removing("out/secret", NoFollowPath::remove)]
    #[case::metadata("out/secret", |path: &NoFollowPath| path.metadata().map(drop))]
    #[case::listing("out", |path: &NoFollowPath| path.list().map(drop))]
    #[case::renaming("out/secret", |path: &NoFollowPath| path.rename(&NoFollowPath::root(&path.root.path).join("new")))]
    #[case::reading_a_link_to_inside("alias", |path: &NoFollowPath| path.read().map(drop))]
    #[case::opening_a_link_for_writing("alias", |path: &NoFollowPath| path.open_or_create().map(drop))]
    fn follows_no_link(#[case] relative: &str, #[case] attempt: fn(&NoFollowPath) -> io::Result<()>) {
        let (dir, outside, root) = directories();
        let error = attempt(&root.join(relative)).expect_err("the link is in the way");
        let link = dir.path().join(relative.split('/').next().expect("a name"));
        assert_eq!(Link::cause_of(&error).map(|link| &link.path), Some(&link), "{error}");
        assert_eq!(fs::read_dir(outside.path()).expect("readable").count(), 1);
    }

    #[rstest::rstest]
    fn refuses_a_path_out_of_the_root(
        #[values("../x", "inside/../../x", "/etc/passwd", "..")] relative: &str,
    ) {
        let (_dir, _outside, root) = directories();
        let error = root.join(relative).metadata().expect_err("it leads upwards");
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    }

    #[test]
    fn removes_links_and_not_their_targets() {
        let (dir, outside, root) = directories();
        symlink(outside.path(), dir.path().join("inside/out")).expect("a link");
        root.join("inside").remove().expect("removed");
        root.join("out").remove().expect("removed");
        assert!(outside.path().join("secret").exists());
        let mut left: Vec<_> = root.list().expect("readable").into_iter().map(|entry| entry.name).collect();
        left.sort();
        assert_eq!(left, ["alias", "file"]);
    }

    #[test]
    fn the_root_may_be_a_link_and_may_be_replaced() {
        let (dir, _outside, _) = directories();
        let link = dir.path().join("link");
        symlink(dir.path().join("inside"), &link).expect("a link");
        let root = NoFollowPath::root(&link);
        root.join("one").create_directory().expect("created");
        fs::rename(dir.path().join("inside"), dir.path().join("moved")).expect("renamed");
        assert_eq!(root.join("one").kind().expect("readable"), None);
        fs::create_dir(dir.path().join("inside")).expect("a directory");
        root.join("two").create_directory().expect("created");
        assert!(dir.path().join("inside/two").is_dir());
    }
}
