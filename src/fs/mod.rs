//! File access: paths that follow no symbolic link, and failpoints for tests.
//!
//! Must not know what is stored.

pub(crate) mod failpoints;
pub(crate) mod nofollow;

use std::io::{self, ErrorKind};
use std::path::Path;

/// Whether a full disk, a quota or the limit of a file's size caused an error of the system.
pub(crate) fn is_no_space(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge)
}

/// The bytes that this user can still write to the file system of `directory`.
pub(crate) fn free_bytes(directory: &Path) -> io::Result<u64> {
    let found = rustix::fs::statvfs(directory)?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}
