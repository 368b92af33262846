//! The exit codes of all commands, in one table, which `--help`, the manual page and docs/command-line.md show.
//!
//! Must not know what a command does. Moodle's local mode (`local.rs`) has the codes that Moodle expects.

use std::fmt::{Display, Write as _};
use std::process::ExitCode;

use super::output::is_incomplete;

/// The meaning of an exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    Success,
    Failure,
    Usage,
    Negative,
    Interrupted,
}

/// All of them, in the order of their codes.
const ALL: [Exit; 5] = [Exit::Success, Exit::Failure, Exit::Usage, Exit::Negative, Exit::Interrupted];

impl Exit {
    /// The number.
    pub(super) const fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Failure => 1,
            Self::Usage => 2,
            Self::Negative => 3,
            // By the convention of shells: 128 and the number of SIGINT.
            Self::Interrupted => 130,
        }
    }

    /// What it says, in a sentence.
    const fn meaning(self) -> &'static str {
        match self {
            Self::Success => "The command did what it was asked to, and found no problem.",
            Self::Failure => {
                "It failed, and standard error has the reason; or check, config, doctor, health, inspect, migrate or prune found a \
                 problem. Also wrong arguments and settings of serve and config."
            }
            Self::Usage => "The arguments are wrong; nothing was done.",
            Self::Negative => {
                "The work was done, and its result is negative: evaluate found the model not good enough, train found too \
                 few samples of a class, replay got another reply than the recorded one, jobs found a job that failed or was cancelled, anonymize lost too much of what \
                 can be learned."
            }
            Self::Interrupted => "Ctrl-C or another signal ended it.",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// The table for the end of `--help` and for the manual page.
pub(super) fn help() -> String {
    let mut text = "Exit codes:\n".to_owned();
    for exit in ALL {
        let _ = writeln!(text, "  {:>3}  {}", exit.code(), exit.meaning());
    }
    text
}

/// The table in Markdown, for the document.
#[cfg(test)]
pub(super) fn markdown() -> String {
    let mut text = "| code | meaning |\n|---|---|\n".to_owned();
    for exit in ALL {
        let _ = writeln!(text, "| {} | {} |", exit.code(), exit.meaning());
    }
    text
}

/// Prints a result: `print` prints the value and returns whether it is a success; an error goes to standard error.
pub(super) fn exit_code<T>(result: Result<T, impl Display>, print: impl FnOnce(&T) -> bool) -> ExitCode {
    exit_with(result, |value| if print(value) { Exit::Success } else { Exit::Failure })
}

/// Prints a result: `print` prints the value and says how the command ends; an error goes to standard error.
pub(super) fn exit_with<T>(result: Result<T, impl Display>, print: impl FnOnce(&T) -> Exit) -> ExitCode {
    match result {
        Ok(value) => match print(&value) {
            Exit::Success if is_incomplete() => Exit::Failure.into(),
            exit => exit.into(),
        },
        Err(error) => {
            eprintln!("{error}");
            Exit::Failure.into()
        }
    }
}
