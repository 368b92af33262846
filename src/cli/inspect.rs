//! `moodle-mlbackend inspect`: says what a model, an export, a dataset or a data directory is.
//!
//! Owns how that is shown. Must not know how anything is read: [`crate::backend`] finds out.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::table::{bar, counted, facts, model as named, plain, table};
use crate::backend::{DatasetReport, DirectoryReport, Found, ModelReport, StoredModel, inspect};
use crate::dataset::Limits;
use crate::units::ByteSize;

/// Says what a file or directory is: a model, an export, a dataset, a directory of models.
///
/// Changes nothing. Exits with 1 when it is nothing known, or something is wrong with it.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A model.onnx, an export (zip or directory), a dataset, or a directory of models
    path: PathBuf,

    /// Print one JSON value, for machines
    #[arg(long)]
    json: bool,
}

fn size(bytes: u64) -> String {
    format!("{:.1}", ByteSize(bytes))
}

/// In characters.
const LONGEST_BAR: usize = 16;

/// Looks, and prints what it is.
#[must_use]
pub fn run(args: &Args) -> ExitCode {
    let (text, sound) = match inspect(&args.path, &Limits::default()) {
        Ok(found) if args.json => (as_json(&found), found.is_sound()),
        Ok(found) => (as_text(&found), found.is_sound()),
        Err(error) if args.json => {
            (format!("{}\n", json!({ "kind": "unknown", "problem": error.to_string() })), false)
        }
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let printed = std::io::stdout().write_all(text.as_bytes());
    if printed.is_ok() && sound { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn as_json(found: &Found) -> String {
    serde_json::to_string_pretty(found).unwrap_or_default() + "\n"
}

fn as_text(found: &Found) -> String {
    match found {
        Found::Model(model) => of_model(model),
        Found::Dataset(dataset) => of_dataset(dataset),
        Found::Models(place) => of_place(place),
    }
}

fn of_model(model: &ModelReport) -> String {
    let mut rows = vec![("what", format!("a model: {}", model.found_as)), ("made by", model.origin.clone())];
    if let Some(problem) = &model.problem {
        rows.push(("problem", problem.clone()));
    }
    for (at, (name, bytes)) in model.files.iter().enumerate() {
        rows.push((if at == 0 { "files" } else { "" }, format!("{name}, {}", size(*bytes as u64))));
    }
    if !model.classes.is_empty() {
        let names = if model.feature_names.is_empty() { ", without names" } else { "" };
        rows.push(("features", format!("{}{names}", model.features)));
        rows.push(("classes", classes(&model.classes, &model.class_counts)));
        rows.push(("learnt from", learnt_from(&model.class_counts)));
        rows.push(("log-loss", log_loss(model)));
    }
    // A graph of ours is always the same few operators.
    if let Some(graph) = model.graph.as_ref().filter(|_| model.classes.is_empty() || model.problem.is_some())
    {
        let operators: Vec<String> =
            graph.operators.iter().map(|(name, count)| format!("{name} × {count}")).collect();
        rows.push(("written by", graph.producer.clone()));
        rows.push(("inputs", graph.inputs.join(", ")));
        rows.push(("outputs", graph.outputs.join(", ")));
        rows.push(("operators", operators.join(", ")));
    }
    let mut text = facts(&rows);
    if !model.decisions.is_empty() {
        // Only of a model of ours is known what it learnt from.
        let ours = !model.class_counts.is_empty();
        text += if ours { "\nWhat was decided while it learnt:\n" } else { "\nWhat is known of it:\n" };
        for said in &model.decisions {
            let _ = writeln!(text, "- {}", plain(said));
        }
    }
    if !model.top_features.is_empty() {
        text += "\nWhat moves its answers most:\n";
        let mut table = table(&["feature", "share", ""]);
        let most = model.top_features.iter().map(|feature| feature.weight).fold(f64::MIN_POSITIVE, f64::max);
        for feature in &model.top_features {
            let share = format!("{:>5.1} %", 100.0 * feature.weight);
            table.add_row([plain(&feature.name), share, bar(feature.weight / most, LONGEST_BAR)]);
        }
        let _ = writeln!(text, "{table}");
    }
    text
}

fn learnt_from(counts: &[usize]) -> String {
    if counts.is_empty() { "not known".to_owned() } else { counted(counts.iter().sum(), "sample") }
}

fn log_loss(model: &ModelReport) -> String {
    let Some(loss) = model.log_loss else { return "not measured".to_owned() };
    let shares =
        model.log_loss_of_shares.map(|shares| format!("; the classes' shares alone have {shares:.4}"));
    format!("{loss:.4} on held-out samples{}", shares.unwrap_or_default())
}

fn of_dataset(dataset: &DatasetReport) -> String {
    let kind = match (dataset.labelled, dataset.classes.is_empty()) {
        (_, true) => "a dataset with a mistake",
        (true, _) => "a labelled dataset: for training and evaluation",
        (false, _) => "a dataset without targets: for prediction",
    };
    let mut rows = vec![("what", kind.to_owned())];
    if !dataset.classes.is_empty() {
        rows.push(("samples", dataset.rows.to_string()));
        rows.push(("features", format!("{}, of which {} vary", dataset.features, dataset.varying)));
        rows.push(("empty cells", format!("{:.1} %", 100.0 * dataset.missing)));
        rows.push(("classes", classes(&dataset.classes, &dataset.class_counts)));
    }
    let named = [("target", &dataset.target), ("time splitting", &dataset.time_splitting)];
    rows.extend(named.into_iter().filter_map(|(key, value)| Some((key, value.clone()?))));
    rows.extend(dataset.problems.iter().map(|problem| ("problem", problem.clone())));
    facts(&rows)
}

/// Of a data directory.
const HEADER: [&str; 8] =
    ["model", "made by", "published", "samples", "classes", "log-loss", "size", "evaluations"];

fn of_place(place: &DirectoryReport) -> String {
    let (true, models) = (place.store, &place.models) else {
        let stored = place.models.iter().map(|model| facts(&of_stored(model)));
        let model = place.model.iter().filter(|model| !model.origin.is_empty()).map(of_model);
        return stored.chain(model).collect::<Vec<_>>().join("\n");
    };
    let rows: Vec<_> = models.iter().map(row).collect();
    // What no model has only makes the others narrow.
    let told: Vec<usize> =
        (0..HEADER.len()).filter(|&at| rows.iter().any(|row| !row[at].is_empty())).collect();
    let mut table = table(&told.iter().map(|&at| HEADER[at]).collect::<Vec<_>>());
    for row in rows {
        table.add_row(told.iter().map(|&at| row[at].clone()));
    }
    let mut text = format!("a data directory: {}\n{table}\n", counted(models.len(), "model"));
    for model in models {
        if let Some(problem) = &model.problem {
            let _ =
                writeln!(text, "{}/{}: {}", plain(&model.uniqueid), plain(&model.dirhash), plain(problem));
        }
    }
    text
}

/// One model of a data directory.
fn row(model: &StoredModel) -> [String; 8] {
    [
        named(&model.uniqueid, &model.dirhash),
        made_by(model),
        model.when.as_deref().map(to_the_minute).unwrap_or_default(),
        model.samples.map(|samples| samples.to_string()).unwrap_or_default(),
        classes(&model.classes, &[]),
        model.log_loss.map(|loss| format!("{loss:.4}")).unwrap_or_default(),
        model.size.map(size).unwrap_or_default(),
        if model.evaluations == 0 { String::new() } else { model.evaluations.to_string() },
    ]
}

/// `2026-11-21 10:43` of `2026-11-21T10:43:12.123456789Z`; anything else as it is.
fn to_the_minute(when: &str) -> String {
    match when.get(..16).and_then(|start| start.split_once('T')) {
        Some((day, time)) => plain(&format!("{day} {time}")),
        None => plain(when),
    }
}

fn of_stored(model: &StoredModel) -> Vec<(&'static str, String)> {
    let mut rows = vec![("what", "the directory of one model".to_owned())];
    let state = model
        .generation
        .map(|number| format!("{number}, published {}", model.when.clone().unwrap_or_default()));
    rows.extend(state.map(|state| ("generation", state)));
    rows.extend(model.samples.map(|samples| ("kept samples", samples.to_string())));
    rows.extend(model.size.map(|size| ("size", self::size(size))));
    rows.push(("evaluations", model.evaluations.to_string()));
    if model.origin.is_empty() && model.problem.is_none() {
        rows.push(("model", "not trained".to_owned()));
    }
    rows.extend(model.problem.iter().map(|problem| ("problem", problem.clone())));
    rows
}

fn made_by(model: &StoredModel) -> String {
    match (&model.problem, model.origin.as_str()) {
        (Some(_), "") => "damaged".to_owned(),
        (Some(_), origin) => format!("{}; cannot be used", plain(origin)),
        (None, "") => "not trained".to_owned(),
        (None, origin) => plain(origin),
    }
}

/// `0 (120 samples), 1 (30 samples)`
fn classes(classes: &[Value], counts: &[usize]) -> String {
    let one = |(at, class): (usize, &Value)| match counts.get(at) {
        Some(&count) => format!("{class} ({})", counted(count, "sample")),
        None => class.to_string(),
    };
    classes.iter().enumerate().map(one).collect::<Vec<_>>().join(", ")
}
