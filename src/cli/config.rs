//! `moodle-mlbackend config`: the settings in force and where each comes from.
//!
//! Owns the output. Must not know what a setting means. Secrets are never printed.

use std::process::ExitCode;

use serde_json::{Map, Value, json};

use super::output::print;
use super::table::{counted, sanitized, table};
use crate::config::{CommandLine, Config, ConfigError, Origin, ServeArgs, Setting, Settings, USERS};

/// Show the settings that `serve` would use, and where each comes from.
///
/// Takes the same flags and variables as `serve`, and checks all settings in the same way. Exits with 1 if the server would
/// not start. To see the settings of a service, run this command with its environment and as its user.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    serve: ServeArgs,
}

/// Prints the settings. Fails when the server would not start with them.
#[must_use]
pub fn run(args: &Args, line: &CommandLine) -> ExitCode {
    let settings = match Settings::read(line) {
        Ok(settings) => settings,
        Err(error) => return fail(&error),
    };
    let config = Config::new(&settings);
    let users = config.as_ref().ok().and_then(|config| Some(config.live().users.as_ref()?.names().count()));
    if args.json {
        print_json(&settings, users);
    } else {
        print_table(&settings, users);
    }
    settings.warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
    match config {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

fn fail(error: &ConfigError) -> ExitCode {
    eprintln!("moodle-mlbackend: {error}");
    ExitCode::FAILURE
}

fn print_table(settings: &Settings, users: Option<usize>) {
    let mut table = table(&["setting", "value", "from", "SIGHUP"]);
    for setting in &settings.list {
        let from = setting.origin.to_string();
        let reload = if setting.is_live() { "takes effect" } else { "needs a restart" };
        table.add_row([setting.key(), &shown(setting, users), &sanitized(&from), reload]);
    }
    print(&table);
}

fn shown(setting: &Setting, users: Option<usize>) -> String {
    match users {
        _ if setting.origin == Origin::Unset => String::new(),
        Some(count) if setting.variable() == USERS => format!("{} (hidden)", counted(count, "user")),
        _ if setting.is_secret() => "(hidden)".to_owned(),
        _ => sanitized(&setting.shown().unwrap_or_default()),
    }
}

/// An object with one entry per setting.
fn print_json(settings: &Settings, users: Option<usize>) {
    let entry = |setting: &Setting| {
        let mut entry = json!({
            "value": setting.shown(),
            "source": setting.origin.kind(),
            "from": setting.origin.to_string(),
            "variable": setting.variable(),
            "secret": setting.is_secret(),
            "needs_restart": !setting.is_live(),
        });
        if setting.variable() == USERS {
            entry["users"] = json!(users);
        }
        (setting.key().to_owned(), entry)
    };
    let entries: Map<String, Value> = settings.list.iter().map(entry).collect();
    print(&json!({ "config": settings.file, "settings": entries }));
}
