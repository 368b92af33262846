//! The command line.

pub mod check;
mod data_directory;
pub mod demo;
pub mod inspect;
pub mod local;
mod memory;
pub mod migrate;
pub mod passwd;
mod progress;
pub mod prune;
mod table;

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{ServeArgs, explain};

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
    /// Examine a data directory, and mend what can be mended
    Check(check::Args),
    /// Show the server at work with nothing set up
    Demo(demo::Args),
    /// Say what a model, an export, a dataset or a directory of models is
    Inspect(inspect::Args),
    /// Make the models of a Python server's data directory ours
    Migrate(migrate::Args),
    /// Make hashed entries for the users variable
    Passwd(passwd::Args),
    /// Remove what the retention settings no longer keep
    Prune(prune::Args),
}

/// Does what the command line of this process says.
#[must_use]
pub fn run() -> ExitCode {
    let args: Vec<String> = std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()).collect();
    // Moodle's local mode calls us as it calls Python.
    if let [_, flag, module @ ..] = args.as_slice()
        && flag == "-m"
    {
        return local::run(module);
    }
    match Cli::try_parse() {
        Ok(Cli { command: Command::Serve(args) }) => {
            memory::give_back();
            crate::http::serve(*args)
        }
        Ok(Cli { command: Command::Demo(args) }) => demo::run(&args),
        Ok(Cli { command: Command::Inspect(args) }) => inspect::run(&args),
        Ok(Cli { command: Command::Migrate(args) }) => migrate::run(&args),
        Ok(Cli { command: Command::Passwd(args) }) => passwd::run(&args),
        Ok(Cli { command: Command::Prune(args) }) => prune::run(&args),
        Ok(Cli { command: Command::Check(args) }) => check::run(&args),
        Err(told) if told.use_stderr() => {
            let _ = write!(std::io::stderr(), "{}", explain(&told));
            ExitCode::FAILURE
        }
        Err(told) => {
            // Help and version: clap colours them, and nobody minds a closed stdout.
            let _ = told.print();
            ExitCode::SUCCESS
        }
    }
}
