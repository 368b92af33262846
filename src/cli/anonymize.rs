//! `moodle-mlbackend anonymize`: makes a dataset fit for a bug report.
//!
//! Owns the arguments, the output and how much may be lost. Must not know what is replaced: [`crate::backend`] does.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use serde::Serialize;

use super::exit_code::{Exit, exit_with};
use super::input::{self, InputError};
use super::output::{Force, Output, OutputError, print, print_json};
use super::progress::Quiet;
use super::table::{counted, table};
use crate::backend::{self, AnonymizeOptions, Anonymized, BackendError, Learnability};
use crate::dataset::Limits;
use crate::learning::Progress;

/// Make a dataset fit for a bug report.
///
/// Replaces the names of indicators and of the target, the sample ids, the order of rows and columns, and all values; removes
/// the time splitting and Moodle's version. The order of values within a column, equal values, empty cells, repeated rows and
/// the classes are kept, so that a model learns the same: this is measured on the same random splits before and after. Values
/// that fewer than --min-count samples of a column have are merged with their neighbours.
///
/// It does NOT make the data anonymous in the sense of data protection law. Each row still describes one student: a person who
/// has the original data, or knows many facts about a student, may recognise a row by its combination of values. Where a column
/// has few values, as most indicators do, the original ones can be guessed from their order. --min-count counts samples: with
/// several time ranges, one student has several. The numbers of samples and features, the classes and their shares, and the
/// relations between columns stay visible. Give the file only to those who need it, and delete it afterwards.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  moodle-mlbackend anonymize training.csv --output report-me.csv
  moodle-mlbackend anonymize prediction.csv --output report-me-too.csv --min-count 20")]
pub struct Args {
    /// The dataset, with or without a target; - is standard input
    dataset: PathBuf,

    /// The file to write to; - is standard output
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,

    #[command(flatten)]
    force: Force,

    /// Make the same file again [default: another one each time]. Those who know the seed can compare values with the
    /// original's more easily: do not publish it.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// The number of samples that must share a value of a column
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    min_count: u32,

    /// The number of random splits to measure with; 0 does not measure
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(0..=1_000))]
    iterations: u32,

    /// How much the log-loss on held-out samples may change; beyond it the command exits with 3
    #[arg(long, value_name = "LOSS", default_value_t = 0.05)]
    max_change: f64,

    #[command(flatten)]
    quiet: Quiet,

    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

/// Why no file was written.
#[derive(Debug, thiserror::Error)]
enum AnonymizeError {
    #[error(transparent)]
    Input(#[from] InputError),
    #[error(transparent)]
    Output(#[from] OutputError),
    #[error(transparent)]
    Backend(#[from] BackendError),
    #[error("The system's source of randomness failed: {0}.")]
    Random(#[from] getrandom::Error),
}

/// The JSON.
#[derive(Serialize)]
struct Document<'a> {
    output: &'a PathBuf,
    #[serde(flatten)]
    result: &'a Anonymized,
    learnability_kept: Option<bool>,
}

/// Counts the iterations of both measurements.
struct Bar(indicatif::ProgressBar);

impl Progress for Bar {
    fn should_stop(&self) -> bool {
        false
    }

    fn iteration_done(&self, _: usize, requested: usize) {
        self.0.set_length(2 * requested as u64);
        self.0.inc(1);
    }
}

/// Writes the file, and prints what a model learns before and after.
#[must_use]
pub fn run(args: &Args) -> ExitCode {
    exit_with(anonymize(args), |result| {
        let kept = result.learnability.map(|learnability| is_kept(learnability, args.max_change));
        let is_on_stdout = Output::named(&args.output) == Output::Stdout;
        match () {
            // Standard output is the dataset.
            () if is_on_stdout => eprintln!("{}", text(result, kept, args)),
            () if args.json => {
                print_json(&Document { output: &args.output, result, learnability_kept: kept });
            }
            () => print(&text(result, kept, args)),
        }
        if kept == Some(false) { Exit::Negative } else { Exit::Success }
    })
}

fn anonymize(args: &Args) -> Result<Anonymized, AnonymizeError> {
    let output = Output::named(&args.output);
    output.check(args.force)?;
    let seed = match args.seed {
        Some(seed) => seed,
        None => getrandom::u64()?,
    };
    let options =
        AnonymizeOptions { seed, min_count: args.min_count as usize, iterations: args.iterations as usize };
    let bar = Bar(args.quiet.bar("  measuring {bar:24.cyan/240} {pos} of {len} iterations, {elapsed}"));
    let result = backend::anonymize(input::open(&args.dataset)?, &Limits::default(), options, &bar)?;
    bar.0.finish_and_clear();
    output.write(args.force, &result.csv)?;
    Ok(result)
}

fn is_kept(learnability: Learnability, max_change: f64) -> bool {
    (learnability.after.log_loss - learnability.before.log_loss).abs() <= max_change
}

fn text(result: &Anonymized, kept: Option<bool>, args: &Args) -> String {
    let (samples, features) = (counted(result.samples, "sample"), counted(result.features, "feature"));
    let mut text = format!(
        "{samples} of {features}. {} merged with neighbours (fewer than {} samples); {} emptied or filled.\n",
        counted(result.merged_values, "rare value"),
        args.min_count,
        counted(result.filled_columns, "column"),
    );
    if let Some(Learnability { before, after }) = result.learnability {
        let mut table = table(&["on held-out samples", "before", "after"]);
        let auc = |auc: Option<f64>| auc.map_or_else(|| "-".to_owned(), |auc| format!("{auc:.4}"));
        table.add_row([
            "log-loss".to_owned(),
            format!("{:.4}", before.log_loss),
            format!("{:.4}", after.log_loss),
        ]);
        table.add_row(["AUC".to_owned(), auc(before.auc), auc(after.auc)]);
        let _ = writeln!(text, "{table}");
    }
    text += match kept {
        Some(true) => "A model learns the same from it, within the permitted change.\n",
        Some(false) => {
            "A model learns something else from it: the log-loss changed by more than --max-change. Try a smaller \
             --min-count.\n"
        }
        None => "What a model learns from it was not measured.\n",
    };
    if Output::named(&args.output) != Output::Stdout {
        let _ = writeln!(text, "Written: {}", args.output.display());
    }
    text +=
        "Rows still describe single students: read the warning in --help before you give the file to others.";
    text
}
