//! What the commands on a data directory share: how it is named, and how they end.

use std::fmt::Display;
use std::path::PathBuf;
use std::process::ExitCode;

/// Names the directory that a command works on.
#[derive(Debug, clap::Args)]
pub(super) struct DataDirectory {
    /// The data directory (of the server: what `MOODLE_MLBACKEND_PYTHON_DIR` names).
    #[arg(value_name = "DIR")]
    pub(super) directory: PathBuf,
}

/// Ends a command: `print` shows what was done and says whether all is well; an error is told.
pub(super) fn end<T>(done: Result<T, impl Display>, print: impl FnOnce(&T) -> bool) -> ExitCode {
    match done {
        Ok(done) if print(&done) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
