//! The exit code of a command.
//!
//! Must not know what a command does.

use std::fmt::Display;
use std::process::ExitCode;

/// Prints a result: `print` prints the value and returns whether it is a success; an error goes to standard error.
pub(super) fn exit_code<T>(result: Result<T, impl Display>, print: impl FnOnce(&T) -> bool) -> ExitCode {
    match result {
        Ok(value) if print(&value) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
