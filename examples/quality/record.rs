//! The results of one method on one task as a line of JSON, the same format for every program.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::Failure;

/// One method on one task.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    pub task: String,
    pub method: String,
    /// Why the method was skipped; then there are no results.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
    /// Expected calibration error of the predictions of all splits together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calibration_error: Option<f64>,
    pub splits: Vec<SplitMetrics>,
    /// The decisions of the training in the first split.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub decisions: Vec<String>,
}

/// The metrics of the test samples of one split.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct SplitMetrics {
    pub accuracy: f64,
    pub balanced_accuracy: f64,
    /// Mean over classes, weighted with their shares.
    pub f1: f64,
    /// Of the second class; of more than two classes the mean of each against the rest.
    pub auc: Option<f64>,
    pub log_loss: f64,
    /// Half the squared distance between probabilities and truth.
    pub brier: f64,
    pub train_seconds: f64,
    pub predict_seconds: f64,
}

impl Record {
    /// The mean of a metric over the splits; `None` without any.
    pub fn mean(&self, metric: impl Fn(&SplitMetrics) -> Option<f64>) -> Option<f64> {
        let numbers: Vec<f64> = self.splits.iter().filter_map(metric).collect();
        (!numbers.is_empty()).then(|| numbers.iter().sum::<f64>() / numbers.len() as f64)
    }
}

/// Reads the records of a file.
pub fn read(path: &Path) -> Result<Vec<Record>, Failure> {
    let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let file = File::open(path).map_err(|error| failed(&error))?;
    BufReader::new(file)
        .lines()
        .map(|line| Ok(serde_json::from_str(&line?).map_err(|error| failed(&error))?))
        .collect()
}
