//! `moodle-mlbackend migrate`: converts the models of the Python server in a data directory.
//!
//! Owns the output. Must not know the format of those models: [`crate::backend`] does.

use std::collections::BTreeMap;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::actor::operation;
use super::data_directory::{DataDirectory, OpenError};
use super::exit_code::exit_code;
use super::output::{print, print_json};
use super::progress::Quiet;
use super::table::{counted, model_path, table};
use crate::audit::{self, Operation, Subject, Trail};
use crate::backend::{
    Audited as _, BackendError, PythonServerState, convert_python_server, look_at_python_server,
    remove_python_server,
};
use crate::model::ModelMetadata;
use crate::store::{Listing, ModelDir};

/// Convert the models of the Python server in a data directory.
///
/// This is optional: the server uses such models as they are. A converted model is one file, and the old files can be removed.
/// This command is safe while a server is running, and can be interrupted and run again.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    data: DataDirectory,

    /// Show what would be done, without doing it.
    #[arg(long)]
    dry_run: bool,

    /// Remove the Python server's files of each converted model, after checking that its predictions are the same.
    #[arg(long)]
    remove_old: bool,

    #[command(flatten)]
    quiet: Quiet,

    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

/// Converts and prints a table. Fails when a model was refused.
#[must_use]
pub fn run(args: &Args) -> ExitCode {
    exit_code(migrate(args), |rows| {
        if args.json {
            print_json(&document(rows, args));
        } else {
            print_table(rows, args);
        }
        rows.iter().all(|row| row.outcome.is_ok())
    })
}

/// The result for one model.
struct Row {
    uniqueid: String,
    dirhash: String,
    found: String,
    /// The error with its full cause: the output is for the administrator of this machine.
    outcome: Result<Outcome, String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Converted,
    AlreadyConverted,
    Removed,
}

fn migrate(args: &Args) -> Result<Vec<Row>, OpenError> {
    let store = args.data.open("migrate", args.dry_run)?;
    let trail = Trail::of(&store);
    let Listing { models, unreadable } = store.models()?;
    let bar = args.quiet.bar("  {bar:24.cyan/240} {pos}/{len}  {msg}");
    bar.set_length(models.len() as u64);
    let mut rows = Vec::new();
    for (id, hash, model_dir) in bar.wrap_iter(models.into_iter()) {
        let (uniqueid, dirhash) = (id.as_str().to_owned(), hash.as_str().to_owned());
        bar.set_message(model_path(&uniqueid, &dirhash));
        let (found, outcome) = match look_at_python_server(&model_dir) {
            Ok(None) => continue,
            Ok(Some(state)) => {
                let subject = operation(Operation::Migration).with_model(&id, &hash);
                let convert = || convert(&model_dir, &state, args);
                let outcome = if args.dry_run {
                    convert().map_err(|error| error.to_string())
                } else {
                    recorded(&trail, subject, convert)
                };
                (description(&state), outcome)
            }
            Err(error) => ("a model of the Python server".to_owned(), Err(error.to_string())),
        };
        rows.push(Row { uniqueid, dirhash, found, outcome });
    }
    rows.extend(unreadable.into_iter().map(|(id, error)| Row {
        uniqueid: id.as_str().to_owned(),
        dirhash: "?".to_owned(),
        found: "a directory that cannot be read".to_owned(),
        outcome: Err(error.to_string()),
    }));
    Ok(rows)
}

/// Converts a model and records it.
fn recorded(
    trail: &Trail,
    subject: Subject,
    convert: impl FnOnce() -> Result<Outcome, BackendError>,
) -> Result<Outcome, String> {
    let outcome = |result: &Result<_, BackendError>| match result {
        Ok(_) => audit::Outcome::ok(),
        Err(error) => error.outcome(),
    };
    let result = trail.run(subject, convert, outcome).map_err(|error| error.to_string())?;
    result.map_err(|error| error.to_string())
}

fn convert(model_dir: &ModelDir, state: &PythonServerState, args: &Args) -> Result<Outcome, BackendError> {
    if !args.dry_run {
        convert_python_server(model_dir)?;
        if args.remove_old {
            remove_python_server(model_dir)?;
        }
    }
    Ok(match state {
        _ if args.remove_old => Outcome::Removed,
        PythonServerState::Model(_) => Outcome::Converted,
        PythonServerState::Converted => Outcome::AlreadyConverted,
    })
}

fn description(state: &PythonServerState) -> String {
    match state {
        PythonServerState::Model(ModelMetadata { features, classes, made_by, open_ended, .. }) => {
            let more = if *open_ended { " or more" } else { "" };
            format!("{made_by}, {} features{more}, {} classes", features.len(), classes.len())
        }
        PythonServerState::Converted => "old files beside a model of this server".to_owned(),
    }
}

impl Row {
    fn outcome_text(&self, dry_run: bool) -> &'static str {
        match (&self.outcome, dry_run) {
            (Ok(Outcome::Converted), false) => "converted, old files kept",
            (Ok(Outcome::Converted), true) => "can be converted",
            (Ok(Outcome::AlreadyConverted), _) => "converted before, old files kept",
            (Ok(Outcome::Removed), false) => "converted, old files removed",
            (Ok(Outcome::Removed), true) => "can be converted, then the old files would be removed",
            (Err(_), _) => "refused",
        }
    }
}

fn document(rows: &[Row], args: &Args) -> Value {
    let row = |row: &Row| {
        let outcome = match row.outcome {
            Ok(Outcome::Converted) => "converted",
            Ok(Outcome::AlreadyConverted) => "already_converted",
            Ok(Outcome::Removed) => "removed",
            Err(_) => "refused",
        };
        json!({
            "model": format!("{}/{}", row.uniqueid, row.dirhash),
            "found": row.found,
            "outcome": outcome,
            "problem": row.outcome.as_ref().err(),
        })
    };
    json!({ "dry_run": args.dry_run, "models": rows.iter().map(row).collect::<Vec<_>>() })
}

fn print_table(rows: &[Row], args: &Args) {
    let mut table = table(&["model", "found", "outcome"]);
    for row in rows {
        let outcome = row.outcome_text(args.dry_run);
        table.add_row([&model_path(&row.uniqueid, &row.dirhash), &row.found, outcome]);
    }
    if !rows.is_empty() {
        print(&table);
    }
    for row in rows {
        if let Err(reason) = &row.outcome {
            print(&format!("{}/{}: {reason}", row.uniqueid, row.dirhash));
        }
    }
    print(&summary(rows, args.dry_run));
}

/// The number of models per outcome.
fn summary(rows: &[Row], dry_run: bool) -> String {
    let models = counted(rows.len(), "model");
    if rows.is_empty() {
        return format!("{models} of the Python server: nothing to do.");
    }
    let mut counts = BTreeMap::<&str, usize>::new();
    for row in rows {
        *counts.entry(row.outcome_text(dry_run)).or_default() += 1;
    }
    let counts: Vec<String> = counts.iter().map(|(outcome, count)| format!("{count} {outcome}")).collect();
    let note = if dry_run { " Nothing was changed: this was a dry run." } else { "" };
    format!("{models} of the Python server: {}.{note}", counts.join("; "))
}
