//! Why a request could not be replayed.

use std::io;
use std::path::PathBuf;

use crate::cli::output::OutputError;

/// The variable with the password: an argument could be read by other users of the machine.
pub(super) const PASSWORD: &str = "MOODLE_MLBACKEND_REPLAY_PASSWORD";

/// Why a request could not be replayed.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReplayError {
    #[error(
        "{0} cannot be read: {1}. Name the directory of one request, which the server made in its MOODLE_ML_STASH_DIR."
    )]
    Read(PathBuf, #[source] io::Error),
    #[error("{0} is not the file of a request: {1}.")]
    Malformed(PathBuf, String),
    #[error(transparent)]
    Output(#[from] OutputError),
    #[error("The reply was recorded before. Replace it with --force, or compare without --record.")]
    Recorded,
    #[error("{0} changes a model. Send it with --yes.")]
    NeedsYes(String),
    #[error("Nothing was sent.")]
    Declined,
    #[error("There is no password: {source}. Set the variable {variable}.", variable = PASSWORD)]
    NoPassword { source: io::Error },
    #[error("The variable {PASSWORD} is not UTF-8 text.")]
    PasswordText,
    #[error("{url} does not respond: {source}. Check that the server runs, and its address and port.")]
    NoResponse { url: String, source: Box<ureq::Error> },
    #[error("The reply broke off: {0}.")]
    Incomplete(#[source] Box<ureq::Error>),
}
