//! `moodle-mlbackend completions`: the script with which a shell completes this program's commands and flags.
//!
//! Must not know any command: the script is made of clap's definitions.

use std::process::ExitCode;

use clap::CommandFactory as _;
use clap_complete::{Shell, generate};

use super::Cli;
use super::output::write_stdout;

/// Print the script with which a shell completes commands and flags.
///
/// For bash: `moodle-mlbackend completions bash > /etc/bash_completion.d/moodle-mlbackend`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The shell
    shell: Shell,
}

/// Prints the script. Fails when stdout cannot be written to.
#[must_use]
pub fn run(args: &Args) -> ExitCode {
    let mut command = Cli::command();
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    generate(args.shell, &mut command, name, &mut script);
    // clap_complete 4.6.11 writes the labels of bash's cases otherwise than it looks them up when the program's name has a
    // hyphen, so that no flag of a command would be completed (clap's issue 6421).
    let script = String::from_utf8_lossy(&script).replace("moodle__subcmd__mlbackend", "moodle__mlbackend");
    match write_stdout(script.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
