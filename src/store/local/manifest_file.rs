//! Reads the manifest in the directory of a generation.
//!
//! Must not know what it says.

use super::files;
use crate::fs::nofollow::NoFollowPath;
use crate::store::error::StoreError;
use crate::store::manifest::{MANIFEST, Manifest};

/// The manifest of a generation; `None` if it is missing or damaged.
pub(super) fn read(generation: &NoFollowPath) -> Result<Option<Manifest>, StoreError> {
    let path = generation.join(MANIFEST);
    Ok(files::read(&path)?.and_then(|bytes| Manifest::parse(&bytes, &path)))
}
