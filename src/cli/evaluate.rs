//! `moodle-mlbackend evaluate`: evaluates the learner or a model on a dataset file.
//!
//! Owns the arguments and the output. Must not know how the figures are computed: [`crate::backend`] does.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use serde::Serialize;

use super::exit_code::{Exit, exit_with};
use super::input::{self, InputError};
use super::model_choice::{ChosenModel, ModelError};
use super::output::{Force, Output, OutputError, check_directory, print, print_json, write_directory};
use super::progress::Quiet;
use super::table::key_value_table;
use super::train::is_zip;
use crate::backend::{
    self, BackendError, EvaluationFigures, EvaluationInfo, EvaluationReply, EvaluationRequest, Status,
    TimeBudget, evaluation_log,
};
use crate::dataset::Limits;
use crate::report::REPORT_HTML;
use crate::store::ModelDir;

/// Evaluate on a dataset how well the target can be predicted.
///
/// Without --model, trains on 80 % of the samples and tests on the other 20 %, several times, as Moodle's evaluation does. With
/// it, tests a trained model on all samples. Prints a verdict and the figures; --output writes the report with charts, --report
/// its page alone. No model is changed. Exits with 3 when the result is not good enough or there is none.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  moodle-mlbackend evaluate training.csv --output report
  moodle-mlbackend evaluate training.csv --iterations 3 --json
  moodle-mlbackend evaluate training.csv --report report.html --group-by range/0
  moodle-mlbackend evaluate test.csv --model model.onnx --output report.zip")]
pub struct Args {
    /// The dataset; - is standard input
    dataset: PathBuf,

    /// The trained model to test: a file or directory; with --data-dir UNIQUEID/DIRHASH
    #[arg(long, value_name = "MODEL")]
    model: Option<PathBuf>,

    /// The data directory with the model
    #[arg(long, value_name = "DIR", requires = "model")]
    data_dir: Option<PathBuf>,

    /// The number of random splits
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    iterations: u64,

    /// The score (weighted F1) that is good enough
    #[arg(long, value_name = "SCORE", default_value_t = 0.7, value_parser = share)]
    min_score: f64,

    /// The standard deviation of the score that is accepted
    #[arg(long, value_name = "DEVIATION", default_value_t = 0.05, value_parser = share)]
    max_deviation: f64,

    /// Seconds after which no further iteration starts
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    evaluation_seconds: u64,

    /// Write the report: a zip if the name ends with .zip or is -, otherwise a new directory
    #[arg(long, short, value_name = "PATH")]
    output: Option<PathBuf>,

    /// Write the page of the report, report.html, alone
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,

    /// Compare the errors of groups: the name of the column whose values make them
    #[arg(long, value_name = "COLUMN")]
    group_by: Option<String>,

    #[command(flatten)]
    force: Force,

    #[command(flatten)]
    quiet: Quiet,

    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

/// A number from 0 to 1.
fn share(text: &str) -> Result<f64, String> {
    let number = text.trim().parse().ok().filter(|number| (0.0..=1.0).contains(number));
    number.ok_or_else(|| "expected a number from 0 to 1".to_owned())
}

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
enum EvaluateError {
    #[error(transparent)]
    Input(#[from] InputError),
    #[error(transparent)]
    Output(#[from] OutputError),
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error(transparent)]
    Backend(#[from] BackendError),
    #[error("The report cannot be read: {0}.")]
    Report(#[from] std::io::Error),
}

/// The result, which is also the JSON.
#[derive(Debug, Serialize)]
struct Evaluated {
    verdict: &'static str,
    status: Status,
    info: Vec<String>,
    #[serde(flatten)]
    figures: Option<Figures>,
    /// The report that was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<PathBuf>,
    /// The page that was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<PathBuf>,
}

/// The figures of a server's response, under names without spaces.
#[derive(Debug, Serialize)]
struct Figures {
    score: f64,
    score_deviation: f64,
    min_score: f64,
    max_deviation: f64,
    auc: Option<f64>,
    auc_deviation: Option<f64>,
    accuracy: f64,
    balanced_accuracy: f64,
    precision: f64,
    recall: f64,
}

impl From<&EvaluationFigures> for Figures {
    fn from(figures: &EvaluationFigures) -> Self {
        Self {
            score: figures.score,
            score_deviation: figures.score_deviation,
            min_score: figures.min_score,
            max_deviation: figures.accepted_deviation,
            auc: figures.auc,
            auc_deviation: figures.auc_deviation,
            accuracy: figures.accuracy,
            balanced_accuracy: figures.balanced_accuracy,
            precision: figures.precision,
            recall: figures.recall,
        }
    }
}

/// Evaluates and prints the result.
#[must_use]
pub fn run(args: &Args) -> ExitCode {
    exit_with(evaluate(args), |result| {
        let is_on_stdout = [&args.output, &args.report].into_iter().flatten().any(|path| is_stdout(path));
        match () {
            // Standard output is the report or its page.
            () if is_on_stdout => eprintln!("{}", text(result, args)),
            () if args.json => print_json(result),
            () => print(&text(result, args)),
        }
        if result.status == Status::OK { Exit::Success } else { Exit::Negative }
    })
}

fn evaluate(args: &Args) -> Result<Evaluated, EvaluateError> {
    match args.output.as_deref() {
        Some(path) if is_file(path) => Output::named(path).check_binary(args.force)?,
        Some(path) => check_directory(path)?,
        None => {}
    }
    if let Some(path) = &args.report {
        Output::named(path).check(args.force)?;
    }
    let dataset = input::open(&args.dataset)?;
    let named = |model: &PathBuf| ChosenModel::named(model, args.data_dir.as_deref(), "evaluate");
    let trained = args.model.as_ref().map(named).transpose()?;
    let scratch = ChosenModel::new().map_err(EvaluateError::Backend)?;
    let request = EvaluationRequest {
        min_score: args.min_score,
        max_deviation: args.max_deviation,
        iterations: usize::try_from(args.iterations).unwrap_or(usize::MAX),
        info: EvaluationInfo::Result,
        group_by: args.group_by.clone(),
    };
    let bar = args.quiet.bar("  evaluating {bar:24.cyan/240} {pos} of {len} iterations, {elapsed}");
    let budget = TimeBudget::new(Duration::from_secs(args.evaluation_seconds), |done, requested| {
        bar.set_length(requested as u64);
        // Threads may report out of order.
        bar.set_position(bar.position().max(done as u64));
    });
    let run = scratch.model_dir();
    let trained = trained.as_ref().map(ChosenModel::model_dir);
    let reply = backend::evaluate(run, trained, dataset, &request, &Limits::default(), &budget)?;
    bar.finish_and_clear();
    if let Some(path) = &args.output {
        write_report(path, args.force, run, &reply)?;
    }
    if let Some(path) = &args.report {
        write_page(path, args.force, run, &reply)?;
    }
    Ok(Evaluated {
        verdict: verdict(reply.status),
        status: reply.status,
        figures: reply.figures.as_ref().map(Figures::from),
        info: reply.info,
        output: args.output.clone(),
        report: args.report.clone(),
    })
}

fn is_stdout(path: &Path) -> bool {
    Output::named(path) == Output::Stdout
}

/// Whether the report is one file.
fn is_file(path: &Path) -> bool {
    is_zip(path) || is_stdout(path)
}

fn write_report(
    path: &Path,
    force: Force,
    model_dir: &ModelDir,
    reply: &EvaluationReply,
) -> Result<(), EvaluateError> {
    if is_file(path) {
        let zip = evaluation_log(model_dir, Some(reply.runid))?;
        return Ok(Output::named(path).write(force, &zip)?);
    }
    let Some(run) = model_dir.run(reply.runid).map_err(BackendError::from)? else { return Ok(()) };
    let read = |name: String| Ok((run.read(&name)?, name));
    let files = run.files()?.into_iter().map(read).collect::<std::io::Result<Vec<_>>>()?;
    Ok(write_directory(path, files.iter().map(|(bytes, name)| (name.as_str(), bytes.as_slice())))?)
}

fn write_page(
    path: &Path,
    force: Force,
    model_dir: &ModelDir,
    reply: &EvaluationReply,
) -> Result<(), EvaluateError> {
    let Some(run) = model_dir.run(reply.runid).map_err(BackendError::from)? else { return Ok(()) };
    Ok(Output::named(path).write(force, &run.read(REPORT_HTML)?)?)
}

fn verdict(status: Status) -> &'static str {
    match status {
        Status::OK => "good enough",
        Status::LOW_SCORE => "not good enough",
        Status(status) if status == Status::LOW_SCORE.and(Status::NOT_ENOUGH_DATA).0 => {
            "not good enough and unstable"
        }
        // Of which the sentences tell the difference.
        Status::NOT_ENOUGH_DATA => "unstable or too few samples",
        _ => "no result",
    }
}

fn text(result: &Evaluated, args: &Args) -> String {
    let mut text = format!("{}\n", result.verdict.to_uppercase());
    for sentence in &result.info {
        let _ = writeln!(text, "{sentence}");
    }
    if let Some(figures) = &result.figures {
        let with = |value: f64, deviation: f64| match &args.model {
            Some(_) => format!("{value:.4}"),
            None => format!("{value:.4} ± {deviation:.4}"),
        };
        let mut rows = vec![("score (weighted F1)", with(figures.score, figures.score_deviation))];
        let auc = figures.auc.map(|auc| with(auc, figures.auc_deviation.unwrap_or_default()));
        rows.extend(auc.map(|auc| ("AUC", auc)));
        rows.extend(
            [
                ("accuracy", figures.accuracy),
                ("balanced accuracy", figures.balanced_accuracy),
                ("precision", figures.precision),
                ("recall", figures.recall),
            ]
            .map(|(name, value)| (name, format!("{value:.4}"))),
        );
        let _ = write!(text, "\n{}", key_value_table(&rows));
    }
    let files = [&args.output, &args.report].into_iter().flatten().filter(|path| !is_stdout(path));
    for (at, path) in files.enumerate() {
        let _ = writeln!(text, "{}Report: {}", if at == 0 { "\n" } else { "" }, path.display());
    }
    text.trim_end().to_owned()
}
