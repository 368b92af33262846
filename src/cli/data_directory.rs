//! The argument of the commands on a data directory.
//!
//! Owns the check of the directory's owner. Must not know what a command does.

use std::path::{Path, PathBuf};

use super::actor::name_of;
use crate::config::unicode_variables;
use crate::store::{BucketUrl, BucketUrlError, Store, StoreError};

/// The argument for the data directory, with or without the flag.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(super) struct DataDirectory {
    /// The data directory of the server (its `MOODLE_MLBACKEND_PYTHON_DIR`), or its bucket as `s3://BUCKET`, `gs://BUCKET`
    /// or `az://CONTAINER`. If the server
    /// runs as another user, run this command as that user, not as root.
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,

    /// The same as DIR
    #[arg(long = "data-dir", value_name = "DIR")]
    named_directory: Option<PathBuf>,
}

/// Why the data directory cannot be opened.
#[derive(Debug, thiserror::Error)]
pub(super) enum OpenError {
    /// Files that root creates would not be usable by the server.
    #[error(
        "{directory} belongs to the user {owner}, which could not use files created by root. Nothing was changed. Run this \
         command as that user: sudo -u {owner} moodle-mlbackend {command} …"
    )]
    NotTheOwner { directory: PathBuf, owner: String, command: &'static str },
    #[error("The data directory cannot be opened: {0}.")]
    Bucket(#[from] BucketUrlError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl DataDirectory {
    /// Opens the directory for the subcommand `command`. With `read_only`, creates nothing in it.
    pub(super) fn open(&self, command: &'static str, read_only: bool) -> Result<Store, OpenError> {
        // Clap makes sure that one of them is given.
        let directory = self.directory.as_deref().or(self.named_directory.as_deref());
        open(directory.unwrap_or(Path::new("")), command, read_only)
    }
}

/// Opens a data directory for the subcommand `command`. With `read_only`, creates nothing in it.
pub(super) fn open(directory: &Path, command: &'static str, read_only: bool) -> Result<Store, OpenError> {
    if let Some(url) = BucketUrl::instead_of(directory) {
        return Ok(Store::open_bucket(&url?, unicode_variables(), !read_only)?);
    }
    let store = Store::open_read_only(directory)?;
    let owner = store.owner()?.filter(|owner| *owner != 0);
    if let Some(owner) = owner.filter(|_| rustix::process::geteuid().is_root()) {
        let directory = directory.to_owned();
        return Err(OpenError::NotTheOwner { directory, owner: sudo_user(owner), command });
    }
    if read_only { Ok(store) } else { Ok(Store::open(directory)?) }
}

/// The argument of `sudo -u`: the name of a user, or the number of a user without a name.
fn sudo_user(user: u32) -> String {
    name_of(user).unwrap_or_else(|| format!("'#{user}'"))
}
