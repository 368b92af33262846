//! Files and directories beneath one directory, reached without ever following a link.
//!
//! A process that can write into a directory can replace an entry by a link, also between a look at
//! it and its use. So nothing beneath the top is named by a path to the system: the top is opened by its
//! name, which may lead through links, as administrators do that; each name below is looked up in the
//! opened directory above it, and must itself be there, not elsewhere. A link on the way, or in the place of
//! what is opened, is the error [`Link`]. Renaming and removing concern the link itself.
//!
//! Must not know what is kept there, nor what becomes of an error.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat};
use rustix::fs::{fstat, mkdirat, openat, renameat, statat, unlinkat};
use rustix::io::{Errno, retry_on_intr};

/// How a directory is opened that is only passed through: where the system can, without reading rights and
/// without asking a file server.
#[cfg(any(target_os = "linux", target_os = "android"))]
const PASSING: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const PASSING: OFlags = LISTING;
const LISTING: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
/// Added to everything that is opened. A pipe in the place of a file then blocks no reader.
const ITSELF: OFlags = OFlags::NOFOLLOW.union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);

/// The cause of an [`io::Error`]: here is a link.
#[derive(Debug, thiserror::Error)]
#[error("it is a link, which is not followed")]
pub(crate) struct Link {
    /// The link.
    pub(crate) path: PathBuf,
}

impl Link {
    /// The link that is the cause of an error.
    pub(crate) fn behind(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

/// A place for a file or directory: the top, or something beneath it.
#[derive(Debug, Clone)]
pub(crate) struct NoFollowPath {
    top: Arc<Top>,
    below: PathBuf,
}

/// What is in a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Directory,
    File,
    Link,
    /// A pipe, a socket, a device.
    Other,
}

/// What is known of something without opening it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) kind: Kind,
    /// Its size.
    pub(crate) bytes: u64,
    /// When it was last changed.
    pub(crate) modified: SystemTime,
    /// The number of the user to whom it belongs.
    pub(crate) owner: u32,
}

/// Something in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) name: OsString,
    pub(crate) kind: Kind,
}

impl NoFollowPath {
    /// The top itself, which need not be there yet.
    pub(crate) fn top(path: &Path) -> Self {
        Self { top: Arc::new(Top { path: path.to_owned(), held: Mutex::new(None) }), below: PathBuf::new() }
    }

    /// One or more names further down. A name that leads upwards is an error when the place is used.
    pub(crate) fn join(&self, name: impl AsRef<Path>) -> Self {
        Self { top: Arc::clone(&self.top), below: self.below.join(name) }
    }

    /// The directory that it is in; `None` above the top.
    pub(crate) fn parent(&self) -> Option<Self> {
        let below = self.below.parent()?.to_owned();
        Some(Self { top: Arc::clone(&self.top), below })
    }

    /// How people name it; not to be opened.
    pub(crate) fn path(&self) -> PathBuf {
        // Joining nothing would add a slash.
        if self.below.as_os_str().is_empty() {
            self.top.path.clone()
        } else {
            self.top.path.join(&self.below)
        }
    }

    /// What is there; a link is found and not followed. `None` for nothing.
    pub(crate) fn find(&self) -> io::Result<Option<Found>> {
        let stat = self.stat()?;
        Ok(stat.map(|stat| Found {
            kind: kind(FileType::from_raw_mode(stat.st_mode)),
            bytes: u64::try_from(stat.st_size).unwrap_or(0),
            modified: SystemTime::UNIX_EPOCH + since_1970(&stat),
            owner: stat.st_uid,
        }))
    }

    /// What kind of thing is there.
    pub(crate) fn kind(&self) -> io::Result<Option<Kind>> {
        Ok(self.find()?.map(|found| found.kind))
    }

    /// Whether this is where the open `file` is now.
    pub(crate) fn holds(&self, file: &File) -> io::Result<bool> {
        let held = fstat(file)?;
        Ok(self.stat()?.is_some_and(|stat| (stat.st_dev, stat.st_ino) == (held.st_dev, held.st_ino)))
    }

    /// Opens what is there for reading; a directory too.
    pub(crate) fn open(&self) -> io::Result<File> {
        self.opened(OFlags::RDONLY)
    }

    /// Opens a directory.
    pub(crate) fn open_directory(&self) -> io::Result<File> {
        self.opened(LISTING)
    }

    /// Opens a file for reading and writing.
    pub(crate) fn open_for_writing(&self) -> io::Result<File> {
        self.opened(OFlags::RDWR)
    }

    /// The same, and makes it for its owner alone when there is none.
    pub(crate) fn open_or_create(&self) -> io::Result<File> {
        self.opened(OFlags::RDWR | OFlags::CREATE)
    }

    /// Makes a new file for its owner alone.
    pub(crate) fn create_new(&self) -> io::Result<File> {
        self.opened(OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL)
    }

    /// Reads a whole file; anything but a file is an error.
    pub(crate) fn read(&self) -> io::Result<Vec<u8>> {
        let mut file = self.open()?;
        let found = file.metadata()?;
        if !found.is_file() {
            return Err(io::Error::new(ErrorKind::InvalidInput, "it is not a file"));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(found.len()).unwrap_or(0));
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Makes a directory for its owner alone.
    pub(crate) fn create_directory(&self) -> io::Result<()> {
        let (above, name) = self.way()?;
        Ok(mkdirat(above, name, Mode::RWXU)?)
    }

    /// Moves it to another place beneath the same top.
    pub(crate) fn rename(&self, to: &Self) -> io::Result<()> {
        let ((above, name), (new_above, new_name)) = (self.way()?, to.way()?);
        Ok(renameat(above, name, new_above, new_name)?)
    }

    /// Removes anything but a directory.
    pub(crate) fn remove_file(&self) -> io::Result<()> {
        let (above, name) = self.way()?;
        Ok(unlinkat(above, name, AtFlags::empty())?)
    }

    /// Removes an empty directory.
    pub(crate) fn remove_directory(&self) -> io::Result<()> {
        let (above, name) = self.way()?;
        Ok(unlinkat(above, name, AtFlags::REMOVEDIR)?)
    }

    /// Removes whatever is there; of links, the links.
    pub(crate) fn remove(&self) -> io::Result<()> {
        let Some(kind) = self.kind()? else { return Err(ErrorKind::NotFound.into()) };
        let (above, name) = self.way()?;
        remove(&above, name, kind)
    }

    /// What is in a directory, in no order.
    pub(crate) fn list(&self) -> io::Result<Vec<Entry>> {
        list(&self.open_directory()?)
    }

    fn opened(&self, how: OFlags) -> io::Result<File> {
        let (above, name) = self.way()?;
        let opened = open(&above, name, how);
        opened.map_err(|error| self.or_link(&above, name, &self.below, error)).map(File::from)
    }

    fn stat(&self) -> io::Result<Option<Stat>> {
        let found = self.way().and_then(|(above, name)| Ok(statat(above, name, AtFlags::SYMLINK_NOFOLLOW)?));
        match found {
            Ok(stat) => Ok(Some(stat)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The opened directory in which the last name is to be looked up, and that name.
    fn way(&self) -> io::Result<(Arc<File>, &OsStr)> {
        let mut above = self.top.opened()?;
        let mut names = self.below.components();
        let Some(last) = names.next_back() else { return Ok((above, OsStr::new("."))) };
        let mut passed = PathBuf::new();
        for name in names {
            let name = plain(name)?;
            passed.push(name);
            let next = open(&above, name, PASSING);
            above = Arc::new(next.map_err(|error| self.or_link(&above, name, &passed, error))?.into());
        }
        Ok((above, plain(last)?))
    }

    /// The error, or that the `name`, which is at `below`, is that of a link.
    fn or_link(&self, above: &File, name: &OsStr, below: &Path, error: Errno) -> io::Error {
        // What the systems say of a link where no link may be.
        if !matches!(error, Errno::LOOP | Errno::NOTDIR | Errno::MLINK) {
            return error.into();
        }
        match statat(above, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) if FileType::from_raw_mode(stat.st_mode).is_symlink() => self.link(below),
            _ => error.into(),
        }
    }

    fn link(&self, below: &Path) -> io::Error {
        io::Error::other(Link { path: self.top.path.join(below) })
    }

    /// The error that says that this is a link.
    pub(crate) fn is_link(&self) -> io::Error {
        self.link(&self.below)
    }
}

impl fmt::Display for NoFollowPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path().display().fmt(f)
    }
}

/// The directory beneath which everything is.
#[derive(Debug)]
struct Top {
    path: PathBuf,
    held: Mutex<Option<Held>>,
}

/// A directory that is open, and which one it is.
#[derive(Debug, Clone)]
struct Held {
    directory: Arc<File>,
    identity: (u64, u64),
}

impl Top {
    /// The open directory. It is opened once, and again when another one has taken its name, as a restored
    /// backup or a mounted disk does: what was opened before would be out of everybody's sight.
    fn opened(&self) -> io::Result<Arc<File>> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let named = identity(&fs::metadata(&self.path)?);
        if let Some(held) = held.filter(|held| held.identity == named) {
            return Ok(held.directory);
        }
        let directory = File::from(retry_on_intr(|| openat(CWD, &self.path, PASSING, Mode::empty()))?);
        let held = Held { identity: identity(&directory.metadata()?), directory: Arc::new(directory) };
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = Some(held.clone());
        Ok(held.directory)
    }
}

fn identity(found: &fs::Metadata) -> (u64, u64) {
    (found.dev(), found.ino())
}

fn open(above: &File, name: &OsStr, how: OFlags) -> Result<OwnedFd, Errno> {
    retry_on_intr(|| openat(above, name, how | ITSELF, Mode::RUSR | Mode::WUSR))
}

fn plain(name: Component<'_>) -> io::Result<&OsStr> {
    match name {
        Component::Normal(name) => Ok(name),
        _ => Err(io::Error::new(ErrorKind::InvalidInput, "its name leads elsewhere")),
    }
}

fn kind(found: FileType) -> Kind {
    match found {
        FileType::Directory => Kind::Directory,
        FileType::RegularFile => Kind::File,
        FileType::Symlink => Kind::Link,
        _ => Kind::Other,
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
        let found = match entry.file_type() {
            // Some file systems do not say.
            FileType::Unknown => match statat(directory, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => FileType::from_raw_mode(stat.st_mode),
                Err(Errno::NOENT) => continue,
                Err(error) => return Err(error.into()),
            },
            known => known,
        };
        entries.push(Entry { name: OsString::from_vec(name.to_vec()), kind: kind(found) });
    }
    Ok(entries)
}

/// Removes as much as can be; the error is the first of what cannot. What another process removes at the same time is
/// removed.
fn remove(above: &File, name: &OsStr, kind: Kind) -> io::Result<()> {
    if kind != Kind::Directory {
        return Ok(unlinkat(above, name, AtFlags::empty())?);
    }
    let directory = File::from(open(above, name, LISTING)?);
    let mut removed = Ok(());
    for entry in list(&directory)? {
        match remove(&directory, &entry.name, entry.kind) {
            Err(error) if error.kind() != ErrorKind::NotFound => removed = removed.and(Err(error)),
            _ => {}
        }
    }
    removed?;
    Ok(unlinkat(above, name, AtFlags::REMOVEDIR)?)
}

fn since_1970(stat: &Stat) -> Duration {
    let nanoseconds = i128::from(stat.st_mtime) * 1_000_000_000 + i128::from(stat.st_mtime_nsec);
    Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A directory with `inside/`, `file`, a link `out` that leads to the other directory, and that one with
    /// `secret` in it.
    fn directories() -> (tempfile::TempDir, tempfile::TempDir, NoFollowPath) {
        let directory = || tempfile::tempdir().expect("a temporary directory");
        let (dir, outside) = (directory(), directory());
        fs::create_dir(dir.path().join("inside")).expect("a directory");
        for file in [dir.path().join("file"), outside.path().join("secret")] {
            File::create_new(file).expect("a new file");
        }
        symlink(outside.path(), dir.path().join("out")).expect("a link");
        symlink("file", dir.path().join("alias")).expect("a link");
        let top = NoFollowPath::top(dir.path());
        (dir, outside, top)
    }

    #[rstest::rstest]
    #[case::to_read("out/secret", |place: &NoFollowPath| place.read().map(drop))]
    #[case::to_make_a_file("out/new", |place: &NoFollowPath| place.create_new().map(drop))]
    #[case::to_make_a_directory("out/new", NoFollowPath::create_directory)]
    #[case::to_remove("out/secret", NoFollowPath::remove)]
    #[case::to_look("out/secret", |place: &NoFollowPath| place.find().map(drop))]
    #[case::to_list("out", |place: &NoFollowPath| place.list().map(drop))]
    #[case::to_move("out/secret", |place: &NoFollowPath| place.rename(&NoFollowPath::top(&place.top.path).join("new")))]
    #[case::that_stays_inside("alias", |place: &NoFollowPath| place.read().map(drop))]
    #[case::to_open_for_writing("alias", |place: &NoFollowPath| place.open_or_create().map(drop))]
    fn a_link_is_never_followed(#[case] below: &str, #[case] attempt: fn(&NoFollowPath) -> io::Result<()>) {
        let (dir, outside, top) = directories();
        let error = attempt(&top.join(below)).expect_err("the link is in the way");
        let link = dir.path().join(below.split('/').next().expect("a name"));
        assert_eq!(Link::behind(&error).map(|link| &link.path), Some(&link), "{error}");
        assert_eq!(fs::read_dir(outside.path()).expect("it is there").count(), 1);
    }

    #[test]
    fn a_name_that_leads_upwards_is_refused() {
        let (_dir, _outside, top) = directories();
        for below in ["../x", "inside/../../x", "/etc/passwd", ".."] {
            let error = top.join(below).find().expect_err("it leads upwards");
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{below}: {error}");
        }
    }

    #[test]
    fn removing_takes_links_and_not_what_they_lead_to() {
        let (dir, outside, top) = directories();
        symlink(outside.path(), dir.path().join("inside/out")).expect("a link");
        top.join("inside").remove().expect("it goes");
        top.join("out").remove().expect("it goes");
        assert!(outside.path().join("secret").exists());
        let mut left: Vec<_> =
            top.list().expect("it can be listed").into_iter().map(|entry| entry.name).collect();
        left.sort();
        assert_eq!(left, ["alias", "file"]);
    }

    #[test]
    fn the_top_may_be_reached_by_a_link_and_may_be_replaced() {
        let (dir, _outside, _) = directories();
        let link = dir.path().join("link");
        symlink(dir.path().join("inside"), &link).expect("a link");
        let top = NoFollowPath::top(&link);
        top.join("one").create_directory().expect("a directory");
        fs::rename(dir.path().join("inside"), dir.path().join("moved")).expect("moved");
        assert_eq!(top.join("one").kind().expect("it can be looked at"), None);
        fs::create_dir(dir.path().join("inside")).expect("a directory");
        top.join("two").create_directory().expect("a directory");
        assert!(dir.path().join("inside/two").is_dir());
    }
}
