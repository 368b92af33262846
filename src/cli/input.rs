//! The dataset that a command reads: a file, or standard input.
//!
//! Must not know what is in it.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::output::STANDARD;

/// Why there is no dataset.
#[derive(Debug, thiserror::Error)]
pub(super) enum InputError {
    #[error("The dataset {0} cannot be read: {1}.")]
    Open(PathBuf, #[source] io::Error),
    #[error("The dataset {0} is a directory: name a file of Moodle's format, or - for standard input.")]
    Directory(PathBuf),
    #[error("Standard input cannot be read: {0}.")]
    Stdin(#[source] io::Error),
}

/// Opens a dataset. Standard input and pipes are copied to an unnamed temporary file, because datasets are read from their
/// start more than once.
pub(super) fn open(path: &Path) -> Result<File, InputError> {
    if path == Path::new(STANDARD) {
        return spooled(io::stdin().lock()).map_err(InputError::Stdin);
    }
    let failed = |error| InputError::Open(path.to_owned(), error);
    let file = File::open(path).map_err(failed)?;
    let kind = file.metadata().map_err(failed)?.file_type();
    match (kind.is_dir(), kind.is_file()) {
        (true, _) => Err(InputError::Directory(path.to_owned())),
        (_, true) => Ok(file),
        _ => spooled(file).map_err(failed),
    }
}

fn spooled(mut source: impl io::Read) -> io::Result<File> {
    let mut copy = tempfile::tempfile()?;
    io::copy(&mut source, &mut copy)?;
    Ok(copy)
}
