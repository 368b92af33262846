//! `moodle-mlbackend prune`: removes evaluation reports and generations beyond the retention settings.
//!
//! Owns the output. Must not know what is removed: the store does.

use std::process::ExitCode;

use clap::FromArgMatches as _;
use serde_json::{Value, json};

use super::data_directory::{DataDirectory, OpenError};
use super::exit_code::exit_code;
use super::output::{print, print_json};
use super::table::table;
use crate::config::{CommandLine, ConfigError, ConfigFile, RetentionArgs, Settings};
use crate::store::{Pruned, StoreError};
use crate::units::ByteSize;

/// Remove evaluation reports and old versions (generations) of models beyond the retention settings.
///
/// The server does the same after each publication and every hour. This command is safe while a server is running. It
/// never removes a current model.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    data: DataDirectory,

    /// Show what would be removed, without removing it.
    #[arg(long)]
    dry_run: bool,

    /// Print JSON, for programs
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    file: ConfigFile,

    #[command(flatten)]
    retention: RetentionArgs,
}

/// Why nothing could be pruned.
#[derive(Debug, thiserror::Error)]
enum PruneError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Prunes and prints a table. Fails when a model could not be pruned.
#[must_use]
pub fn run(line: &CommandLine) -> ExitCode {
    exit_code(prune(line), |(pruned, args)| {
        if args.json {
            print_json(&document(pruned, args.dry_run));
        } else {
            print_table(pruned, args.dry_run);
        }
        pruned.iter().all(|model| model.outcome.is_ok())
    })
}

/// The models, and the arguments.
fn prune(line: &CommandLine) -> Result<(Vec<Pruned>, Args), PruneError> {
    // With the TOML file of the server: without it, more would be removed than the server is set to keep.
    let settings = Settings::read(line)?;
    let args = Args::from_arg_matches(&settings.matches)
        .map_err(|error| ConfigError::Arguments(error.to_string()))?;
    let store = args.data.open("prune", args.dry_run)?.with_retention(args.retention.into());
    Ok((store.prune(args.dry_run)?, args))
}

fn document(pruned: &[Pruned], dry_run: bool) -> Value {
    let (mut removed, mut problems) = (Vec::new(), Vec::new());
    for model in pruned {
        match &model.outcome {
            Ok(parts) => removed.extend(parts.iter().map(|part| {
                json!({ "model": model.model, "path": part.path, "bytes": part.bytes, "reason": part.reason })
            })),
            Err(error) => problems.push(json!({ "model": model.model, "problem": error.to_string() })),
        }
    }
    json!({ "dry_run": dry_run, "removed": removed, "problems": problems })
}

fn print_table(pruned: &[Pruned], dry_run: bool) {
    let mut table = table(&["model", if dry_run { "would be removed" } else { "removed" }, "size", "reason"]);
    let (mut count, mut bytes) = (0, 0);
    for model in pruned {
        match &model.outcome {
            Ok(removed) => {
                for part in removed {
                    table.add_row([&model.model, &part.path, &ByteSize(part.bytes).to_string(), part.reason]);
                    (count, bytes) = (count + 1, bytes + part.bytes);
                }
            }
            Err(error) => {
                table.add_row([&model.model, "", "", &format!("could not be pruned: {error}")]);
            }
        }
    }
    if !pruned.is_empty() {
        print(&table);
    }
    let directories = if count == 1 { "1 directory".to_owned() } else { format!("{count} directories") };
    let done = if dry_run { "would be removed" } else { "removed" };
    print(&format!("{directories} {done}, {}.", ByteSize(bytes)));
}
