//! The description of a dataset file.
//!
//! Must not know how it is shown.

use std::fs::File;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use super::InspectError;
use crate::backend::transfer::label;
use crate::dataset::{
    Class, Column, DatasetError, Features, Header, Limits, Table, read_labelled, read_table, read_unlabelled,
};

/// The description of a dataset file.
#[derive(Debug, Default, Serialize)]
pub struct DatasetReport {
    /// Whether it has a target, for training and evaluation; without one it is for prediction.
    pub labelled: bool,
    /// Whether it has one header line instead of Moodle's three, as plugins for auditing models write it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub one_header: bool,
    /// The number of samples.
    pub rows: usize,
    /// The number of features.
    pub features: usize,
    /// The number of features with more than one value.
    pub varying: usize,
    /// The share of empty cells.
    pub missing: f64,
    /// Moodle's name of the target, if the header has it.
    pub target: Option<String>,
    /// Moodle's name of the time-splitting method, if the header has it.
    pub time_splitting: Option<String>,
    /// The classes in the header.
    pub classes: Vec<Value>,
    /// The number of samples per class; empty without a target.
    pub class_counts: Vec<usize>,
    /// Problems, with line and column.
    pub problems: Vec<String>,
}

/// Reads a dataset, labelled or not.
///
/// # Errors
/// [`InspectError`] when it has no header of a dataset.
pub(super) fn read(path: &Path, limits: &Limits) -> Result<DatasetReport, InspectError> {
    let open = || File::open(path);
    match read_labelled(open()?, limits) {
        Ok(file) => {
            let mut report = DatasetReport::of(&file.header, file.features());
            report.labelled = true;
            match file.into_samples() {
                Ok(samples) => report.class_counts = samples.class_counts(),
                Err(error) => report.problems.push(sentence(&error)),
            }
            for (class, _) in
                report.classes.iter().zip(&report.class_counts).filter(|(_, count)| **count == 0)
            {
                report.problems.push(format!("No sample has the class {class}: no model can be trained."));
            }
            Ok(report)
        }
        // The dataset is for prediction, or a name is invalid: then the second reader reports the same problem.
        Err(DatasetError::Name { .. }) => match read_unlabelled(open()?, limits) {
            Ok(file) => Ok(DatasetReport::of(&file.header, &file.features)),
            Err(error) => malformed(error),
        },
        // Without Moodle's keys in the first line, it may be a table with names there.
        Err(error @ (DatasetError::Header { .. } | DatasetError::Truncated { .. })) => {
            read_table(open()?, limits)
                .ok()
                .and_then(|table| of_table(&table))
                .map_or_else(|| malformed(error), Ok)
        }
        Err(error) => malformed(error),
    }
}

/// The description of a table with one header line; `None` if its first line has no names.
fn of_table(table: &Table) -> Option<DatasetReport> {
    let names = table.columns.names();
    let is_number = |name: &String| name.trim().is_empty() || name.trim().parse::<f64>().is_ok();
    if names.iter().all(is_number) || names.len() < 2 || table.columns.rows() == 0 {
        return None;
    }
    let mut report = DatasetReport { one_header: true, ..DatasetReport::of_features(&table.columns) };
    let is_target = |name: &&String| name.contains("\\target\\") || name.eq_ignore_ascii_case("target");
    if let (Some(name), Some(column)) = (names.last().filter(is_target), table.columns.columns().last()) {
        let rows: Vec<u32> = (0..table.columns.rows() as u32).collect();
        let mut classes: Vec<(f32, u32)> =
            column.values().iter().copied().zip(column.value_counts(&rows)).collect();
        classes.sort_by(|a, b| a.0.total_cmp(&b.0));
        report.labelled = true;
        report.target = Some(name.clone());
        report.features -= 1;
        report.varying -= usize::from(!column.is_constant());
        report.missing = share_of_missing(&table.columns, report.features);
        report.classes =
            classes.iter().filter_map(|(value, _)| Class::new(f64::from(*value))).map(label).collect();
        report.class_counts =
            classes.iter().filter(|(value, _)| value.is_finite()).map(|(_, n)| *n as usize).collect();
    }
    Some(report)
}

/// The share of empty cells in the first columns.
fn share_of_missing(features: &Features, columns: usize) -> f64 {
    let rows: Vec<u32> = (0..features.rows() as u32).collect();
    let empty = |column: &Column| -> f64 {
        let counts = column.value_counts(&rows);
        let empty = column.values().iter().zip(counts).filter(|(value, _)| value.is_nan());
        empty.map(|(_, count)| f64::from(count)).sum()
    };
    let cells = (features.rows() * columns).max(1) as f64;
    // The sum of nothing is -0.
    features.columns().iter().take(columns).map(empty).fold(0.0, |sum, n| sum + n) / cells
}

/// With a valid header, the file is a dataset with a problem.
fn malformed(error: DatasetError) -> Result<DatasetReport, InspectError> {
    match error {
        DatasetError::Truncated { .. } | DatasetError::Header { .. } | DatasetError::Read(_) => {
            Err(InspectError::UnknownFile(error))
        }
        error => Ok(DatasetReport { problems: vec![sentence(&error)], ..DatasetReport::default() }),
    }
}

fn sentence(error: &DatasetError) -> String {
    format!("{error}.")
}

impl DatasetReport {
    fn of_features(features: &Features) -> Self {
        Self {
            rows: features.rows(),
            features: features.columns().len(),
            varying: features.varying(),
            missing: share_of_missing(features, features.columns().len()),
            ..Self::default()
        }
    }

    fn of(header: &Header, features: &Features) -> Self {
        Self {
            target: header.target.clone(),
            time_splitting: header.time_splitting.clone(),
            classes: header.classes.iter().copied().map(label).collect(),
            ..Self::of_features(features)
        }
    }
}
