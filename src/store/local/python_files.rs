//! The files of the Python server in the `classifier/` of a model.
//!
//! They are read, up to a size, and never changed; the administrator can have them removed after a migration. Must not
//! know what they contain.

use std::collections::BTreeMap;
use std::io::Read;

use super::files::{self, existing};
use super::model_dir::{LocalLock, LocalModel};
use super::workspace::Temporary;
use crate::fs::failpoints::failpoint;
use crate::fs::nofollow::{Kind, NoFollowPath};
use crate::python_server_files::{self, CHECKPOINT, CLASSIFIER};
use crate::store::error::{IoContext, StoreError};

/// The limit for all files of a model together. Real models are far smaller.
const MAX_BYTES: u64 = 32 << 20;

impl LocalModel {
    /// Reads the model of the Python server, by the paths of its files below `classifier/`; `None` if there is none. Needs
    /// no lock, because nothing here writes them. [`StoreError::Corrupt`] if they are too large.
    pub fn python_server_files(&self) -> Result<Option<BTreeMap<String, Vec<u8>>>, StoreError> {
        let classifier = self.classifier().0;
        failpoint("look for a model of the Python server").context("read", &classifier)?;
        // A link counts, so that reading reports it.
        let exists = || {
            files::kind(&classifier.join(CLASSIFIER))
                .map(|kind| matches!(kind, Some(Kind::File | Kind::Link)))
        };
        if !exists()? {
            return Ok(None);
        }
        let mut left = MAX_BYTES;
        let mut read = BTreeMap::new();
        for name in python_server_files::READ {
            if let Some(bytes) = read_bounded(&classifier.join(name), &mut left)? {
                read.insert(name.to_owned(), bytes);
            }
        }
        // If it was deleted in between, only some of the files were read.
        Ok(exists()?.then_some(read))
    }

    /// Whether there is any file of the Python server, part of a complete model or not.
    #[must_use]
    pub fn has_python_server_files(&self) -> bool {
        self.python_server_entries().next().is_some()
    }

    /// Removes the files of the Python server. `classifier.pkl` is removed first, because without it there is no model.
    pub fn remove_python_server_files(&self, lock: &LocalLock) -> Result<(), StoreError> {
        let tree = self.lock_tree_with(lock)?;
        let entries = self.python_server_entries();
        let taken: Vec<Temporary> =
            entries.map(|path| self.workspace.take(&path)).collect::<Result<_, _>>()?;
        files::sync_dir(&self.classifier().0)?;
        drop(tree);
        taken.into_iter().try_for_each(Temporary::remove)
    }

    fn python_server_entries(&self) -> impl Iterator<Item = NoFollowPath> {
        let entries = [CLASSIFIER, CHECKPOINT].map(|name| self.classifier().0.join(name));
        entries.into_iter().filter(|path| path.kind().is_ok_and(|kind| kind.is_some()))
    }
}

fn read_bounded(path: &NoFollowPath, left: &mut u64) -> Result<Option<Vec<u8>>, StoreError> {
    let Some(file) = existing(path.open()).context("open", path)? else { return Ok(None) };
    let metadata = file.metadata().context("look at", path)?;
    // Reading a pipe or a device could block or never end.
    if !metadata.is_file() {
        return Ok(None);
    }
    let too_large = || StoreError::corrupt(path, "it is larger than any file of the Python server");
    if metadata.len() > *left {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    file.take(*left + 1).read_to_end(&mut bytes).context("read", path)?;
    *left = left.checked_sub(bytes.len() as u64).ok_or_else(too_large)?;
    Ok(Some(bytes))
}
