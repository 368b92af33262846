//! The description of a dataset file.
//!
//! Must not know how it is shown.

use std::fs::File;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use super::InspectError;
use crate::backend::transfer::label;
use crate::dataset::{Column, DatasetError, Features, Header, Limits, read_labelled, read_unlabelled};

/// The description of a dataset file.
#[derive(Debug, Default, Serialize)]
pub struct DatasetReport {
    /// Whether it has a target, for training and evaluation; without one it is for prediction.
    pub labelled: bool,
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
        Err(error) => malformed(error),
    }
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
    fn of(header: &Header, features: &Features) -> Self {
        let rows: Vec<u32> = (0..features.rows() as u32).collect();
        let empty = |column: &Column| -> f64 {
            let counts = column.value_counts(&rows);
            let empty = column.values().iter().zip(counts).filter(|(value, _)| value.is_nan());
            empty.map(|(_, count)| f64::from(count)).sum()
        };
        let cells = (features.rows() * features.columns().len()).max(1) as f64;
        Self {
            rows: features.rows(),
            features: features.columns().len(),
            varying: features.varying(),
            missing: features.columns().iter().map(empty).sum::<f64>() / cells,
            target: header.target.clone(),
            time_splitting: header.time_splitting.clone(),
            classes: header.classes.iter().copied().map(label).collect(),
            ..Self::default()
        }
    }
}
