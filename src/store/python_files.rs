//! The files that the Python server keeps in a model's `classifier/`, beside or instead of our generations.
//!
//! They are only read, up to a size, until the administrator has them taken away. What is in them is nothing
//! that the store knows.

use std::collections::BTreeMap;
use std::io::Read;

use super::error::{During, StoreError};
use super::files;
use super::files::existing;
use super::workspace::{Temporary, Workspace};
use crate::fs::failpoints::failpoint;
use crate::fs::nofollow::{Kind, NoFollowPath};
use crate::python_server_files::{self, CHECKPOINT, CLASSIFIER};

/// More bytes than all files of such a model have together.
const MAX_BYTES: u64 = 32 << 20;

/// The Python server's files in one directory.
#[derive(Debug)]
pub struct PythonServerFiles(NoFollowPath);

impl PythonServerFiles {
    /// Those in a model's `classifier/`.
    pub fn of(classifier: &NoFollowPath) -> Self {
        Self(classifier.clone())
    }

    /// Reads those that are there, by their names with `/` between the parts; `None` when there is no model.
    pub fn read(&self) -> Result<Option<BTreeMap<String, Vec<u8>>>, StoreError> {
        failpoint("look for a model of the Python server").during("read", &self.0)?;
        if !self.begins()? {
            return Ok(None);
        }
        let mut left = MAX_BYTES;
        let mut read = BTreeMap::new();
        for name in python_server_files::READ {
            if let Some(bytes) = bounded(&self.0, name, &mut left)? {
                read.insert(name.to_owned(), bytes);
            }
        }
        // Deleted while it was read: what was read may be half of a model.
        Ok(self.begins()?.then_some(read))
    }

    /// Whether anything of the Python server is there, whole or not.
    pub fn any(&self) -> bool {
        self.present().next().is_some()
    }

    /// Moves all of them out of the way; they vanish with what is returned. What the others are found by goes
    /// first: half of a model is none.
    pub fn take(&self, workspace: &Workspace) -> Result<Vec<Temporary>, StoreError> {
        let taken = self.present().map(|place| workspace.take(&place)).collect::<Result<_, _>>()?;
        files::sync_dir(&self.0)?;
        Ok(taken)
    }

    /// A link in its place is not overlooked: reading says what is the matter.
    fn begins(&self) -> Result<bool, StoreError> {
        Ok(matches!(files::kind(&self.0.join(CLASSIFIER))?, Some(Kind::File | Kind::Link)))
    }

    fn present(&self) -> impl Iterator<Item = NoFollowPath> {
        let places = [CLASSIFIER, CHECKPOINT].map(|name| self.0.join(name));
        places.into_iter().filter(|place| place.kind().is_ok_and(|kind| kind.is_some()))
    }
}

fn bounded(directory: &NoFollowPath, name: &str, left: &mut u64) -> Result<Option<Vec<u8>>, StoreError> {
    let place = &directory.join(name);
    let Some(file) = existing(place.open()).during("open", place)? else { return Ok(None) };
    let found = file.metadata().during("look at", place)?;
    // Nothing that would keep its reader waiting, or never end.
    if !found.is_file() {
        return Ok(None);
    }
    let too_large = || StoreError::corrupt(place, "it is larger than any file of the Python server");
    if found.len() > *left {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    file.take(*left + 1).read_to_end(&mut bytes).during("read", place)?;
    *left = left.checked_sub(bytes.len() as u64).ok_or_else(too_large)?;
    Ok(Some(bytes))
}
