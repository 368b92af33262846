//! Which files a model may consist of, how large each may be, and reading them from a directory.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use super::unusable;
use crate::backend::BackendError;
use crate::fs::nofollow;
use crate::fs::nofollow::Link;
use crate::model::{MAX_MODEL_BYTES, MODEL, MODEL_JSON, ModelFiles};
use crate::python_server_files::{self, CLASSIFIER};
use crate::units::ByteSize;

/// What people read about a model; nothing of it is needed to run the model.
pub(super) const CARD: &str = "model-card.md";

/// A file that may be part of a model.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    pub(super) name: &'static str,
    /// More bytes than such a file takes, however large the model.
    pub(super) most: u64,
    /// Whether it is read; other files are accepted and ignored.
    pub(super) read: bool,
}

const MIB: u64 = 1 << 20;

/// More than any model takes.
const MAX_BYTES: u64 = MAX_MODEL_BYTES as u64;

/// What an archive of a model may be when it is looked into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImportLimits {
    /// Its files and directories.
    pub entries: u16,
    /// The bytes of all files together, unpacked.
    pub bytes: u64,
}

impl ImportLimits {
    /// What does for nearly every model. While one is tried out it is held up to five times, which must be little
    /// enough for a small machine and any sender.
    pub const USUAL: Self = Self { bytes: 6 * MIB, ..Self::LARGEST };

    /// No model is made for more bytes.
    pub const LARGEST: Self = Self { entries: 64, bytes: MAX_BYTES };
}

/// The files of our exports and of the Python server's. TensorFlow writes more beside its weights, which
/// this backend does not need.
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

/// What tells a directory of the releases with TensorFlow 1, so that it can be said why it is refused. Archives
/// of theirs never hold it.
const TENSORFLOW1_INDEX: Part = part(python_server_files::TENSORFLOW1_INDEX, MIB, true);

const fn part(name: &'static str, most: u64, read: bool) -> Part {
    Part { name, most, read }
}

/// What a name in an archive stands for.
pub(super) enum ArchiveEntry {
    File(Part),
    Directory,
}

/// Looks a name up; only names that stand in the list, letter by letter, are accepted.
///
/// # Errors
/// Says what is wrong with a name.
pub(super) fn place(name: &[u8]) -> Result<ArchiveEntry, String> {
    if let Some(part) = PARTS.iter().find(|part| part.name.as_bytes() == name) {
        return Ok(ArchiveEntry::File(*part));
    }
    if python_server_files::DIRECTORIES.iter().any(|directory| directory.as_bytes() == name) {
        return Ok(ArchiveEntry::Directory);
    }
    let text = String::from_utf8_lossy(name);
    let shown: String = text.chars().filter(|c| !c.is_control()).take(60).collect();
    let why = if text.split(['/', '\\']).any(|piece| piece == "..") {
        "a name that leads out of the archive"
    } else if text.starts_with(['/', '\\']) || text.as_bytes().get(1) == Some(&b':') {
        "an absolute path"
    } else if text.contains('\\') {
        "a Windows path; names in an archive have / between their parts"
    } else if let Some(part) = PARTS.iter().find(|part| part.name.eq_ignore_ascii_case(&text)) {
        return Err(format!("it holds {shown:?}, which must be written {:?}", part.name));
    } else {
        "which is no part of a model"
    };
    Err(format!("it holds {shown:?}, {why}"))
}

/// Whether a file of this name makes its directory look like a model.
pub(in crate::backend) fn is_part_of_a_model(name: &str) -> bool {
    [MODEL, MODEL_JSON, CLASSIFIER].contains(&name)
}

/// Reads the files of a model that lie in a directory.
///
/// # Errors
/// [`BackendError::InvalidImport`] when one cannot be read or is too large.
pub fn read_directory(directory: &Path) -> Result<ModelFiles, BackendError> {
    let mut files = ModelFiles::new();
    let mut budget = ByteBudget::new(MAX_BYTES);
    for part in PARTS.iter().chain([&TENSORFLOW1_INDEX]).filter(|part| part.read) {
        let Some(file) = regular(directory, part)? else { continue };
        files.insert(part.name.to_owned(), budget.read(part, file)?);
    }
    Ok(files)
}

/// Opens a file that lies in a directory; `None` when it is not there. A link may lead anywhere, and a pipe would
/// keep its reader waiting.
fn regular(directory: &Path, part: &Part) -> Result<Option<File>, BackendError> {
    let name = part.name;
    let failed = |error: &io::Error| unusable(&format!("its {name} cannot be read ({error})"));
    let is_file = |file: &File| file.metadata().map(|found| found.is_file());
    match nofollow::NoFollowPath::root(directory).join(name).open() {
        Ok(file) if is_file(&file).map_err(|error| failed(&error))? => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) if Link::cause_of(&error).is_none() => Err(failed(&error)),
        _ => Err(unusable(&format!("its {name} is a link or no file; put a copy of the file there"))),
    }
}

/// How much may still be read.
pub(super) struct ByteBudget {
    left: u64,
    most: u64,
}

impl ByteBudget {
    pub(super) fn new(most: u64) -> Self {
        Self { left: most, most }
    }

    /// The bytes that may be read of a file, and one more to see that there is more.
    pub(super) fn of(&self, part: &Part) -> u64 {
        part.most.min(self.left)
    }

    /// Takes `count` bytes off.
    ///
    /// # Errors
    /// [`BackendError::InvalidImport`] when there are not as many left, or the file is too large.
    pub(super) fn take(&mut self, part: &Part, count: u64) -> Result<(), BackendError> {
        if count > part.most {
            let most = ByteSize(part.most);
            return Err(unusable(&format!("its {} is larger than {most}, a fixed limit", part.name)));
        }
        let Some(left) = self.left.checked_sub(count) else {
            let most = ByteSize(self.most);
            return Err(unusable(&format!(
                "its files are larger than {most} together (the server's MOODLE_MLBACKEND_MAX_UNPACKED_BYTES)"
            )));
        };
        self.left = left;
        Ok(())
    }

    fn read(&mut self, part: &Part, source: impl Read) -> Result<Vec<u8>, BackendError> {
        let failed = |error| unusable(&format!("its {} cannot be read ({error})", part.name));
        let mut bytes = Vec::new();
        source.take(self.of(part) + 1).read_to_end(&mut bytes).map_err(failed)?;
        self.take(part, bytes.len() as u64)?;
        Ok(bytes)
    }
}
