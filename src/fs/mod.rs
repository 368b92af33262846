//! File access: paths that follow no symbolic link, and failpoints for tests.
//!
//! Must not know what is stored.

pub(crate) mod failpoints;
pub(crate) mod nofollow;

use std::io::ErrorKind;

/// Whether a full disk, a quota or the limit of a file's size caused an error of the system.
pub(crate) fn is_no_space(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge)
}
