//! `moodle-mlbackend import`: replaces a model of a data directory by a file.
//!
//! Owns the arguments and the question before a model is replaced. Must not know what is checked: [`crate::backend`] does.

use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::json;

use super::confirm::confirmed;
use super::data_directory::OpenError;
use super::exit_code::exit_code;
use super::model_choice::{ChosenModel, RecordedError, StoredModelId, is_trained};
use super::output::{print, print_json};
use crate::audit::Operation;
use crate::backend::{BackendError, import_path};
use crate::dataset::Limits;

/// Import a model into a data directory.
///
/// Takes what Moodle's import takes: an export (zip or directory) or an ONNX file of this program or of another tool. It becomes
/// the model's next generation; the samples of a replaced model are not used any more. This command is safe while a server is
/// running.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  moodle-mlbackend import model.zip --data-dir /var/lib/moodle-mlbackend --model UNIQUEID/DIRHASH
  moodle-mlbackend import model.onnx --data-dir /var/lib/moodle-mlbackend --model UNIQUEID/DIRHASH --yes")]
pub struct Args {
    /// The file or directory to import
    file: PathBuf,

    /// The data directory
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,

    /// The model to create or to replace
    #[arg(long, value_name = "UNIQUEID/DIRHASH", value_parser = StoredModelId::parse)]
    model: StoredModelId,

    /// Replace a trained model without asking
    #[arg(long, short)]
    yes: bool,

    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
enum ImportError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Backend(#[from] BackendError),
    #[error(transparent)]
    Recorded(#[from] RecordedError),
    #[error("{0} is trained already. Replace it with --yes.")]
    Exists(String),
    #[error("Nothing was imported.")]
    Declined,
}

/// Imports, and prints the model.
#[must_use]
pub fn run(args: &Args) -> ExitCode {
    exit_code(import(args), |replaced| {
        let model = args.model.path();
        if args.json {
            print_json(&json!({ "model": model, "replaced": replaced }));
        } else {
            print(&format!("{}: {model}", if *replaced { "Replaced" } else { "Imported" }));
        }
        true
    })
}

/// Whether a model was replaced.
fn import(args: &Args) -> Result<bool, ImportError> {
    let chosen = ChosenModel::stored(&args.data_dir, &args.model, "import", false)?;
    let exists = is_trained(chosen.model_dir())?;
    if exists && !args.yes {
        let model = args.model.path();
        match confirmed(&format!("{model} is trained already. Replace it?")) {
            Some(true) => {}
            Some(false) => return Err(ImportError::Declined),
            None => return Err(ImportError::Exists(model)),
        }
    }
    chosen.recorded(Operation::Import, None, |model_dir| {
        // A deletion from now on also deletes the imported model.
        let model_dir = model_dir.clone().begin_job()?;
        import_path(&model_dir, &args.file, &Limits::default())
    })?;
    Ok(exists)
}
