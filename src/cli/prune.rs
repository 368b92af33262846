//! `moodle-mlbackend prune`: removes evaluation reports and generations beyond the retention settings.
//!
//! Owns the output. Must not know what is removed: the store does.

use std::process::ExitCode;

use clap::FromArgMatches as _;

use super::data_directory::{DataDirectory, OpenError};
use super::exit_code::exit_code;
use super::table::table;
use super::{command_line, subcommand};
use crate::config::{ConfigError, ConfigFile, RetentionArgs, Settings};
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
pub fn run() -> ExitCode {
    exit_code(prune(), |(pruned, dry_run)| {
        print(pruned, *dry_run);
        pruned.iter().all(|model| model.outcome.is_ok())
    })
}

/// The models, and whether nothing was changed.
fn prune() -> Result<(Vec<Pruned>, bool), PruneError> {
    // With the TOML file of the server: without it, more would be removed than the server is set to keep.
    let settings = Settings::read(&command_line(|| subcommand("prune")))?;
    let args = Args::from_arg_matches(&settings.matches)
        .map_err(|error| ConfigError::Arguments(error.to_string()))?;
    let store = args.data.open("prune", args.dry_run)?.with_retention(args.retention.into());
    Ok((store.prune(args.dry_run)?, args.dry_run))
}

fn print(pruned: &[Pruned], dry_run: bool) {
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
        println!("{table}");
    }
    let directories = if count == 1 { "1 directory".to_owned() } else { format!("{count} directories") };
    let done = if dry_run { "would be removed" } else { "removed" };
    println!("{directories} {done}, {}.", ByteSize(bytes));
}
