//! A small object that all servers on a bucket share and replace as a whole.
//!
//! Must not know what it contains.

use std::io;
use std::sync::Arc;

use super::objects::{Condition, Objects, Unavailable, Version};
use crate::fs::shared_file::SharedFile;

/// An object as a file.
#[derive(Debug)]
pub(crate) struct BucketFile {
    objects: Arc<dyn Objects>,
    key: String,
}

impl BucketFile {
    /// The object with this key.
    pub(crate) fn new(objects: Arc<dyn Objects>, key: impl Into<String>) -> Self {
        Self { objects, key: key.into() }
    }
}

impl SharedFile for BucketFile {
    fn read(&self) -> io::Result<Option<(Vec<u8>, String)>> {
        let found = self.objects.get(&self.key, None).map_err(into_io)?.found();
        Ok(found.map(|(bytes, Version(version))| (bytes, version)))
    }

    fn replace(&self, bytes: Vec<u8>, version: Option<&str>) -> io::Result<bool> {
        let version = version.map(|version| Version(version.to_owned()));
        let condition = Condition::unchanged(version.as_ref());
        match self.objects.put(&self.key, bytes.clone(), condition).map_err(into_io)? {
            Some(_) => Ok(true),
            // The first attempt may have been stored and its answer lost.
            None => Ok(self.read()?.is_some_and(|(stored, _)| stored == bytes)),
        }
    }
}

fn into_io(error: Unavailable) -> io::Error {
    io::Error::other(error)
}
