//! A small file that several machines share and replace as a whole.
//!
//! Owns what its users may rely on. Must not know where it is kept.

use std::fmt::Debug;
use std::io;

/// A small file outside of the file system, with a version for each content.
pub(crate) trait SharedFile: Debug + Send + Sync {
    /// Its content and version; `None` if it does not exist.
    fn read(&self) -> io::Result<Option<(Vec<u8>, String)>>;

    /// Replaces it if it still has this version, or does not exist for `None`; otherwise returns `false`.
    fn replace(&self, bytes: Vec<u8>, version: Option<&str>) -> io::Result<bool>;
}
