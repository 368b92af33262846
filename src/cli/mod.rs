//! The command line.
//!
//! Owns the subcommands, one file each, and their output. Must not know how the work is done.

mod actor;
pub mod anonymize;
pub mod audit;
pub mod audit_bundle;
pub mod check;
#[cfg(test)]
mod command_line_page;
pub mod completions;
pub mod config;
mod confirm;
pub mod connect;
mod data_directory;
pub mod demo;
pub mod doctor;
pub mod evaluate;
mod exit_code;
pub mod explain;
pub mod export;
pub mod health;
pub mod import;
mod input;
pub mod inspect;
pub mod jobs;
#[cfg(test)]
mod json_shapes;
pub mod local;
mod malloc;
pub mod man;
pub mod migrate;
mod model_choice;
mod moodle;
mod output;
pub mod passwd;
pub mod predict;
mod progress;
pub mod prune;
pub mod replay;
mod signals;
mod table;
pub mod train;
mod users_entry;

use std::io::Write;
use std::process::ExitCode;

use clap::{Args as _, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use exit_code::Exit;

use crate::config::{CommandLine, ServeArgs, explain, without_empty_variables};

/// A machine-learning backend for Moodle analytics, in one binary.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true, disable_help_subcommand = true, after_help = exit_code::help())]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// The flags that the help of `serve` does not list with their descriptions.
fn advanced() -> String {
    let serve = ServeArgs::augment_args(clap::Command::new("serve"));
    let hidden = serve.get_arguments().filter(|argument| argument.is_hide_set());
    let flags: Vec<String> = hidden.filter_map(|flag| Some(format!("--{}", flag.get_long()?))).collect();
    let (last, others) = flags.split_last().expect("some settings are advanced");
    let others = others.join(", ");
    format!("Advanced settings (timeouts of slow connections): {others} and {last}; see docs/settings.md.")
}

/// The help of most commands is the documentation of their arguments.
#[derive(Debug, Subcommand)]
enum Command {
    /// Serve Moodle over HTTP
    #[command(after_help = advanced())]
    Serve(Box<ServeArgs>),
    Anonymize(anonymize::Args),
    Audit(audit::Args),
    AuditBundle(audit_bundle::Args),
    Check(check::Args),
    Completions(completions::Args),
    Config(Box<config::Args>),
    Connect(connect::Args),
    Demo(demo::Args),
    Evaluate(evaluate::Args),
    Explain(explain::Args),
    Export(export::Args),
    Doctor(doctor::Args),
    Health(health::Args),
    Import(import::Args),
    Inspect(inspect::Args),
    Jobs(jobs::Args),
    Man(man::Args),
    Migrate(migrate::Args),
    Passwd(passwd::Args),
    Predict(predict::Args),
    Prune(prune::Args),
    Replay(replay::Args),
    Train(train::Args),
    /// Perform the jobs of a server: one of the processes that take them from its queue
    ///
    /// Takes the settings of the server, also its users and its directory or bucket, and needs the queue that
    /// `MOODLE_MLBACKEND_REDIS_URL` names. Settings about listening and connections do nothing here, except for
    /// `MOODLE_MLBACKEND_METRICS_LISTEN`.
    Worker(Box<ServeArgs>),
}

/// The definition of a command.
fn subcommand(name: &str) -> clap::Command {
    Cli::command().find_subcommand(name).expect("the command exists").clone()
}

/// The arguments of this process for a command with settings.
fn command_line(command: fn() -> clap::Command) -> CommandLine {
    // The names of the program and of the command come first: there are no arguments before the command.
    CommandLine::new(command, std::env::args_os().skip(2).collect())
}

/// Runs the command that the arguments of this process name.
#[must_use]
pub fn run() -> ExitCode {
    let args: Vec<String> = std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()).collect();
    // Moodle's local mode runs this program instead of Python.
    if let [_, flag, module @ ..] = args.as_slice()
        && flag == "-m"
    {
        return local::run(module);
    }
    let program = without_empty_variables(Cli::command());
    let parsed = program.clone().try_get_matches().and_then(|matches| Cli::from_arg_matches(&matches));
    match parsed {
        Ok(Cli { command: Command::Serve(_) }) => {
            malloc::restart_with_settings();
            crate::http::serve(&command_line(|| subcommand("serve")))
        }
        Ok(Cli { command: Command::Worker(_) }) => {
            malloc::restart_with_settings();
            crate::http::work(&command_line(|| subcommand("worker")))
        }
        Ok(Cli { command: Command::Audit(args) }) => audit::run(args),
        Ok(Cli { command: Command::AuditBundle(args) }) => audit_bundle::run(&args),
        Ok(Cli { command: Command::Config(args) }) => {
            config::run(&args, &command_line(|| subcommand("config")))
        }
        Ok(Cli { command: Command::Connect(args) }) => connect::run(&args),
        Ok(Cli { command: Command::Demo(args) }) => demo::run(&args),
        Ok(Cli { command: Command::Anonymize(args) }) => anonymize::run(&args),
        Ok(Cli { command: Command::Evaluate(args) }) => evaluate::run(&args),
        Ok(Cli { command: Command::Explain(args) }) => explain::run(&args),
        Ok(Cli { command: Command::Export(args) }) => export::run(&args),
        Ok(Cli { command: Command::Import(args) }) => import::run(&args),
        Ok(Cli { command: Command::Predict(args) }) => predict::run(&args),
        Ok(Cli { command: Command::Replay(args) }) => replay::run(&args),
        Ok(Cli { command: Command::Train(args) }) => train::run(&args),
        Ok(Cli { command: Command::Doctor(args) }) => doctor::run(&args),
        Ok(Cli { command: Command::Health(args) }) => health::run(&args),
        Ok(Cli { command: Command::Inspect(args) }) => inspect::run(&args),
        Ok(Cli { command: Command::Jobs(args) }) => jobs::run(&args),
        Ok(Cli { command: Command::Migrate(args) }) => migrate::run(&args),
        Ok(Cli { command: Command::Passwd(args) }) => passwd::run(&args),
        Ok(Cli { command: Command::Prune(_) }) => prune::run(&command_line(|| subcommand("prune"))),
        Ok(Cli { command: Command::Check(args) }) => check::run(&args),
        Ok(Cli { command: Command::Completions(args) }) => completions::run(&args),
        Ok(Cli { command: Command::Man(args) }) => man::run(&args),
        Err(error) if error.use_stderr() => {
            let _ = write!(std::io::stderr(), "{}", explain(&error, &program));
            // Unit files and scripts of the Python server know 1 for settings that cannot be used.
            let has_settings =
                args.get(1).is_some_and(|name| ["serve", "config", "worker"].contains(&name.as_str()));
            if has_settings { Exit::Failure } else { Exit::Usage }.into()
        }
        Err(message) => {
            // Help and version: clap colours them. A closed stdout is no error.
            let _ = message.print();
            ExitCode::SUCCESS
        }
    }
}
