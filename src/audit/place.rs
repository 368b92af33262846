//! Where the trail of a store is: a directory with a file for each day, or a bucket.
//!
//! Owns reading it by days. Must not know what a line says.

use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom};

use jiff::civil::Date;

use super::bucket::BucketTrail;
use super::days::{self, file_of};
use super::lines::Lines;
use crate::fs::nofollow::NoFollowPath;
use crate::store::{IoContext as _, OwnPlace, Store, StoreError, WORKSPACE};

/// The directory of the trail below that of a store.
pub(super) fn below(root: &NoFollowPath) -> NoFollowPath {
    root.join(WORKSPACE).join("audit")
}

/// Where the lines of a trail are.
#[derive(Debug)]
pub(super) enum TrailPlace {
    Directory(NoFollowPath),
    Bucket(BucketTrail),
}

impl TrailPlace {
    pub(super) fn of(store: &Store) -> Self {
        match store.own_place() {
            OwnPlace::Directory(root) => Self::Directory(below(root)),
            OwnPlace::Bucket(objects) => Self::Bucket(BucketTrail::new(objects.clone())),
        }
    }

    /// The days with lines, ascending.
    pub(super) fn days(&self) -> Result<Vec<Date>, StoreError> {
        match self {
            Self::Directory(dir) => days::days(dir),
            Self::Bucket(bucket) => bucket.days(),
        }
    }

    /// The lines of a day; `None` if they have just been removed.
    pub(super) fn open(&self, day: Date) -> Result<Option<Lines>, StoreError> {
        match self {
            Self::Directory(dir) => Lines::open(file_of(dir, day)),
            Self::Bucket(bucket) => Ok(Some(Lines::of_bytes(&day.to_string(), bucket.lines(day, u64::MAX)?))),
        }
    }

    /// The last lines of a day, at most about `max_bytes`, and whether the first of them may be incomplete; `None` if they
    /// have just been removed.
    pub(super) fn end(&self, day: Date, max_bytes: u64) -> Result<Option<(Vec<u8>, bool)>, StoreError> {
        let dir = match self {
            Self::Bucket(bucket) => return Ok(Some((bucket.lines(day, max_bytes)?, false))),
            Self::Directory(dir) => dir,
        };
        let path = file_of(dir, day);
        let mut file = match path.open() {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            file => file.context("open", &path)?,
        };
        let length = file.metadata().context("look at", &path)?.len();
        let start = length.saturating_sub(max_bytes);
        file.seek(SeekFrom::Start(start)).context("read", &path)?;
        let mut bytes = Vec::new();
        file.take(max_bytes).read_to_end(&mut bytes).context("read", &path)?;
        Ok(Some((bytes, start > 0)))
    }
}
