//! The files that the Python server keeps in a model's `classifier/`, beside or instead of our generations.
//!
//! They are only read, up to a size, until the administrator has them taken away. What is in them is nothing
//! that the store knows.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::error::{During, StoreError};
use super::files::{self, existing};
use super::workspace::{Temporary, Workspace};

/// Where the Python server begins to read: without it there is no model.
const CLASSIFIER: &str = "classifier.pkl";
/// The directory of all its other files.
const CHECKPOINT: &str = "model.ckpt";
/// What is read; TensorFlow's own description of the computation is not among it.
const FILES: [&str; 5] = [
    CLASSIFIER,
    // What the releases with TensorFlow 1 wrote instead of a directory: to tell them apart.
    "model.ckpt.index",
    "model.ckpt/keras_metadata.pb",
    "model.ckpt/variables/variables.index",
    "model.ckpt/variables/variables.data-00000-of-00001",
];

/// More bytes than all files of such a model have together.
const MOST_BYTES: u64 = 32 << 20;

/// The Python server's files in one directory.
#[derive(Debug)]
pub struct PythonServerFiles(PathBuf);

impl PythonServerFiles {
    /// Those in a model's `classifier/`.
    pub fn of(classifier: &Path) -> Self {
        Self(classifier.to_owned())
    }

    /// Reads those that are there, by their names with `/` between the parts; `None` when there is no model.
    pub fn read(&self) -> Result<Option<BTreeMap<String, Vec<u8>>>, StoreError> {
        if !self.begins() {
            return Ok(None);
        }
        let mut left = MOST_BYTES;
        let mut read = BTreeMap::new();
        for name in FILES {
            if let Some(bytes) = bounded(&self.0, name, &mut left)? {
                read.insert(name.to_owned(), bytes);
            }
        }
        // Deleted meanwhile: what was read may be half of a model.
        Ok(self.begins().then_some(read))
    }

    /// Whether anything of the Python server is there, whole or not.
    pub fn any(&self) -> bool {
        self.present().next().is_some()
    }

    /// Moves all of them out of the way; they vanish with what is returned. What the others are found by goes
    /// first: half of a model is none.
    pub fn take(&self, workspace: &Workspace) -> Result<Vec<Temporary>, StoreError> {
        let taken = self.present().map(|path| workspace.take(&path)).collect::<Result<_, _>>()?;
        files::sync_dir(&self.0)?;
        Ok(taken)
    }

    fn begins(&self) -> bool {
        self.0.join(CLASSIFIER).is_file()
    }

    fn present(&self) -> impl Iterator<Item = PathBuf> {
        let paths = [CLASSIFIER, CHECKPOINT].map(|name| self.0.join(name));
        paths.into_iter().filter(|path| path.symlink_metadata().is_ok())
    }
}

fn bounded(directory: &Path, name: &str, left: &mut u64) -> Result<Option<Vec<u8>>, StoreError> {
    let path = &directory.join(name);
    // A link may lead out of the data directory, and so may a directory on the way that is one.
    let way = path.ancestors().take_while(|step| *step != directory);
    if way.filter_map(|step| step.symlink_metadata().ok()).any(|found| found.is_symlink()) {
        return Err(StoreError::corrupt(path, "it is a link; put a copy of the file there"));
    }
    // A pipe would keep its reader waiting.
    let Some(found) = existing(fs::metadata(path)).during("look at", path)?.filter(fs::Metadata::is_file)
    else {
        return Ok(None);
    };
    let too_large = || StoreError::corrupt(path, "it is larger than any file of the Python server");
    if found.len() > *left {
        return Err(too_large());
    }
    let Some(file) = existing(File::open(path)).during("open", path)? else { return Ok(None) };
    let mut bytes = Vec::new();
    file.take(*left + 1).read_to_end(&mut bytes).during("read", path)?;
    *left = left.checked_sub(bytes.len() as u64).ok_or_else(too_large)?;
    Ok(Some(bytes))
}
