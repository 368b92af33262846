//! `moodle-mlbackend migrate`: converts the models of the Python server in a data directory.
//!
//! Owns the output. Must not know the format of the old files.

use std::io::IsTerminal as _;
use std::process::ExitCode;

use indicatif::{ProgressBar, ProgressStyle};

use super::data_directory::{DataDirectory, OpenError, end};
use super::table::{counted, model as named, table};
use crate::backend::{
    BackendError, PythonServerState, convert_python_server, look_at_python_server, remove_python_server,
};
use crate::model::ModelMetadata;
use crate::store::{Listing, ModelDir};

/// Converts the models of the Python server in a data directory.
///
/// Optional: the server uses such models as they are. A converted model is one file, and the old files can be removed.
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
}

/// Converts and prints a table. Fails when a model was refused.
#[must_use]
pub fn run(args: &Args) -> ExitCode {
    end(migrate(args), |rows| {
        print(rows, args);
        rows.iter().all(|row| row.outcome.is_ok())
    })
}

/// The result for one model.
struct Row {
    uniqueid: String,
    dirhash: String,
    found: String,
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
    let Listing { models, unreadable } = store.models()?;
    let bar = bar(models.len() as u64);
    let mut rows = Vec::new();
    for (id, hash, home) in models {
        let (uniqueid, dirhash) = (id.as_str().to_owned(), hash.as_str().to_owned());
        bar.set_message(named(&uniqueid, &dirhash));
        let (found, outcome) = match look_at_python_server(&home) {
            Ok(None) => {
                bar.inc(1);
                continue;
            }
            Ok(Some(left)) => (found(&left), treat(&home, &left, args).map_err(|error| cause(&error))),
            Err(error) => ("a model of the Python server".to_owned(), Err(cause(&error))),
        };
        rows.push(Row { uniqueid, dirhash, found, outcome });
        bar.inc(1);
    }
    bar.finish_and_clear();
    rows.extend(unreadable.into_iter().map(|(id, error)| Row {
        uniqueid: id.as_str().to_owned(),
        dirhash: "?".to_owned(),
        found: "a directory that cannot be read".to_owned(),
        outcome: Err(error.to_string()),
    }));
    Ok(rows)
}

fn treat(home: &ModelDir, left: &PythonServerState, args: &Args) -> Result<Outcome, BackendError> {
    if !args.dry_run {
        convert_python_server(home)?;
    }
    match left {
        _ if args.remove_old => {
            if !args.dry_run {
                remove_python_server(home)?;
            }
            Ok(Outcome::Removed)
        }
        PythonServerState::Model(_) => Ok(Outcome::Converted),
        PythonServerState::Converted => Ok(Outcome::AlreadyConverted),
    }
}

/// The full cause: the output is for the administrator of this machine.
fn cause(error: &BackendError) -> String {
    error.to_string()
}

fn found(left: &PythonServerState) -> String {
    match left {
        PythonServerState::Model(ModelMetadata { features, classes, made_by, open_ended, .. }) => {
            let more = if *open_ended { " or more" } else { "" };
            format!("{made_by}, {} features{more}, {} classes", features.len(), classes.len())
        }
        PythonServerState::Converted => "old files beside a model of this server".to_owned(),
    }
}

fn print(rows: &[Row], args: &Args) {
    let mut table = table(&["model", "what is there", "outcome"]);
    for row in rows {
        let outcome = row.outcome.as_ref().map_or("refused", |outcome| outcome.words(args.dry_run));
        table.add_row([&named(&row.uniqueid, &row.dirhash), &row.found, outcome]);
    }
    if !rows.is_empty() {
        println!("{table}");
    }
    for row in rows {
        if let Err(why) = &row.outcome {
            println!("{}/{}: {why}", row.uniqueid, row.dirhash);
        }
    }
    println!("{}", summary(rows, args));
}

/// The number of models per outcome, and the next step.
fn summary(rows: &[Row], args: &Args) -> String {
    let count = |wanted: Outcome| rows.iter().filter(|row| row.outcome == Ok(wanted)).count();
    let refused = rows.iter().filter(|row| row.outcome.is_err()).count();
    let outcomes = [Outcome::Converted, Outcome::AlreadyConverted, Outcome::Removed];
    let counts = outcomes.map(|outcome| (count(outcome), outcome.words(args.dry_run)));
    let parts: Vec<String> = counts
        .into_iter()
        .chain([(refused, "refused")])
        .filter(|(count, _)| *count > 0)
        .map(|(count, words)| format!("{count} {words}"))
        .collect();
    let models = counted(rows.len(), "model");
    if parts.is_empty() {
        return format!("{models} of the Python server: nothing to do.");
    }
    let next = if args.dry_run && refused < rows.len() {
        " Nothing was changed; without --dry-run it is done."
    } else {
        ""
    };
    format!("{models} of the Python server: {}.{next}", parts.join("; "))
}

impl Outcome {
    fn words(self, dry_run: bool) -> &'static str {
        match (self, dry_run) {
            (Self::Converted, false) => "converted, the old files are still there",
            (Self::Converted, true) => "can be converted",
            (Self::AlreadyConverted, _) => "converted before, the old files are still there",
            (Self::Removed, false) => "converted, the old files are gone",
            (Self::Removed, true) => "can be converted, then the old files would go",
        }
    }
}

fn bar(models: u64) -> ProgressBar {
    let bar = if std::io::stderr().is_terminal() { ProgressBar::new(models) } else { ProgressBar::hidden() };
    // The template is a constant; if it were invalid, the default style would do.
    if let Ok(style) = ProgressStyle::with_template("  {bar:24.cyan/240} {pos}/{len}  {msg}") {
        bar.set_style(style.progress_chars("━━╌"));
    }
    bar
}
