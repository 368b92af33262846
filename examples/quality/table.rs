//! Records as Markdown tables.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use comfy_table::{CellAlignment, Table, presets};

use crate::measure::{OURS, SHARES};
use crate::record::{Record, SplitMetrics};

/// All results, then the difference between this product and the best other method.
pub fn of(records: &[Record]) -> String {
    let mut text = String::new();
    let tasks = tasks(records);
    for task in &tasks {
        let _ = writeln!(text, "### {task}\n\n{}\n", metrics(&of_task(records, task)));
    }
    let compared: Vec<&str> =
        tasks.into_iter().filter(|task| others(&of_task(records, task)).next().is_some()).collect();
    if !compared.is_empty() {
        let _ = writeln!(text, "### {OURS} against the best of the others\n");
        let _ = writeln!(text, "{}\n", differences(records, &compared));
    }
    text
}

/// The decisions of the trainings on each task.
pub fn decisions(records: &[Record]) -> String {
    let mut text = String::new();
    for record in records.iter().filter(|record| !record.decisions.is_empty()) {
        let _ =
            writeln!(text, "Training decisions on {}:\n- {}\n", record.task, record.decisions.join("\n- "));
    }
    text
}

/// All metrics of one task: a row for each method, means over the splits.
fn metrics(records: &[&Record]) -> Table {
    let mut table = new_table(&[
        "Method",
        "Log-loss",
        "AUC",
        "Accuracy",
        "lowest",
        "over 0.6",
        "Balanced",
        "F1",
        "Brier",
        "ECE",
        "Train s",
        "Predict s",
    ]);
    for record in records {
        if let Some(reason) = &record.skipped {
            table.add_row([record.method.clone(), format!("skipped: {reason}")]);
            continue;
        }
        let lowest = record.splits.iter().map(|split| split.accuracy).fold(f64::INFINITY, f64::min);
        // Moodle ignores predictions of a lower probability.
        let useful = record.splits.iter().filter(|split| split.accuracy > 0.6).count();
        table.add_row([
            record.method.clone(),
            formatted(record.mean(|split| Some(split.log_loss)), 4),
            formatted(record.mean(|split| split.auc), 4),
            formatted(record.mean(|split| Some(split.accuracy)), 4),
            formatted(lowest.is_finite().then_some(lowest), 3),
            format!("{useful} of {}", record.splits.len()),
            formatted(record.mean(|split| Some(split.balanced_accuracy)), 4),
            formatted(record.mean(|split| Some(split.f1)), 4),
            formatted(record.mean(|split| Some(split.brier)), 4),
            formatted(record.calibration_error, 4),
            formatted(record.mean(|split| Some(split.train_seconds)), 2),
            formatted(record.mean(|split| Some(split.predict_seconds)), 3),
        ]);
    }
    table
}

/// One row for each task: the log-loss of this product in percent of the best other one, other metrics as differences.
fn differences(records: &[Record], tasks: &[&str]) -> Table {
    let mut table = new_table(&["Task", "Log-loss", "best other", "in %", "AUC", "Accuracy", "F1"]);
    for task in tasks {
        let all = of_task(records, task);
        let Some(ours) = all.iter().find(|record| record.method == OURS) else { continue };
        let log_loss = |record: &Record| record.mean(|split| Some(split.log_loss));
        let Some(best) = others(&all).min_by(|a, b| log_loss(a).partial_cmp(&log_loss(b)).expect("numbers"))
        else {
            continue;
        };
        let percent = log_loss(ours).zip(log_loss(best)).map(|(ours, best)| (ours / best - 1.0) * 100.0);
        let lead = |metric: fn(&SplitMetrics) -> Option<f64>| {
            let best = others(&all).filter_map(|record| record.mean(metric)).max_by(f64::total_cmp);
            ours.mean(metric).zip(best).map(|(ours, best)| ours - best)
        };
        table.add_row([
            (*task).to_owned(),
            formatted(log_loss(ours), 4),
            format!("{} ({})", formatted(log_loss(best), 4), best.method),
            signed(percent, 1),
            signed(lead(|split| split.auc), 4),
            signed(lead(|split| Some(split.accuracy)), 4),
            signed(lead(|split| Some(split.f1)), 4),
        ]);
    }
    table
}

fn others<'a>(records: &'a [&Record]) -> impl Iterator<Item = &'a Record> {
    let other = |record: &&Record| !record.splits.is_empty() && ![OURS, SHARES].contains(&&*record.method);
    records.iter().copied().filter(other)
}

/// The tasks in the order of their first record.
fn tasks(records: &[Record]) -> Vec<&str> {
    let mut seen = BTreeSet::new();
    records.iter().map(|record| &*record.task).filter(|task| seen.insert(*task)).collect()
}

fn of_task<'a>(records: &'a [Record], task: &str) -> Vec<&'a Record> {
    records.iter().filter(|record| record.task == task).collect()
}

fn new_table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(header);
    table.column_iter_mut().skip(1).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    table
}

fn formatted(number: Option<f64>, digits: usize) -> String {
    number.map_or_else(String::new, |number| format!("{number:.digits$}"))
}

fn signed(number: Option<f64>, digits: usize) -> String {
    number.map_or_else(String::new, |number| format!("{number:+.digits$}"))
}
