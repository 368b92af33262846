//! `moodle-mlbackend predict`: predicts the samples of a dataset file.
//!
//! Owns the arguments and the output. Must not know how a model runs: [`crate::backend`] does.

use std::path::PathBuf;
use std::process::ExitCode;

use serde::Serialize;

use super::exit_code::exit_code;
use super::input::{self, InputError};
use super::model_choice::{ChosenModel, ModelError, RecordedError};
use super::output::{Force, Output, OutputError, STANDARD};
use super::table::{sanitized, table};
use crate::audit::Operation;
use crate::backend::{self, LoadedModels, Prediction};
use crate::dataset::Limits;

/// Predict the samples of a dataset.
///
/// The model is an ONNX file, an export (zip or directory), or with --data-dir a model of a data directory. The dataset is a
/// file of Moodle's format with sample ids in the first column. Prints a table, CSV or JSON: the sample id, the predicted class
/// and its probability, the same as the server's response.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  moodle-mlbackend predict model.onnx prediction.csv
  moodle-mlbackend predict model.onnx prediction.csv --csv | sort -t, -k3 -g
  moodle-mlbackend predict --data-dir DIR UNIQUEID/DIRHASH prediction.csv --json")]
pub struct Args {
    /// The model: a file or directory; with --data-dir UNIQUEID/DIRHASH
    model: PathBuf,

    /// The dataset; - is standard input
    dataset: PathBuf,

    /// The data directory with the model
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,

    /// The file to write to, as CSV unless --json is given; - is standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    force: Force,

    /// Write CSV, with a line of names
    #[arg(long, conflicts_with = "json")]
    csv: bool,

    /// Write JSON, for programs
    #[arg(long)]
    json: bool,
}

/// Why there are no predictions.
#[derive(Debug, thiserror::Error)]
enum PredictError {
    #[error(transparent)]
    Input(#[from] InputError),
    #[error(transparent)]
    Output(#[from] OutputError),
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error(transparent)]
    Recorded(#[from] RecordedError),
    #[error(
        "There is no trained model {0} in the data directory. `moodle-mlbackend inspect DIR` lists its models."
    )]
    NotTrained(String),
    #[error("The predictions could not be formatted: {0}.")]
    Format(Box<dyn std::error::Error + Send + Sync>),
}

#[derive(Debug, Clone, Copy)]
enum Format {
    Table,
    Csv,
    Json,
}

/// The JSON.
#[derive(Serialize)]
struct Document<'a> {
    predictions: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    sampleid: &'a str,
    prediction: &'a str,
    /// Of the predicted class, with the digits of the server's response.
    probability: f64,
}

/// Predicts and prints.
#[must_use]
pub fn run(args: &Args) -> ExitCode {
    exit_code(predict(args), |()| true)
}

fn predict(args: &Args) -> Result<(), PredictError> {
    let output = Output::named(args.output.as_deref().unwrap_or(STANDARD.as_ref()));
    output.check(args.force)?;
    let chosen = ChosenModel::named(&args.model, args.data_dir.as_deref(), "predict")?;
    let dataset = input::open(&args.dataset)?;
    let hashed = dataset.try_clone().map_err(|error| InputError::Open(args.dataset.clone(), error))?;
    let Prediction { predictions, .. } =
        chosen.recorded(Operation::Prediction, Some(&hashed), |model_dir| {
            backend::predict(model_dir, &LoadedModels::none(), dataset, &Limits::default())
        })?;
    let predictions =
        predictions.ok_or_else(|| PredictError::NotTrained(sanitized(&args.model.to_string_lossy())))?;
    let format = match output {
        _ if args.json => Format::Json,
        Output::Stdout if !args.csv => Format::Table,
        _ => Format::Csv,
    };
    Ok(output.write(args.force, &formatted(format, &predictions)?)?)
}

/// The predictions as a file: the id, the class and the probability of each sample.
fn formatted(format: Format, predictions: &[(String, String, String)]) -> Result<Vec<u8>, PredictError> {
    const NAMES: [&str; 3] = ["sampleid", "prediction", "probability"];
    let failed = |error: Box<dyn std::error::Error + Send + Sync>| PredictError::Format(error);
    match format {
        Format::Table => {
            let mut table = table(&NAMES);
            for (id, class, probability) in predictions {
                table.add_row([&sanitized(id), class, probability]);
            }
            Ok(format!("{table}\n").into_bytes())
        }
        Format::Csv => {
            let mut csv = csv::Writer::from_writer(Vec::new());
            csv.write_record(NAMES).map_err(|error| failed(error.into()))?;
            for (id, class, probability) in predictions {
                csv.write_record([id, class, probability]).map_err(|error| failed(error.into()))?;
            }
            csv.into_inner().map_err(|error| failed(error.to_string().into()))
        }
        Format::Json => {
            let row = |(id, class, probability): &'_ (String, String, String)| -> Result<_, PredictError> {
                let probability =
                    probability.parse().map_err(|error: std::num::ParseFloatError| failed(error.into()))?;
                Ok((id.clone(), class.clone(), probability))
            };
            let rows: Vec<(String, String, f64)> = predictions.iter().map(row).collect::<Result<_, _>>()?;
            let rows = rows.iter().map(|(id, class, probability)| Row {
                sampleid: id,
                prediction: class,
                probability: *probability,
            });
            let document = Document { predictions: rows.collect() };
            let mut bytes = serde_json::to_vec_pretty(&document).map_err(|error| failed(error.into()))?;
            bytes.push(b'\n');
            Ok(bytes)
        }
    }
}
