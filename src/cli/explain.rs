//! `moodle-mlbackend explain`: how much each indicator contributes to the predictions of a dataset file.
//!
//! Owns the arguments and the output. Must not know how contributions are computed: [`crate::backend`] does.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

use super::exit_code::exit_code;
use super::input::{self, InputError};
use super::model_choice::{ChosenModel, ModelError, RecordedError};
use super::output::{Force, Output, OutputError, STANDARD};
use super::table::{sanitized, table};
use crate::audit::Operation;
use crate::backend::{self, Explanation, ExplanationMethod, ExplanationRequest, OutputScale, Upload};
use crate::dataset::Limits;

/// Explain the predictions of the samples of a dataset.
///
/// For each sample, how much each indicator contributes to the log-odds of the second of two classes, or to the log-probability
/// of each of more classes, compared with other samples: those of --background, or samples that a model of a data directory was
/// trained on. Contributions describe the model; they are not causes. The model and the dataset are those of `predict`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  moodle-mlbackend explain model.onnx prediction.csv --background training.csv
  moodle-mlbackend explain --data-dir DIR UNIQUEID/DIRHASH prediction.csv --top 3
  moodle-mlbackend explain --data-dir DIR UNIQUEID/DIRHASH prediction.csv --json")]
pub struct Args {
    /// The model: a file or directory; with --data-dir UNIQUEID/DIRHASH
    model: PathBuf,

    /// The dataset; - is standard input
    dataset: PathBuf,

    /// The data directory with the model
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,

    /// A dataset with samples to compare with, of which at most 100 are used
    #[arg(long, value_name = "FILE")]
    background: Option<PathBuf>,

    /// The number of contributions of each output, largest first; without it 5 in a table, otherwise all
    #[arg(long, value_name = "NUMBER")]
    top: Option<NonZeroUsize>,

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

/// Why there are no explanations.
#[derive(Debug, thiserror::Error)]
enum ExplainError {
    #[error(transparent)]
    Input(#[from] InputError),
    #[error(transparent)]
    Output(#[from] OutputError),
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error(transparent)]
    Recorded(#[from] RecordedError),
    #[error("The explanations could not be formatted: {0}.")]
    Format(Box<dyn std::error::Error + Send + Sync>),
}

#[derive(Debug, Clone, Copy)]
enum Format {
    Table,
    Csv,
    Json,
}

/// The contributions of an output in a table.
const TOP: usize = 5;

/// Explains and prints.
#[must_use]
pub fn run(args: &Args) -> ExitCode {
    exit_code(explain(args), |()| true)
}

fn explain(args: &Args) -> Result<(), ExplainError> {
    let output = Output::named(args.output.as_deref().unwrap_or(STANDARD.as_ref()));
    output.check(args.force)?;
    let format = match output {
        _ if args.json => Format::Json,
        Output::Stdout if !args.csv => Format::Table,
        _ => Format::Csv,
    };
    let chosen = ChosenModel::named(&args.model, args.data_dir.as_deref(), "explain")?;
    let dataset = input::open(&args.dataset)?;
    let background = args.background.as_deref().map(input::open).transpose()?.map(Upload::from);
    let hashed = dataset.try_clone().map_err(|error| InputError::Open(args.dataset.clone(), error))?;
    let top = match (args.top, format) {
        (Some(top), _) => Some(top.get()),
        (None, Format::Table) => Some(TOP),
        (None, _) => None,
    };
    let explanation = chosen.recorded(Operation::Explanation, Some(&hashed), |model_dir| {
        backend::explain(model_dir, dataset, ExplanationRequest { background, top }, &Limits::default())
    })?;
    Ok(output.write(args.force, &formatted(format, &explanation)?)?)
}

fn formatted(format: Format, explanation: &Explanation) -> Result<Vec<u8>, ExplainError> {
    match format {
        Format::Table => Ok(in_a_table(explanation).into_bytes()),
        Format::Csv => in_csv(explanation).map_err(ExplainError::Format),
        Format::Json => {
            let json = serde_json::to_vec_pretty(explanation);
            let mut bytes = json.map_err(|error| ExplainError::Format(error.into()))?;
            bytes.push(b'\n');
            Ok(bytes)
        }
    }
}

/// For each output a line with its base value, one for each listed contribution, and one with their sum.
fn in_a_table(explanation: &Explanation) -> String {
    let scale = match explanation.scale {
        OutputScale::LogOdds => "log-odds",
        OutputScale::LogProbability => "log-probability",
    };
    let mut table = table(&["sampleid", "prediction", "class", "indicator", "contribution"]);
    for sample in &explanation.explanations {
        let mut head =
            [sanitized(&sample.sampleid), format!("{} ({:.2})", sample.prediction, sample.probability)];
        for (output, base) in sample.outputs.iter().zip(&explanation.outputs) {
            let first = std::mem::take(&mut head);
            let [id, prediction] = first;
            table.add_row([
                id,
                prediction,
                output.class.clone(),
                "base value".to_owned(),
                signed(base.base, None),
            ]);
            for one in &output.contributions {
                table.add_row(row(sanitized(&one.words), signed(one.contribution, one.error)));
            }
            if output.others != 0.0 {
                table.add_row(row("others".to_owned(), signed(output.others, None)));
            }
            table.add_row(row(format!("= {scale}"), signed(output.value, None)));
        }
    }
    let origin = match explanation.method {
        ExplanationMethod::Exact => "Contributions are exact",
        ExplanationMethod::Sampled => "Contributions are estimates (± standard error)",
    };
    let samples = explanation.background.samples;
    format!(
        "{table}\n{origin}, compared with {samples} samples. They describe the model, and are not causes.\n"
    )
}

fn row(indicator: String, contribution: String) -> [String; 5] {
    [String::new(), String::new(), String::new(), indicator, contribution]
}

fn signed(value: f64, error: Option<f64>) -> String {
    // Not "-0.00".
    let value = if value.abs() < 0.005 { 0.0 } else { value };
    error.map_or_else(|| format!("{value:+.2}"), |error| format!("{value:+.2} ± {error:.2}"))
}

/// A line for each contribution, which repeats the sample and its output.
fn in_csv(explanation: &Explanation) -> Result<Vec<u8>, Box<dyn std::error::Error + Send + Sync>> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record([
        "sampleid",
        "prediction",
        "probability",
        "class",
        "base",
        "output",
        "indicator",
        "words",
        "value",
        "contribution",
        "error",
    ])?;
    for sample in &explanation.explanations {
        for (output, base) in sample.outputs.iter().zip(&explanation.outputs) {
            for one in &output.contributions {
                let text = |number: Option<String>| number.unwrap_or_default();
                csv.write_record([
                    sample.sampleid.as_str(),
                    &sample.prediction,
                    &sample.probability.to_string(),
                    &output.class,
                    &base.base.to_string(),
                    &output.value.to_string(),
                    explanation.indicators.get(one.indicator).map_or("", |indicator| &indicator.name),
                    &one.words,
                    &text(one.value.map(|value| value.to_string())),
                    &one.contribution.to_string(),
                    &text(one.error.map(|error| error.to_string())),
                ])?;
            }
        }
    }
    csv.into_inner().map_err(|error| error.to_string().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contribution_has_its_sign_and_its_error() {
        assert_eq!(signed(1.234, None), "+1.23");
        assert_eq!(signed(-0.5, Some(0.012)), "-0.50 ± 0.01");
        assert_eq!(signed(-0.001, None), "+0.00");
    }
}
