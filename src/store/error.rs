//! Why something could not be stored or read.
//!
//! The texts are for the log and for the operator's terminal: they name paths.
//! A client over HTTP never sees them.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::fs::nofollow::{Link, NoFollowPath};

/// Why something could not be stored or read. `Display` is for the log: it names paths.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The data directory cannot be used at all; for the operator who starts the server.
    #[error("{path} cannot be the data directory: {problem}")]
    Unusable {
        /// The directory in question.
        path: PathBuf,
        /// What is wrong and what to do.
        problem: String,
    },
    /// The disk, a quota or a file size limit is exhausted; nothing was changed.
    #[error("no space left to {doing} {path}: {source}")]
    NoSpace {
        /// What was tried, as a verb.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What is on disk is not what was published there.
    #[error("{path} is damaged: {problem}")]
    Corrupt {
        /// The damaged file or directory.
        path: PathBuf,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A link is where the store keeps something, or on the way there.
    #[error("{path} is a link, which is not followed: remove it, or put there what it leads to")]
    Link {
        /// The link.
        path: PathBuf,
    },
    /// The session in which something was being made has ended; nothing was changed.
    #[error("the server is shutting down: {path} was not stored")]
    Ended {
        /// The session, or the directory of all.
        path: PathBuf,
    },
    /// The system refused something else.
    #[error("could not {doing} {path}: {source}")]
    Io {
        /// What was tried, as a verb.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl StoreError {
    /// Whether making room on the disk would help (HTTP says 507 then).
    #[must_use]
    pub const fn is_no_space(&self) -> bool {
        matches!(self, Self::NoSpace { .. })
    }

    /// Whether something could not be removed because another process still reads it.
    pub(super) fn is_in_use(&self) -> bool {
        let in_use = [ErrorKind::DirectoryNotEmpty, ErrorKind::ResourceBusy];
        matches!(self, Self::Io { source, .. } if in_use.contains(&source.kind()))
    }

    /// Whether this user may not do that.
    pub(super) fn is_denied(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == ErrorKind::PermissionDenied)
    }

    pub(super) fn corrupt(place: &NoFollowPath, problem: impl Into<String>) -> Self {
        Self::Corrupt { path: place.path(), problem: problem.into() }
    }

    pub(super) fn unusable(path: &Path, problem: impl Into<String>) -> Self {
        Self::Unusable { path: path.to_owned(), problem: problem.into() }
    }
}

/// Tells what was being done to which place when the system refused.
pub(super) trait During<T> {
    /// `doing` is a verb that fits before the path: "write", "lock".
    fn during(self, doing: &'static str, place: &NoFollowPath) -> Result<T, StoreError>;
}

impl<T> During<T> for io::Result<T> {
    fn during(self, doing: &'static str, place: &NoFollowPath) -> Result<T, StoreError> {
        self.map_err(|source| {
            if let Some(Link { path }) = Link::behind(&source) {
                return StoreError::Link { path: path.clone() };
            }
            let path = place.path();
            match source.kind() {
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                    StoreError::NoSpace { doing, path, source }
                }
                _ => StoreError::Io { doing, path, source },
            }
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
    fn a_lack_of_space_is_told_from_other_failures(#[case] kind: ErrorKind, #[case] expected: bool) {
        let failed: io::Result<()> = Err(kind.into());
        assert_eq!(
            failed.during("write", &NoFollowPath::top(Path::new("x"))).unwrap_err().is_no_space(),
            expected
        );
    }
}
