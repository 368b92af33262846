//! The errors of the store.
//!
//! Their texts name paths: they are for the log and the terminal of the administrator, never for an HTTP client.
//! Must not know which status a client gets.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::fs::is_no_space;
use crate::fs::nofollow::{Link, NoFollowPath};

/// Why something could not be stored or read. `Display` names paths.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The data directory cannot be used at all.
    #[error("{path} cannot be the data directory: {problem}")]
    Unusable {
        /// The data directory.
        path: PathBuf,
        /// The problem and its remedy.
        problem: String,
    },
    /// A bucket cannot be used at all.
    #[error("{address} cannot hold models: {problem}")]
    UnusableBucket {
        /// The bucket.
        address: PathBuf,
        /// The problem and its remedy.
        problem: String,
    },
    /// The disk, a quota or a file size limit is exhausted; nothing was changed.
    #[error("no space left to {action} {path}: {source}")]
    NoSpace {
        /// A verb.
        action: &'static str,
        /// Its object.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The content of a file is not what was published.
    #[error("{path} is damaged: {problem}")]
    Corrupt {
        /// The damaged file or directory.
        path: PathBuf,
        /// The problem and its remedy.
        problem: String,
    },
    /// A path of the store is a symbolic link, or leads through one.
    #[error("{path} is a link, which is not followed: remove it, or replace it by a copy of its target")]
    Link {
        /// The link.
        path: PathBuf,
    },
    /// The session in which something was written has ended; nothing was changed.
    #[error("the server is shutting down: {path} was not stored")]
    SessionEnded {
        /// The directory of the session, or of all sessions.
        path: PathBuf,
    },
    /// Another machine published a generation since the lock was acquired; nothing was changed.
    #[error("{path} was changed by another server at the same time")]
    Superseded {
        /// The address of the model.
        path: PathBuf,
    },
    /// The object store could not be reached, or refused; it may be that something was stored all the same.
    #[error("could not {action} {path}: {source}")]
    Unavailable {
        /// A verb.
        action: &'static str,
        /// Its object.
        path: PathBuf,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Any other error of the system.
    #[error("could not {action} {path}: {source}")]
    Io {
        /// A verb.
        action: &'static str,
        /// Its object.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

impl StoreError {
    /// Whether free space on the disk would help (HTTP status 507).
    #[must_use]
    pub const fn is_no_space(&self) -> bool {
        matches!(self, Self::NoSpace { .. })
    }

    /// Whether something could not be removed because a process still has it open.
    pub(super) fn is_in_use(&self) -> bool {
        let in_use = [ErrorKind::DirectoryNotEmpty, ErrorKind::ResourceBusy];
        matches!(self, Self::Io { source, .. } if in_use.contains(&source.kind()))
    }

    pub(super) fn is_permission_denied(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == ErrorKind::PermissionDenied)
    }

    pub(crate) fn corrupt(path: &NoFollowPath, problem: impl Into<String>) -> Self {
        Self::Corrupt { path: path.path(), problem: problem.into() }
    }

    pub(super) fn unusable_bucket(address: &Path, problem: impl Into<String>) -> Self {
        Self::UnusableBucket { address: address.to_owned(), problem: problem.into() }
    }

    pub(super) fn unusable(path: &Path, problem: impl Into<String>) -> Self {
        Self::Unusable { path: path.to_owned(), problem: problem.into() }
    }
}

/// Adds an action and a path to an error of the system.
pub(crate) trait IoContext<T> {
    /// `action` is a verb that fits before the path: "write", "lock".
    fn context(self, action: &'static str, path: &NoFollowPath) -> Result<T, StoreError>;
}

impl<T> IoContext<T> for io::Result<T> {
    fn context(self, action: &'static str, path: &NoFollowPath) -> Result<T, StoreError> {
        self.map_err(|source| {
            if let Some(Link { path }) = Link::cause_of(&source) {
                return StoreError::Link { path: path.clone() };
            }
            let path = path.path();
            if is_no_space(source.kind()) {
                return StoreError::NoSpace { action, path, source };
            }
            StoreError::Io { action, path, source }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case::disk_full(ErrorKind::StorageFull, true)]
    #[case::over_quota(ErrorKind::QuotaExceeded, true)]
    #[case::file_size_limit(ErrorKind::FileTooLarge, true)]
    #[case::not_allowed(ErrorKind::PermissionDenied, false)]
    fn distinguishes_a_lack_of_space(#[case] kind: ErrorKind, #[case] expected: bool) {
        let failed: io::Result<()> = Err(kind.into());
        let error = failed.context("write", &NoFollowPath::root(Path::new("x"))).unwrap_err();
        assert_eq!(error.is_no_space(), expected);
    }
}
