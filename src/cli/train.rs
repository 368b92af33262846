//! `moodle-mlbackend train`: trains a model on a dataset file.
//!
//! Owns the arguments and the output. Must not know how a model is learnt or stored: [`crate::backend`] does.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use serde::Serialize;

use super::data_directory::OpenError;
use super::exit_code::{Exit, exit_with};
use super::input::{self, InputError};
use super::inspect::model_text;
use super::model_choice::{ChosenModel, RecordedError, StoredModelId};
use super::output::{Force, Output, OutputError, print, print_json};
use super::progress::Quiet;
use crate::audit::Operation;
use crate::backend::{
    self, BackendError, ModelReport, Status, TrainingOptions, describe_onnx, export, export_onnx,
};
use crate::dataset::Limits;

/// Train a model on a dataset.
///
/// Writes the model to a file, without a data directory; or trains a model of a data directory further, as the server does
/// when Moodle sends it the dataset. This is safe while a server is running; limits have their defaults, and the server removes
/// what its retention settings do not keep. The dataset is a file of Moodle's format with a target in the last column. Exits
/// with 3 when a class has no sample.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  moodle-mlbackend train training.csv --output model.onnx
  moodle-mlbackend train training.csv --output model.zip     # can be imported into Moodle
  moodle-mlbackend train training.csv --data-dir /var/lib/moodle-mlbackend --model UNIQUEID/DIRHASH")]
pub struct Args {
    /// The dataset; - is standard input
    dataset: PathBuf,

    /// The file to write the model to: an export if its name ends with .zip, otherwise ONNX; - is standard output
    #[arg(
        long,
        short,
        value_name = "FILE",
        conflicts_with = "data_dir",
        required_unless_present = "data_dir"
    )]
    output: Option<PathBuf>,

    #[command(flatten)]
    force: Force,

    /// The data directory with the model to train
    #[arg(long, value_name = "DIR", requires = "model")]
    data_dir: Option<PathBuf>,

    /// The model in the data directory, which is created if it does not exist
    #[arg(long, value_name = "UNIQUEID/DIRHASH", requires = "data_dir", value_parser = StoredModelId::parse)]
    model: Option<StoredModelId>,

    /// Seconds after which the training ends with what it has learned so far
    #[arg(long, value_name = "SECONDS", default_value_t = 1800, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    training_seconds: u64,

    #[command(flatten)]
    quiet: Quiet,

    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

/// Why no model was trained.
#[derive(Debug, thiserror::Error)]
enum TrainError {
    #[error(transparent)]
    Input(#[from] InputError),
    #[error(transparent)]
    Output(#[from] OutputError),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Recorded(#[from] RecordedError),
    #[error(transparent)]
    Backend(#[from] BackendError),
    #[error("The trained model was removed by another program.")]
    Gone,
}

/// The result, which is also the JSON.
#[derive(Debug, Serialize)]
struct Trained {
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// The file that was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<PathBuf>,
    /// The model of the data directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    stored: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<ModelReport>,
}

/// Trains. Fails when nothing was trained.
#[must_use]
pub fn run(args: &Args) -> ExitCode {
    exit_with(train(args), |trained| {
        let is_on_stdout = args.output.as_deref().is_some_and(|path| Output::named(path) == Output::Stdout);
        match () {
            // Standard output is the model.
            () if is_on_stdout => {}
            () if args.json => print_json(trained),
            () => print_text(trained),
        }
        if let Some(error) = &trained.error {
            eprintln!("{error}.");
        }
        if trained.status == Status::OK { Exit::Success } else { Exit::Negative }
    })
}

fn train(args: &Args) -> Result<Trained, TrainError> {
    let output = args.output.as_deref().map(Output::named);
    if let Some(output) = &output {
        output.check_binary(args.force)?;
    }
    let dataset = input::open(&args.dataset)?;
    let chosen = match (&args.data_dir, &args.model) {
        (Some(directory), Some(model)) => ChosenModel::stored(directory, model, "train", false)?,
        _ => ChosenModel::new()?,
    };
    let spinner = args.quiet.spinner("training");
    let time = Duration::from_secs(args.training_seconds);
    let options = TrainingOptions { time, ..TrainingOptions::default() };
    let hashed = dataset.try_clone().map_err(|error| InputError::Open(args.dataset.clone(), error))?;
    let training = chosen.recorded(Operation::Training, Some(&hashed), |model_dir| {
        // The job begins here: a deletion from now on also deletes its result.
        let model_dir = model_dir.clone().begin_job()?;
        backend::train(&model_dir, dataset, &Limits::default(), options)
    })?;
    let model_dir = chosen.model_dir();
    spinner.finish_and_clear();
    let stored = args.model.as_ref().map(StoredModelId::path);
    if training.status != Status::OK {
        return Ok(Trained {
            status: training.status,
            error: training.errors,
            output: None,
            stored,
            model: None,
        });
    }
    let onnx = export_onnx(model_dir)?.ok_or(TrainError::Gone)?;
    if let (Some(output), Some(path)) = (&output, &args.output) {
        let bytes = if is_zip(path) { export(model_dir)?.ok_or(TrainError::Gone)? } else { onnx.clone() };
        output.write(args.force, &bytes)?;
    }
    let model = Some(describe_onnx(onnx));
    Ok(Trained { status: training.status, error: None, output: args.output.clone(), stored, model })
}

/// Whether the name is that of an export.
pub(super) fn is_zip(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("zip"))
}

fn print_text(trained: &Trained) {
    if let Some(model) = &trained.model {
        print(&model_text(model).trim_end());
    }
    match (&trained.output, &trained.stored) {
        _ if trained.status != Status::OK => {}
        (Some(path), _) => print(&format!("Written: {}", path.display())),
        (None, Some(stored)) => print(&format!("Stored: {stored}")),
        (None, None) => {}
    }
}
