//! What a dataset is.

use std::fs::File;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use super::refused;
use crate::backend::BackendError;
use crate::backend::transfer::label;
use crate::dataset::{DatasetError, Features, Header, Limits, read_labelled, read_unlabelled};

/// What a dataset is.
#[derive(Debug, Default, Serialize)]
pub struct DatasetReport {
    /// Whether it ends with the target: for training and evaluation, and not for prediction.
    pub labelled: bool,
    /// How many samples it has.
    pub rows: usize,
    /// How many features a sample has.
    pub features: usize,
    /// How many of them have more than one value.
    pub varying: usize,
    /// The share of empty cells.
    pub missing: f64,
    /// Moodle's name of the target, where the header has it.
    pub target: Option<String>,
    /// Moodle's name of how a course's time is split, where the header has it.
    pub time_splitting: Option<String>,
    /// The header's classes.
    pub classes: Vec<Value>,
    /// How many samples each has; empty when it is not labelled.
    pub class_counts: Vec<usize>,
    /// What is wrong with it, with line and column.
    pub problems: Vec<String>,
}

/// Reads a dataset of either kind.
///
/// # Errors
/// [`BackendError::NotInspectable`] when not even its header is one of a dataset.
pub(super) fn read(path: &Path, limits: &Limits) -> Result<DatasetReport, BackendError> {
    let open = || File::open(path).map_err(|error| refused(format!("It cannot be read: {error}.")));
    match read_labelled(open()?, limits) {
        Ok(file) => {
            let mut report = DatasetReport::of(&file.header, file.features());
            report.labelled = true;
            match file.into_samples() {
                Ok(samples) => report.class_counts = samples.class_counts(),
                Err(error) => report.problems.push(sentence(&error)),
            }
            let counted = report.classes.iter().zip(&report.class_counts);
            let lacking = counted.filter(|(_, count)| **count == 0).map(|(class, _)| class);
            let lacking: Vec<String> = lacking
                .map(|class| format!("No sample has the class {class}: nothing can be learnt."))
                .collect();
            report.problems.extend(lacking);
            Ok(report)
        }
        // It is for prediction, or a name cannot be read: then that is said again.
        Err(DatasetError::Name { .. }) => match read_unlabelled(open()?, limits) {
            Ok(file) => Ok(DatasetReport::of(&file.header, &file.features)),
            Err(error) => broken(&error),
        },
        Err(error) => broken(&error),
    }
}

/// A dataset whose header is sound and whose samples are not is a dataset with a problem.
fn broken(error: &DatasetError) -> Result<DatasetReport, BackendError> {
    match error {
        DatasetError::Truncated { .. } | DatasetError::Header { .. } | DatasetError::Read(_) => {
            Err(refused(format!(
                "This is neither an ONNX file, nor an export, nor a dataset of Moodle's. As a dataset it has this \
                 problem: {error}."
            )))
        }
        told => Ok(DatasetReport { problems: vec![sentence(told)], ..DatasetReport::default() }),
    }
}

fn sentence(error: &DatasetError) -> String {
    format!("{error}.")
}

impl DatasetReport {
    fn of(header: &Header, features: &Features) -> Self {
        let rows: Vec<u32> = (0..features.rows() as u32).collect();
        let empty = |column: &crate::dataset::Column| -> f64 {
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
