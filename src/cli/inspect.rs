//! `moodle-mlbackend inspect`: describes a model, an export, a dataset or a data directory.
//!
//! Owns the output, as tables and as JSON. Must not know how files are read: [`crate::backend`] does that.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::{Value, json};

use super::data_directory::{OpenError, open};
use super::output::{is_incomplete, print};
use super::table::{bar, counted, key_value_table, model_path, sanitized, table};
use crate::backend::{
    BackendError, DatasetReport, DirectoryReport, Found, ModelReport, StoredModel, inspect,
};
use crate::dataset::Limits;
use crate::store::{BucketUrl, StoreError};
use crate::units::ByteSize;

/// Describe a model, an export, a dataset, or a directory or bucket of models.
///
/// Changes nothing. Exits with 1 when the kind of file is unknown or a problem was found.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A model.onnx, an export (zip or directory), a dataset, a directory of models, or a bucket as `s3://BUCKET`,
    /// `gs://BUCKET` or `az://CONTAINER`
    path: PathBuf,

    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

/// The keys and values of a table.
type Facts = Vec<(&'static str, String)>;

/// The length of the longest bar, in characters.
const BAR_LENGTH: usize = 16;

/// Prints the description. Fails when a problem was found.
#[must_use]
pub fn run(args: &Args) -> ExitCode {
    let bucket = BucketUrl::instead_of(&args.path);
    let place = if bucket.is_some() { "a bucket" } else { "a data directory" };
    let result = found(&args.path, bucket.is_some());
    let is_sound = result.as_ref().is_ok_and(Found::is_sound);
    let text = match result {
        Ok(found) if args.json => serde_json::to_string_pretty(&found).unwrap_or_default() + "\n",
        Ok(Found::Model(model)) => model_text(&model),
        Ok(Found::Dataset(dataset)) => key_value_table(&dataset_facts(&dataset)),
        Ok(Found::Models(directory)) if directory.store => data_directory_text(place, &directory.models),
        Ok(Found::Models(directory)) => model_directory_text(&directory),
        Err(error) if args.json => {
            format!("{}\n", json!({ "kind": "unknown", "problem": error.to_string() }))
        }
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    print(&text.trim_end_matches('\n'));
    if is_sound && !is_incomplete() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Why nothing can be described.
#[derive(Debug, thiserror::Error)]
enum FindError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("It cannot be listed: {0}.")]
    List(#[from] StoreError),
    #[error(transparent)]
    Inspect(#[from] BackendError),
}

fn found(path: &Path, is_bucket: bool) -> Result<Found, FindError> {
    if !is_bucket {
        return Ok(inspect(path, &Limits::default())?);
    }
    let store = open(path, "inspect", true)?;
    Ok(Found::Models(DirectoryReport::of_store(&store)?))
}

pub(super) fn model_text(model: &ModelReport) -> String {
    let mut text = key_value_table(&model_facts(model));
    if !model.decisions.is_empty() {
        // Only models of this program have the numbers of samples.
        let is_own = !model.class_counts.is_empty();
        text += if is_own { "\nDecisions of the training:\n" } else { "\nNotes:\n" };
        for decision in &model.decisions {
            let _ = writeln!(text, "- {}", sanitized(decision));
        }
    }
    if !model.top_features.is_empty() {
        text += "\nFeatures with the largest shares in the model (what the predictions are made of):\n";
        let mut table = table(&["feature", "share", ""]);
        let max = model.top_features.iter().map(|feature| feature.weight).fold(f64::MIN_POSITIVE, f64::max);
        for feature in &model.top_features {
            let share = format!("{:>7}", percent(feature.weight));
            table.add_row([sanitized(&feature.name), share, bar(feature.weight / max, BAR_LENGTH)]);
        }
        let _ = writeln!(text, "{table}");
    }
    text
}

fn model_facts(model: &ModelReport) -> Facts {
    let mut facts = vec![("kind", format!("a model: {}", model.found_as)), ("made by", model.origin.clone())];
    facts.extend(model.problem.clone().map(|problem| ("problem", problem)));
    for (index, (name, bytes)) in model.files.iter().enumerate() {
        let key = if index == 0 { "files" } else { "" };
        facts.push((key, format!("{name}, {}", size(*bytes as u64))));
    }
    if !model.classes.is_empty() {
        let names = if model.feature_names.is_empty() { ", without names" } else { "" };
        let samples = match model.class_counts.iter().sum::<usize>() {
            0 => "unknown".to_owned(),
            samples => counted(samples, "sample"),
        };
        facts.push(("features", format!("{}{names}", model.features)));
        facts.push(("classes", classes(&model.classes, &model.class_counts)));
        facts.push(("trained on", samples));
        facts.push(("log-loss", log_loss(model)));
    }
    // The graphs of this program's models are all alike: they are shown only when something is wrong.
    let graph = model.graph.as_ref().filter(|_| model.classes.is_empty() || model.problem.is_some());
    if let Some(graph) = graph {
        let operators: Vec<String> =
            graph.operators.iter().map(|(name, count)| format!("{name} × {count}")).collect();
        facts.push(("written by", graph.producer.clone()));
        facts.push(("inputs", graph.inputs.join(", ")));
        facts.push(("outputs", graph.outputs.join(", ")));
        facts.push(("operators", operators.join(", ")));
    }
    facts
}

fn log_loss(model: &ModelReport) -> String {
    let Some(loss) = model.log_loss else { return "not measured".to_owned() };
    let baseline =
        model.log_loss_of_shares.map(|loss| format!("; always predicting the classes' shares has {loss:.4}"));
    format!("{loss:.4} on held-out samples{}", baseline.unwrap_or_default())
}

fn dataset_facts(dataset: &DatasetReport) -> Facts {
    let kind = match (dataset.labelled, dataset.classes.is_empty()) {
        _ if dataset.one_header => {
            "a table with one header line; to train on it, it needs Moodle's lines of keys and values above"
        }
        (_, true) => "a dataset with a problem",
        (true, _) => "a labelled dataset, for training and evaluation",
        (false, _) => "an unlabelled dataset, for prediction",
    };
    let mut facts = vec![("kind", kind.to_owned())];
    if !dataset.classes.is_empty() || dataset.one_header {
        facts.push(("samples", dataset.rows.to_string()));
        facts.push(("features", format!("{}, of which {} vary", dataset.features, dataset.varying)));
        facts.push(("empty cells", percent(dataset.missing)));
    }
    if !dataset.classes.is_empty() {
        facts.push(("classes", classes(&dataset.classes, &dataset.class_counts)));
    }
    facts.extend(dataset.target.clone().map(|target| ("target", target)));
    facts.extend(dataset.time_splitting.clone().map(|splitting| ("time splitting", splitting)));
    facts.extend(dataset.problems.iter().map(|problem| ("problem", problem.clone())));
    facts
}

const COLUMNS: [&str; 8] =
    ["model", "made by", "published", "samples", "classes", "log-loss", "size", "evaluations"];

fn data_directory_text(place: &str, models: &[StoredModel]) -> String {
    let rows: Vec<_> = models.iter().map(row).collect();
    // Without empty columns the others are wider.
    let columns: Vec<usize> =
        (0..COLUMNS.len()).filter(|&column| rows.iter().any(|row| !row[column].is_empty())).collect();
    let mut table = table(&columns.iter().map(|&column| COLUMNS[column]).collect::<Vec<_>>());
    for row in rows {
        table.add_row(columns.iter().map(|&column| &row[column]));
    }
    let mut text = format!("{place}: {}\n{table}\n", counted(models.len(), "model"));
    for StoredModel { uniqueid, dirhash, problem, .. } in models {
        if let Some(problem) = problem {
            let _ = writeln!(text, "{}", sanitized(&format!("{uniqueid}/{dirhash}: {problem}")));
        }
    }
    text
}

/// The row of a model in the table of a data directory.
fn row(model: &StoredModel) -> [String; COLUMNS.len()] {
    let made_by = match (&model.problem, model.origin.as_str()) {
        (Some(_), "") => "damaged".to_owned(),
        (Some(_), origin) => format!("{}; cannot be used", sanitized(origin)),
        (None, "") => "not trained".to_owned(),
        (None, origin) => sanitized(origin),
    };
    [
        model_path(&model.uniqueid, &model.dirhash),
        made_by,
        model.when.as_deref().map(to_the_minute).unwrap_or_default(),
        model.samples.map(|samples| samples.to_string()).unwrap_or_default(),
        classes(&model.classes, &[]),
        model.log_loss.map(|loss| format!("{loss:.4}")).unwrap_or_default(),
        model.size.map(size).unwrap_or_default(),
        if model.evaluations == 0 { String::new() } else { model.evaluations.to_string() },
    ]
}

/// `2026-11-21 10:43` of `2026-11-21T10:43:12.123456789Z`; other text unchanged.
fn to_the_minute(time: &str) -> String {
    match time.get(..16).and_then(|start| start.split_once('T')) {
        Some((day, minute)) => sanitized(&format!("{day} {minute}")),
        None => sanitized(time),
    }
}

fn model_directory_text(directory: &DirectoryReport) -> String {
    let stored = directory.models.iter().map(|model| key_value_table(&stored_model_facts(model)));
    let model = directory.model.iter().filter(|model| !model.origin.is_empty()).map(model_text);
    stored.chain(model).collect::<Vec<_>>().join("\n")
}

fn stored_model_facts(model: &StoredModel) -> Facts {
    let mut facts = vec![("kind", "the directory of one model".to_owned())];
    facts.extend(model.generation.map(|number| {
        ("generation", format!("{number}, published {}", model.when.as_deref().unwrap_or_default()))
    }));
    facts.extend(model.samples.map(|samples| ("stored samples", samples.to_string())));
    facts.extend(model.size.map(|bytes| ("size", size(bytes))));
    facts.push(("evaluations", model.evaluations.to_string()));
    if model.origin.is_empty() && model.problem.is_none() {
        facts.push(("model", "not trained".to_owned()));
    }
    facts.extend(model.problem.clone().map(|problem| ("problem", problem)));
    facts
}

/// `0 (120 samples), 1 (30 samples)`
fn classes(classes: &[Value], counts: &[usize]) -> String {
    let text = |(index, class): (usize, &Value)| match counts.get(index) {
        Some(&count) => format!("{class} ({})", counted(count, "sample")),
        None => class.to_string(),
    };
    classes.iter().enumerate().map(text).collect::<Vec<_>>().join(", ")
}

/// A share as a percentage, never -0.0.
fn percent(share: f64) -> String {
    // Adding zero turns -0 into 0.
    format!("{:.1} %", (1000.0 * share).round() / 10.0 + 0.0)
}

fn size(bytes: u64) -> String {
    format!("{:.1}", ByteSize(bytes))
}
