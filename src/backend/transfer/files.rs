//! The files of a model: their names, their maximum sizes, and reading them from a directory.
//!
//! Owns the allow list of names. Must not know what the files contain.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use super::error::ImportError;
use crate::fs::nofollow::{Link, NoFollowPath};
use crate::model::{MAX_MODEL_BYTES, MODEL, MODEL_JSON, ModelFiles};
use crate::python_server_files::{self, CLASSIFIER};
use crate::units::ByteSize;

/// A description for people; a model runs without it.
pub(super) const CARD: &str = "model-card.md";

/// A file that may be part of a model.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    pub(super) name: &'static str,
    /// Its maximum size in bytes, however large the model may be.
    pub(super) max: u64,
    /// Whether it is read; other files are accepted and ignored.
    pub(super) read: bool,
}

impl Part {
    pub(super) fn damaged(&self, source: io::Error) -> ImportError {
        ImportError::Damaged { name: self.name, source }
    }

    fn unreadable(&self, source: io::Error) -> ImportError {
        ImportError::Unreadable { name: self.name, source }
    }
}

const MIB: u64 = 1 << 20;

const MAX_BYTES: u64 = MAX_MODEL_BYTES as u64;

/// The limits of an archive to import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImportLimits {
    /// The maximum number of its files and directories.
    pub entries: u16,
    /// The maximum size of all its files together, unpacked.
    pub bytes: u64,
}

impl ImportLimits {
    /// The default limits, enough for nearly every model, such as a forest of 100 deep trees. During the checks memory holds
    /// several copies of a model, of trees in a larger form, which must fit into a small machine for any client.
    pub const USUAL: Self = Self { bytes: 16 * MIB, ..Self::LARGEST };

    /// The highest limits that can be set: no model file is larger.
    pub const LARGEST: Self = Self { entries: 64, bytes: MAX_BYTES };
}

/// The files of this backend's exports and of the Python server's. TensorFlow writes more files beside its weights,
/// which this backend does not need.
const PARTS: [Part; 9] = [
    part(MODEL, MAX_BYTES, true),
    // Repeats the names of all features.
    part(MODEL_JSON, MAX_BYTES, true),
    part(CARD, 4 * MIB, false),
    part(CLASSIFIER, MIB, true),
    part(python_server_files::SAVED_MODEL, MAX_BYTES, true),
    part(python_server_files::KERAS_METADATA, MAX_BYTES, true),
    part(python_server_files::FINGERPRINT, MIB, false),
    part(python_server_files::VARIABLES_INDEX, MIB, true),
    part(python_server_files::VARIABLES, MAX_BYTES, true),
];

/// Identifies a directory of the releases with TensorFlow 1, for the reason of its refusal. Their archives never contain
/// it.
const TENSORFLOW1_INDEX: Part = part(python_server_files::TENSORFLOW1_INDEX, MIB, true);

const fn part(name: &'static str, max: u64, read: bool) -> Part {
    Part { name, max, read }
}

/// The file of exactly this name.
pub(super) fn known_part(name: &str) -> Option<Part> {
    PARTS.iter().find(|part| part.name == name).copied()
}

/// The directory of exactly this name, with a `/` at its end.
pub(super) fn known_directory(name: &str) -> Option<&'static str> {
    python_server_files::DIRECTORIES.iter().find(|known| **known == name).copied()
}

/// Whether a directory with a file of this name is that of a model.
pub(in crate::backend) fn identifies_a_model(name: &str) -> bool {
    [MODEL, MODEL_JSON, CLASSIFIER].contains(&name)
}

/// Reads the files of a model from a directory.
///
/// # Errors
/// [`ImportError`] when one cannot be read or is too large.
pub fn read_directory(directory: &Path) -> Result<ModelFiles, ImportError> {
    let mut files = ModelFiles::new();
    let mut budget = ByteBudget::new(MAX_BYTES);
    for part in PARTS.iter().chain([&TENSORFLOW1_INDEX]).filter(|part| part.read) {
        let Some(file) = open(directory, part)? else { continue };
        let mut bytes = Vec::new();
        let max = budget.max_bytes(part);
        file.take(max + 1).read_to_end(&mut bytes).map_err(|error| part.unreadable(error))?;
        budget.take(part, bytes.len() as u64)?;
        files.insert(part.name.to_owned(), bytes);
    }
    Ok(files)
}

/// Opens a file of a directory; `None` when it does not exist. Links are refused because they can lead anywhere, and
/// pipes because reading them could block.
fn open(directory: &Path, part: &Part) -> Result<Option<File>, ImportError> {
    match NoFollowPath::root(directory).join(part.name).open() {
        Ok(file) if file.metadata().map_err(|error| part.unreadable(error))?.is_file() => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) if Link::cause_of(&error).is_none() => Err(part.unreadable(error)),
        _ => Err(ImportError::NotAFile(part.name)),
    }
}

/// The number of bytes that may still be read.
pub(super) struct ByteBudget {
    left: u64,
    max: u64,
}

impl ByteBudget {
    pub(super) fn new(max: u64) -> Self {
        Self { left: max, max }
    }

    /// The number of bytes that may be read of a file. Reading one more shows that the file is too large.
    pub(super) fn max_bytes(&self, part: &Part) -> u64 {
        part.max.min(self.left)
    }

    /// Subtracts the bytes of a file.
    ///
    /// # Errors
    /// [`ImportError`] when the file is too large, alone or together with the files before it.
    pub(super) fn take(&mut self, part: &Part, bytes: u64) -> Result<(), ImportError> {
        if bytes > part.max {
            return Err(ImportError::FileTooLarge { name: part.name, max: ByteSize(part.max) });
        }
        self.left = self.left.checked_sub(bytes).ok_or(ImportError::TooLarge(ByteSize(self.max)))?;
        Ok(())
    }
}
