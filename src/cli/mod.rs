//! The command line.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::settings::{ServeArgs, explain};

/// A machine-learning backend for Moodle analytics, in one binary.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true, disable_help_subcommand = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve Moodle over HTTP
    Serve(Box<ServeArgs>),
}

/// Does what the command line of this process says.
#[must_use]
pub fn run() -> ExitCode {
    match Cli::try_parse() {
        Ok(Cli { command: Command::Serve(args) }) => crate::http::serve(*args),
        Err(told) if told.use_stderr() => {
            eprint!("{}", explain(&told));
            ExitCode::FAILURE
        }
        Err(told) => {
            // Help and version: clap colours them, and nobody minds a closed stdout.
            let _ = told.print();
            ExitCode::SUCCESS
        }
    }
}
