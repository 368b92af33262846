//! `moodle-mlbackend export`: writes a model of a data directory to a file.
//!
//! Owns the arguments. Must not know what an export contains: [`crate::backend`] does.

use std::path::PathBuf;
use std::process::ExitCode;

use super::data_directory::OpenError;
use super::exit_code::exit_code;
use super::model_choice::{ChosenModel, RecordedError, StoredModelId};
use super::output::{Force, Output, OutputError, print_written};
use crate::audit::Operation;
use crate::backend::{self, export_onnx};

/// Export a model of a data directory.
///
/// Writes the same zip as Moodle's export of a model, or the ONNX file alone. This command is safe while a server is running.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  moodle-mlbackend inspect /var/lib/moodle-mlbackend
  moodle-mlbackend export --data-dir /var/lib/moodle-mlbackend UNIQUEID/DIRHASH --output model.zip")]
pub struct Args {
    /// The model, as inspect lists it
    #[arg(value_name = "UNIQUEID/DIRHASH", value_parser = StoredModelId::parse)]
    model: StoredModelId,

    /// The data directory
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,

    /// The file to write to: ONNX if its name ends with .onnx, otherwise a zip; - is standard output
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,

    #[command(flatten)]
    force: Force,

    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

/// Why nothing was exported.
#[derive(Debug, thiserror::Error)]
enum ExportError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Output(#[from] OutputError),
    #[error(transparent)]
    Recorded(#[from] RecordedError),
    #[error(
        "There is no trained model {0} in the data directory. `moodle-mlbackend inspect DIR` lists its models."
    )]
    NotTrained(String),
}

/// Exports, and prints the file's name and size.
#[must_use]
pub fn run(args: &Args) -> ExitCode {
    exit_code(export(args), |bytes| {
        print_written(&args.model.path(), &args.output, *bytes, args.json);
        true
    })
}

/// The size of the file.
fn export(args: &Args) -> Result<usize, ExportError> {
    let output = Output::named(&args.output);
    output.check_binary(args.force)?;
    let chosen = ChosenModel::stored(&args.data_dir, &args.model, "export", true)?;
    let is_onnx = args.output.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("onnx"));
    let bytes = chosen.recorded(Operation::Export, None, |model_dir| {
        if is_onnx { export_onnx(model_dir) } else { backend::export(model_dir) }
    })?;
    let bytes = bytes.ok_or_else(|| ExportError::NotTrained(args.model.path()))?;
    output.write(args.force, &bytes)?;
    Ok(bytes.len())
}
