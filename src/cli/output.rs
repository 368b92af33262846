//! Where the commands write to: standard output, and files that appear complete or not at all.
//!
//! Owns what may be overwritten. Must not know what is written.

use std::fmt::Display;
use std::fs::{self, Permissions};
use std::io::{self, IsTerminal as _, Write as _, stdout};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;
use serde_json::json;

use crate::units::ByteSize;

/// The name of standard input or output where a file is expected.
pub(super) const STANDARD: &str = "-";

/// The flag that permits to replace a file.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(super) struct Force {
    /// Replace the output file if it exists
    #[arg(long)]
    pub(super) force: bool,
}

/// Why an output cannot be written.
#[derive(Debug, thiserror::Error)]
pub(super) enum OutputError {
    #[error("{0} exists. Choose another name, or replace it with --force.")]
    Exists(PathBuf),
    #[error("The directory {0} exists. Choose a name that does not exist: directories are never replaced.")]
    DirectoryExists(PathBuf),
    #[error("{0} cannot be written: {1}.")]
    Write(PathBuf, #[source] io::Error),
    #[error("Standard output is a terminal, and this is a binary file. Name a file with --output.")]
    Terminal,
    #[error("Standard output cannot be written: {0}.")]
    Stdout(#[source] io::Error),
}

/// A file or standard output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Output {
    Stdout,
    File(PathBuf),
}

impl Output {
    /// `-` is standard output.
    pub(super) fn named(path: &Path) -> Self {
        if path == Path::new(STANDARD) { Self::Stdout } else { Self::File(path.to_owned()) }
    }

    /// Refuses a file that exists, before long work is done for it. It is checked again when the file is written.
    pub(super) fn check(&self, force: Force) -> Result<(), OutputError> {
        match self {
            Self::File(path) if !force.force && path.symlink_metadata().is_ok() => {
                Err(OutputError::Exists(path.clone()))
            }
            Self::File(path) => directory_of(path).map(drop),
            Self::Stdout => Ok(()),
        }
    }

    /// Like [`Self::check`]; also refuses to write binary data to a terminal.
    pub(super) fn check_binary(&self, force: Force) -> Result<(), OutputError> {
        if *self == Self::Stdout && stdout().is_terminal() {
            return Err(OutputError::Terminal);
        }
        self.check(force)
    }

    /// Writes everything. A file is written under another name in its directory and renamed when it is complete. A closed
    /// standard output is no error.
    pub(super) fn write(&self, force: Force, bytes: &[u8]) -> Result<(), OutputError> {
        match self {
            Self::Stdout => write_stdout(bytes).map_err(OutputError::Stdout),
            Self::File(path) => write_file(path, force, bytes),
        }
    }
}

/// Writes everything to standard output. A closed one (`| head`) is no error.
pub(super) fn write_stdout(bytes: &[u8]) -> io::Result<()> {
    match stdout().write_all(bytes).and_then(|()| stdout().flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

fn write_file(path: &Path, force: Force, bytes: &[u8]) -> Result<(), OutputError> {
    let failed = |error| OutputError::Write(path.to_owned(), error);
    let directory = directory_of(path)?;
    // The user's umask decides who else may read it.
    let mut file = tempfile::Builder::new()
        .prefix(".moodle-mlbackend-")
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(directory)
        .map_err(failed)?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
    let persisted = if force.force { file.persist(path) } else { file.persist_noclobber(path) };
    match persisted {
        Ok(_) => Ok(()),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
            Err(OutputError::Exists(path.to_owned()))
        }
        Err(error) => Err(failed(error.error)),
    }
}

/// The existing directory of a file to write.
fn directory_of(path: &Path) -> Result<&Path, OutputError> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match fs::metadata(directory) {
        Ok(found) if found.is_dir() => Ok(directory),
        Ok(_) => Err(OutputError::Write(path.to_owned(), io::ErrorKind::NotADirectory.into())),
        Err(error) => Err(OutputError::Write(path.to_owned(), error)),
    }
}

/// Refuses a directory that exists.
pub(super) fn check_directory(path: &Path) -> Result<(), OutputError> {
    if path.symlink_metadata().is_ok() {
        return Err(OutputError::DirectoryExists(path.to_owned()));
    }
    directory_of(path).map(drop)
}

/// Writes files into a new directory, which appears when it is complete. Names may have `/` between directories.
pub(super) fn write_directory<'a>(
    path: &Path,
    files: impl IntoIterator<Item = (&'a str, &'a [u8])>,
) -> Result<(), OutputError> {
    let failed = |error| OutputError::Write(path.to_owned(), error);
    check_directory(path)?;
    let parent = directory_of(path)?;
    let created = tempfile::Builder::new()
        .prefix(".moodle-mlbackend-")
        .permissions(Permissions::from_mode(0o777))
        .tempdir_in(parent);
    let directory = created.map_err(failed)?;
    for (name, bytes) in files {
        let file = directory.path().join(name);
        fs::create_dir_all(file.parent().unwrap_or(directory.path())).map_err(failed)?;
        fs::File::create_new(&file).and_then(|mut file| file.write_all(bytes)).map_err(failed)?;
    }
    // A rename replaces an empty directory only, so nothing is lost if one appeared in between.
    fs::rename(directory.path(), path).map_err(failed)?;
    // It is no longer there.
    let _ = directory.keep();
    Ok(())
}

/// Whether something that was printed is lost, so that the command must fail.
static IS_INCOMPLETE: AtomicBool = AtomicBool::new(false);

/// Prints a line, or several. A closed standard output (`| head`) is no error; after another one, such as a full disk, the
/// command fails ([`is_incomplete`]).
pub(super) fn print(text: &impl Display) {
    if let Err(error) = write_stdout(format!("{text}\n").as_bytes()) {
        eprintln!("{}", OutputError::Stdout(error));
        IS_INCOMPLETE.store(true, Ordering::Relaxed);
    }
}

/// Whether something that was printed is lost.
pub(super) fn is_incomplete() -> bool {
    IS_INCOMPLETE.load(Ordering::Relaxed)
}

/// Prints JSON for programs.
pub(super) fn print_json(value: &impl Serialize) {
    match serde_json::to_string_pretty(value) {
        Ok(text) => print(&text),
        Err(error) => eprintln!("The JSON could not be written: {error}."),
    }
}

/// Prints which file of a model was written, and its size; nothing if the file is standard output.
pub(super) fn print_written(model: &str, output: &Path, bytes: usize, as_json: bool) {
    match Output::named(output) {
        Output::Stdout => {}
        Output::File(_) if as_json => {
            print_json(&json!({ "model": model, "output": output, "bytes": bytes }));
        }
        Output::File(_) => print(&format!("Written: {}, {:.1}", output.display(), ByteSize(bytes as u64))),
    }
}

/// Whether standard output may have colours: on a terminal, unless `NO_COLOR` is set.
pub(super) fn has_colours() -> bool {
    stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
