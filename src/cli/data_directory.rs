//! What the commands on a data directory share: how it is named, who may work on it, and how they end.

use std::fmt::Display;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::store::{Store, StoreError};

/// Names the directory that a command works on.
#[derive(Debug, clap::Args)]
pub(super) struct DataDirectory {
    /// The data directory (of the server: what `MOODLE_MLBACKEND_PYTHON_DIR` names). Where it is another user's,
    /// root is asked to run this as that user.
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

/// Why a command does not begin.
#[derive(Debug, thiserror::Error)]
pub(super) enum OpenError {
    /// Whatever root makes in it, the server could not use.
    #[error(
        "{directory} belongs to the user {owner}, who could not use what root makes there. Nothing was done. Run this \
         as that user: sudo -u {owner} moodle-mlbackend {command} …"
    )]
    NotTheOwner { directory: PathBuf, owner: String, command: &'static str },
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl DataDirectory {
    /// Opens it for the `command` of that name. With `only_look`, nothing is made in it.
    pub(super) fn open(&self, command: &'static str, only_look: bool) -> Result<Store, OpenError> {
        let store = Store::look(&self.directory)?;
        let owner = store.owner()?;
        if rustix::process::geteuid().is_root() && owner != 0 {
            let directory = self.directory.clone();
            return Err(OpenError::NotTheOwner { directory, owner: name_of(owner), command });
        }
        if only_look { Ok(store) } else { Ok(Store::open(&self.directory)?) }
    }
}

/// What `sudo -u` wants in a shell: a user's name, or the number where the system's list has none.
fn name_of(user: u32) -> String {
    let list = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let number = user.to_string();
    let name = list.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == number).then(|| name.to_owned())
    });
    name.unwrap_or_else(|| format!("'#{number}'"))
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
