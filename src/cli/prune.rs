//! `moodle-mlbackend prune`: removes evaluation reports and generations beyond the retention settings.
//!
//! Owns the output. Must not know what is removed: the store does.

use std::process::ExitCode;

use clap::FromArgMatches as _;
use serde_json::{Value, json};

use super::actor::operation;
use super::data_directory::{DataDirectory, OpenError};
use super::exit_code::exit_code;
use super::output::{print, print_json};
use super::table::{counted, table};
use crate::audit::{AuditError, Operation, Outcome, RemovedDay, Trail, Verdict};
use crate::config::{CommandLine, ConfigError, ConfigFile, RetentionArgs, Settings};
use crate::store::{Pruned, StoreError};
use crate::units::ByteSize;

/// Remove evaluation reports, old versions (generations) of models, samples and lines of the audit trail beyond the
/// retention settings.
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
    #[error(transparent)]
    Audit(#[from] AuditError),
}

/// Prunes and prints a table. Fails when a model could not be pruned.
#[must_use]
pub fn run(line: &CommandLine) -> ExitCode {
    exit_code(prune(line), |(removed, json)| {
        if *json {
            print_json(&removed.document());
        } else {
            removed.print();
        }
        removed.models.iter().all(|model| model.outcome.is_ok())
    })
}

/// What was removed, or would be.
struct Removed {
    models: Vec<Pruned>,
    /// Files of the audit trail.
    days: Vec<RemovedDay>,
    dry_run: bool,
}

/// What was removed, and whether it is printed as JSON.
fn prune(line: &CommandLine) -> Result<(Removed, bool), PruneError> {
    // With the TOML file of the server: without it, more would be removed than the server is set to keep.
    let settings = Settings::read(line)?;
    let args = Args::from_arg_matches(&settings.matches)
        .map_err(|error| ConfigError::Arguments(error.to_string()))?;
    let store = args.data.open("prune", args.dry_run)?.with_retention(args.retention.into());
    let (dry_run, trail) = (args.dry_run, Trail::of(&store));
    let prune = || -> Result<Removed, PruneError> {
        let days = trail.remove_outdated(args.retention.audit_days(), dry_run)?;
        Ok(Removed { models: store.prune(dry_run)?, days, dry_run })
    };
    if dry_run {
        return Ok((prune()?, args.json));
    }
    let outcome = |removed: &Result<Removed, PruneError>| match removed {
        Ok(removed) if removed.models.iter().all(|model| model.outcome.is_ok()) => Outcome::ok(),
        _ => Outcome::error(Verdict::Failed, "internal error"),
    };
    Ok((trail.run(operation(Operation::Pruning), prune, outcome)??, args.json))
}

impl Removed {
    fn document(&self) -> Value {
        let (mut removed, mut problems) = (Vec::new(), Vec::new());
        for model in &self.models {
            match &model.outcome {
                Ok(parts) => removed.extend(parts.iter().map(|part| {
                    json!({ "model": model.model, "path": part.path, "bytes": part.bytes, "reason": part.reason })
                })),
                Err(error) => problems.push(json!({ "model": model.model, "problem": error.to_string() })),
            }
        }
        let days = self.days.iter().map(|day| json!({ "file": day.name, "bytes": day.bytes }));
        json!({
            "dry_run": self.dry_run,
            "removed": removed,
            "audit_days": days.collect::<Vec<_>>(),
            "problems": problems,
        })
    }

    fn print(&self) {
        let Self { models: pruned, days, dry_run } = self;
        let dry_run = *dry_run;
        let mut table =
            table(&["model", if dry_run { "would be removed" } else { "removed" }, "size", "reason"]);
        let (mut count, mut bytes, mut samples) = (0, 0, 0);
        for model in pruned {
            match &model.outcome {
                Ok(removed) => {
                    for part in removed {
                        table.add_row([
                            &model.model,
                            &part.path,
                            &ByteSize(part.bytes).to_string(),
                            part.reason,
                        ]);
                        if part.is_samples() {
                            samples += 1;
                        } else {
                            count += 1;
                        }
                        bytes += part.bytes;
                    }
                }
                Err(error) => {
                    table.add_row([&model.model, "", "", &format!("could not be pruned: {error}")]);
                }
            }
        }
        for day in days {
            let path = format!("audit/{}", day.name);
            table.add_row([
                ".mlbackend",
                &path,
                &ByteSize(day.bytes).to_string(),
                "older than audit lines are kept",
            ]);
        }
        if !table.is_empty() {
            print(&table);
        }
        let directories = if count == 1 { "1 directory".to_owned() } else { format!("{count} directories") };
        let done = if dry_run { "would be removed" } else { "removed" };
        print(&format!("{directories} {done}, {}.", ByteSize(bytes)));
        if samples > 0 {
            print(&format!("The outdated samples of {} {done}.", counted(samples, "earlier generation")));
        }
        if !days.is_empty() {
            print(&format!("{} of the audit trail {done}.", counted(days.len(), "day")));
        }
    }
}
