//! `moodle-mlbackend audit-bundle`: writes everything that an auditor needs about a model into one file.
//!
//! Owns the arguments. Must not know what is in the bundle: [`crate::backend`] does.

use std::path::PathBuf;
use std::process::ExitCode;

use super::actor;
use super::data_directory::{OpenError, open};
use super::exit_code::exit_code;
use super::model_choice::{StoredModelId, is_trained};
use super::output::{Force, Output, OutputError, print_written};
use crate::audit::{AuditError, Operation, Trail};
use crate::backend::{self, Audited, BackendError};
use crate::store::ModelKey;

/// Write a file for an auditor of a model.
///
/// One zip with the model card, the report of the last evaluation, the results of earlier ones, the history of the trainings, the
/// model's lines of the audit trail, versions, the bill of materials, and how to reproduce the model. It contains nothing of a student.
/// The same data gives the same file. This command is safe while a server is running.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  moodle-mlbackend inspect /var/lib/moodle-mlbackend
  moodle-mlbackend audit-bundle --data-dir /var/lib/moodle-mlbackend UNIQUEID/DIRHASH --output audit.zip")]
pub struct Args {
    /// The model, as inspect lists it
    #[arg(value_name = "UNIQUEID/DIRHASH", value_parser = StoredModelId::parse)]
    model: StoredModelId,

    /// The data directory
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,

    /// The file to write to; - is standard output
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,

    #[command(flatten)]
    force: Force,

    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
enum BundleError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Output(#[from] OutputError),
    #[error(transparent)]
    Backend(#[from] BackendError),
    #[error(transparent)]
    Audit(#[from] AuditError),
    #[error(
        "There is no trained model {0} in the data directory. `moodle-mlbackend inspect DIR` lists its models."
    )]
    NotTrained(String),
}

/// Writes the bundle, and prints the file's name and size.
#[must_use]
pub fn run(args: &Args) -> ExitCode {
    exit_code(write(args), |bytes| {
        print_written(&args.model.path(), &args.output, *bytes, args.json);
        true
    })
}

/// The size of the file.
fn write(args: &Args) -> Result<usize, BundleError> {
    let output = Output::named(&args.output);
    output.check_binary(args.force)?;
    let store = open(&args.data_dir, "audit-bundle", true)?;
    let key = ModelKey { id: args.model.id.clone(), dir: args.model.hash.clone() };
    let not_trained = || BundleError::NotTrained(args.model.path());
    // A mistyped directory must not get a trail.
    if !is_trained(&store.model(&key.id, &key.dir))? {
        return Err(not_trained());
    }
    let trail = Trail::of(&store);
    // A failure is that of the next line.
    let _ = trail.report_interrupted();
    let subject = actor::operation(Operation::AuditBundle).with_key(&key);
    let bundle = trail.run(subject, || backend::audit_bundle(&store, &key), Audited::outcome)??;
    let bytes = bundle.ok_or_else(not_trained)?;
    output.write(args.force, &bytes)?;
    Ok(bytes.len())
}
